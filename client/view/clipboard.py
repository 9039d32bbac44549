"""Copies a text to the clipboard of the user's terminal (OSC 52), also through tmux, screen and ssh."""

import os
from base64 import b64encode
from collections.abc import Mapping

MAX_BYTES = 72_000
"""Bytes of a text that terminals take."""

_SCREEN_CHUNK = 240
"""Characters that screen passes on at once."""


def copy_sequence(text: str, environment: Mapping[str, str] = os.environ) -> str:
    """Return the output that copies a text; empty if the text is too long.

    In tmux, the sequence is sent to tmux itself (``set-clipboard``) and through it (``allow-passthrough``).
    """
    data = text.encode()
    if len(data) > MAX_BYTES:
        return ""
    sequence = f"\x1b]52;c;{b64encode(data).decode()}\a"
    kind = environment.get("TERM", "")
    if environment.get("TMUX") or kind.startswith(("tmux", "screen-256color")):
        doubled = sequence.replace("\x1b", "\x1b\x1b")
        return f"{sequence}\x1bPtmux;{doubled}\x1b\\"
    if environment.get("STY") or kind.startswith("screen"):
        chunks = (sequence[at : at + _SCREEN_CHUNK] for at in range(0, len(sequence), _SCREEN_CHUNK))
        return "".join(f"\x1bP{chunk}\x1b\\" for chunk in chunks)
    return sequence
