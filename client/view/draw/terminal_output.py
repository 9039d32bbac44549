"""The output to the terminal, with what prompt_toolkit's does not do.

While the screen is shown, the terminal reports whether it has the focus. Links are sent with their targets
if ``shows_links`` is set. A frame is sent as one update, which terminals that know this mode draw at once.

Terminals disagree about the width of some characters. After each of these the cursor is set, so that the rest
of the row is in its columns.
"""

from prompt_toolkit.output.vt100 import Vt100_Output

from chatroom.client.view.draw.clusters import restore_clusters
from chatroom.client.view.draw.joined_rows import JoinSequence
from chatroom.client.view.draw.link_text import LinkText
from chatroom.client.view.draw.text import COMPLEX, column_count, text_units

_REPORT_FOCUS, _STOP_REPORTING_FOCUS = "\x1b[?1004h", "\x1b[?1004l"
_KEEP_TITLE, _RESTORE_TITLE = "\x1b[22;2t", "\x1b[23;2t"
_ASK_BACKGROUND, _ASK_KEYS = "\x1b]11;?\x1b\\", "\x1b[?u"
_ASK_WIDTH = "\x1b[2;1H─\x1b[6n\x1b[2K\x1b[H"  # in row 2: an answer for row 1 could be a key, as \x1b[1;2R
_OTHER_KEYS, _STOP_OTHER_KEYS = "\x1b[>4;1m\x1b[m", "\x1b[>4m\x1b[m"  # a terminal may take it for a style
_KITTY_KEYS, _STOP_KITTY_KEYS = "\x1b[>1u", "\x1b[<u"
_MOUSE, _STOP_MOUSE = "\x1b[?1000h\x1b[?1006h", "\x1b[?1006l\x1b[?1000l"
_BEGIN_UPDATE, _END_UPDATE = "\x1b[?2026h", "\x1b[?2026l"


class TerminalOutput(Vt100_Output):
    """Writes to a terminal that obeys xterm's sequences or ignores them."""

    shows_links = False
    asks_width = False  # whether it may be asked where the cursor is after an ambiguous character
    asks_terminal = False  # whether the terminal may be asked for its background and its keys
    _has_kitty_keys = _has_mouse = False
    _title = ""
    _column = 0  # of the cursor
    _joins = False  # the next text continues the row above

    def enter_alternate_screen(self) -> None:
        self._column = 0
        super().enter_alternate_screen()
        self.write_raw(_REPORT_FOCUS)
        self.write_raw(_KEEP_TITLE)
        if self.asks_terminal:
            self.write_raw(_OTHER_KEYS + _ASK_KEYS + _ASK_BACKGROUND)
        if self.asks_terminal and self.asks_width:
            self.write_raw(_ASK_WIDTH)

    def quit_alternate_screen(self) -> None:
        self.write_raw(_STOP_REPORTING_FOCUS)
        self.write_raw(_RESTORE_TITLE)
        self.set_mouse(False)
        if self.asks_terminal:
            self.write_raw(_STOP_OTHER_KEYS)
        if self._has_kitty_keys:
            self._has_kitty_keys = False
            self.write_raw(_STOP_KITTY_KEYS)
        self._title = ""
        super().quit_alternate_screen()

    def set_terminal_title(self, title: str) -> None:
        """Set the title if it is another one. It is restored when the screen is left."""
        if title != self._title:
            self._title = title
            self.write_raw(f"\x1b]2;{title}\x1b\\")
            self.flush()

    def use_kitty_keys(self) -> None:
        """Let the terminal, which supports it, send each key as a separate sequence."""
        if not self._has_kitty_keys:
            self._has_kitty_keys = True
            self.write_raw(_KITTY_KEYS)
            self.flush()

    def set_mouse(self, on: bool) -> None:
        """Let the terminal report clicks, or not."""
        if on is not self._has_mouse:
            self._has_mouse = on
            self.write_raw(_MOUSE if on else _STOP_MOUSE)

    def write(self, data: str) -> None:
        if data.startswith("\r"):  # line ends
            self._column = 0
            super().write(data)
            return
        if self.shows_links and isinstance(data, LinkText):
            self._column += column_count(data)
            self.write_raw(data.sequence)
        else:
            self._write_text(restore_clusters(data))
        if self._joins:
            self._joins = False
            self.disable_autowrap()

    def _write_text(self, text: str) -> None:
        if COMPLEX.search(text) is None:
            self._column += column_count(text)
            super().write(text)
            return
        for unit in text_units(text):
            if COMPLEX.search(unit.text) and unit.columns:
                # A terminal that draws it narrower would keep an old character.
                self.write_raw(f"{' ' * unit.columns}\x1b[{self._column + 1}G")
                super().write(unit.text)
                self.write_raw(f"\x1b[{self._column + unit.columns + 1}G")
            else:
                super().write(unit.text)
            self._column += unit.columns

    def write_raw(self, data: str) -> None:
        super().write_raw(data)
        self._joins = self._joins or isinstance(data, JoinSequence)

    def cursor_forward(self, amount: int) -> None:
        self._column += amount
        super().cursor_forward(amount)

    def cursor_backward(self, amount: int) -> None:
        self._column = max(0, self._column - amount)
        super().cursor_backward(amount)

    def cursor_goto(self, row: int = 0, column: int = 0) -> None:
        self._column = max(0, column - 1)
        super().cursor_goto(row, column)

    def flush(self) -> None:
        if self._buffer:
            self._buffer = [_BEGIN_UPDATE, *self._buffer, _END_UPDATE]
        super().flush()
