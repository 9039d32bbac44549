"""Translates sequences of terminals that prompt_toolkit does not know, before it parses the input.

Keys in the form of the kitty protocol (``CSI 13;2u``) and of xterm's modifyOtherKeys (``CSI 27;2;13~``)
become the bytes that older terminals send. Answers of the terminal are reported. Wheel events become keys
of their own. Any other complete sequence is dropped, so that none is typed as text.
"""

import re
from collections.abc import Callable

from prompt_toolkit.input.ansi_escape_sequences import ANSI_SEQUENCES

SCROLL_UP, SCROLL_DOWN = "\x1b[62~", "\x1b[63~"
"""What wheel events become, one for each row: prompt_toolkit's sequences for the wheel."""

WHEEL_ROWS = 3
"""Rows that one wheel event scrolls."""

MAX_REPORT = 256
"""Characters of a report that is not complete yet. A longer one is dropped."""

_SEQUENCE = re.compile(
    r"\x1b\](?P<osc>\d[^\x07\x1b]*)(?:\x07|\x1b\\)"
    r"|\x1b[P_^X][^\x1b]*\x1b\\"
    r"|\x1b\[(?P<csi>[0-?]*[ -/]*[@-~])"
)
_UNFINISHED = re.compile(r"\x1b(?:\]\d[^\x07\x1b]*\x1b?|[P_^X][^\x1b]+\x1b?|\[[0-?]+[ -/]*)$")
_KITTY_KEY = re.compile(r"(\d+)(?::\d*)*(?:;(\d*)(?::(\d+))?)?(?:;[\d:]*)?u")
_OTHER_KEY = re.compile(r"27;(\d+);(\d+)~")
_MOUSE = re.compile(r"<(\d+);(\d+);(\d+)[Mm]")
_CURSOR = re.compile(r"2;\d+R")  # in row 2; keys have a 1 here
_WHEEL = re.compile(r"(?:(?:\x1b\[A|\x1bOA){3,}|(?:\x1b\[B|\x1bOB){3,})")
_PASTE_START, _PASTE_END = "200~", "201~"

_WHEEL_BUTTONS = {64: SCROLL_UP, 65: SCROLL_DOWN}
_MOUSE_MODIFIERS = 4 | 8 | 16

_SHIFT, _ALT, _CTRL = 1, 2, 4
_KEYPAD = {57399 + digit: str(digit) for digit in range(10)} | {
    57409: ".", 57410: "/", 57411: "*", 57412: "-", 57413: "+", 57414: "\r", 57415: "=",
    57417: "\x1b[D", 57418: "\x1b[C", 57419: "\x1b[A", 57420: "\x1b[B", 57421: "\x1b[5~", 57422: "\x1b[6~",
    57423: "\x1b[H", 57424: "\x1b[F", 57425: "\x1b[2~", 57426: "\x1b[3~",
}  # fmt: skip
"""The keypad's keys in the kitty protocol."""


class SequenceTranslator:
    """Translates what one terminal sends. ``on_report`` gets answers and clicks: ``11;rgb:…``, ``2;3R``."""

    def __init__(self, on_report: Callable[[str], None]) -> None:
        self._on_report = on_report
        self._unfinished = ""

    def translate(self, data: str) -> str:
        """Return the input for prompt_toolkit. The start of a sequence waits for its end."""
        data, self._unfinished = self._unfinished + data, ""
        if _WHEEL.fullmatch(data):
            return (SCROLL_UP if data[2] == "A" else SCROLL_DOWN) * (len(data) // len("\x1b[A"))
        head, mark, pasted = data.partition(f"\x1b[{_PASTE_START}")
        if not mark and (unfinished := _UNFINISHED.search(head)):
            head, rest = head[: unfinished.start()], head[unfinished.start() :]
            self._unfinished = rest if len(rest) <= MAX_REPORT else ""
        return _SEQUENCE.sub(self._translated, head) + mark + pasted

    def flush(self) -> str:
        """Return the start of a key's sequence that has not ended in time. Reports may take longer."""
        if not self._unfinished.startswith("\x1b["):
            return ""
        unfinished, self._unfinished = self._unfinished, ""
        return unfinished

    def _translated(self, match: re.Match[str]) -> str:
        if match["osc"] is not None:
            self._on_report(match["osc"])
            return ""
        csi = match["csi"]
        if csi is None:
            return ""
        if csi.startswith("?") or _CURSOR.fullmatch(csi):
            self._on_report(csi)
            return ""
        if mouse := _MOUSE.fullmatch(csi):
            return self._translated_mouse(csi, int(mouse[1]) & ~_MOUSE_MODIFIERS)
        if key := _KITTY_KEY.fullmatch(csi):
            released = key[3] == "3"
            return "" if released else _key_bytes(int(key[1]), int(key[2] or 1))
        if key := _OTHER_KEY.fullmatch(csi):
            return _key_bytes(int(key[2]), int(key[1]))
        is_known = match[0] in ANSI_SEQUENCES or csi in ("I", "O", _PASTE_END) or csi.endswith("R")
        return match[0] if is_known else ""

    def _translated_mouse(self, csi: str, button: int) -> str:
        """Return the wheel's keys; a click is reported."""
        if button in _WHEEL_BUTTONS:
            return _WHEEL_BUTTONS[button] * WHEEL_ROWS
        self._on_report(csi)
        return ""


def _key_bytes(code: int, modifiers: int) -> str:
    """Return what a terminal without these protocols sends for a key; nothing if it has no bytes."""
    held = (modifiers - 1) & (_SHIFT | _ALT | _CTRL)
    alt = "\x1b" if held & _ALT else ""
    if code in _KEYPAD:
        return alt + _KEYPAD[code]
    if code == 13:
        return "\x1b\r" if held else "\r"  # a new line, with any modifier
    if code == 9:
        return "\x1b[Z" if held & _SHIFT else f"{alt}\t"
    if code == 127:
        return "\x17" if held & _CTRL else f"{alt}\x7f"
    if code == 27:
        return "\x1b"
    if not 32 <= code < 0xD800:
        return ""
    letter = chr(code)
    if held & _CTRL:
        return alt + chr(ord(letter.upper()) & 0x1F) if letter.isascii() and letter.isalpha() else ""
    return alt + (letter.upper() if held & _SHIFT else letter)
