"""The only way from the line front ends (``--plain``, ``--json``, error messages) to a terminal.

Every character passes ``protocol.safe`` here once more, whatever its caller has done already, so a text of a
server, a file or an exception that was forgotten elsewhere still cannot command the terminal.
"""

import json
import sys

from chatroom.client.line_ui import standard_streams
from chatroom.protocol.safe import json_text, safe_text


def write_line(text: str) -> None:
    """A line, or several, on standard output. Raises ``OSError``."""
    print(safe_text(text, lines=True), flush=True)


def write_json(value: object) -> None:
    """A value as one line of JSON on standard output. Raises ``OSError``."""
    print(json_text(json.dumps(value, ensure_ascii=False, default=str)), flush=True)


def write_error(text: str, *, end: str = "\n") -> None:
    """On standard error, so that a script's output holds nothing but messages and events."""
    try:
        print(safe_text(text, lines=True), end=end, file=sys.stderr, flush=True)
    except OSError:
        standard_streams.discard(sys.stderr.fileno())  # there is no other place to tell of it
