"""Writes the output of the line front ends (``--plain``, ``--json``) and error messages.

Every text is made safe here once more, so that a text of a server, a file or an exception that a caller
forgot to escape cannot send escape sequences to the terminal.
"""

import json
import sys

from chatroom.client.line_ui import standard_streams
from chatroom.protocol.safe import json_text, safe_text


def write_line(text: str) -> None:
    """Write one or more lines to standard output. Raises ``OSError``."""
    print(safe_text(text, lines=True), flush=True)


def write_json(value: object) -> None:
    """Write a value as one line of JSON to standard output. Raises ``OSError``."""
    print(json_text(json.dumps(value, ensure_ascii=False, default=str)), flush=True)


def write_error(text: str, *, end: str = "\n") -> None:
    """Write to standard error, so that standard output has only messages and events."""
    try:
        print(safe_text(text, lines=True), end=end, file=sys.stderr, flush=True)
    except OSError:
        standard_streams.discard(sys.stderr.fileno())  # there is no other place to report it
