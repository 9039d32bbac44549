"""The output to the terminal, with what prompt_toolkit's does not do.

While the screen is shown, the terminal reports whether it has the focus. Links are sent with their targets
if ``shows_links`` is set. A frame is sent as one update, which terminals that know this mode draw at once.
"""

from prompt_toolkit.output.vt100 import Vt100_Output

from chatroom.client.view.draw.link_text import LinkText

_REPORT_FOCUS, _STOP_REPORTING_FOCUS = "\x1b[?1004h", "\x1b[?1004l"
_KEEP_TITLE, _RESTORE_TITLE = "\x1b[22;2t", "\x1b[23;2t"
_ASK_BACKGROUND, _ASK_KEYS = "\x1b]11;?\x1b\\", "\x1b[?u"
_OTHER_KEYS, _STOP_OTHER_KEYS = "\x1b[>4;1m\x1b[m", "\x1b[>4m\x1b[m"  # a terminal may take it for a style
_KITTY_KEYS, _STOP_KITTY_KEYS = "\x1b[>1u", "\x1b[<u"
_MOUSE, _STOP_MOUSE = "\x1b[?1000h\x1b[?1006h", "\x1b[?1006l\x1b[?1000l"
_BEGIN_UPDATE, _END_UPDATE = "\x1b[?2026h", "\x1b[?2026l"


class TerminalOutput(Vt100_Output):
    """Writes to a terminal that obeys xterm's sequences or ignores them."""

    shows_links = False
    asks_terminal = False  # whether the terminal may be asked for its background and its keys
    _has_kitty_keys = _has_mouse = False
    _title = ""

    def enter_alternate_screen(self) -> None:
        super().enter_alternate_screen()
        self.write_raw(_REPORT_FOCUS)
        self.write_raw(_KEEP_TITLE)
        if self.asks_terminal:
            self.write_raw(_OTHER_KEYS + _ASK_KEYS + _ASK_BACKGROUND)

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
        """Let the terminal, which has answered that it can, send each key as a sequence of its own."""
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
        if self.shows_links and isinstance(data, LinkText):
            self.write_raw(data.sequence)
        else:
            super().write(data)

    def flush(self) -> None:
        if self._buffer:
            self._buffer = [_BEGIN_UPDATE, *self._buffer, _END_UPDATE]
        super().flush()
