"""Acts on what the terminal reports: background, keyboard protocol, width of characters, clicks."""

from collections.abc import Callable

from prompt_toolkit.output import Output

from chatroom.client.view.draw.terminal_output import TerminalOutput
from chatroom.client.view.draw.theme import ThemeStyles, background_of
from chatroom.client.view.keys.mouse import click
from chatroom.client.view.screen_state import ScreenState

_BACKGROUND = "11;"
_KEYBOARD = "u"
_LEFT_BUTTON = "<0;"
_NARROW, _WIDE = "2;2R", "2;3R"
"""Where the cursor is after an ambiguous character in the first column of row 2."""


class TerminalReports:
    """Handles the reports of one terminal. ``redraw`` draws the screen again."""

    def __init__(
        self, screen_state: ScreenState, output: Output, themes: ThemeStyles, redraw: Callable[[], None]
    ) -> None:
        self._screen_state = screen_state
        self._output = output
        self._themes = themes
        self._redraw = redraw
        self.draws_wide = False  # ambiguous characters

    def handle(self, report: str) -> None:
        if report.startswith(_BACKGROUND):
            self._themes.background = background_of(report.removeprefix(_BACKGROUND))
            self._redraw()
        elif report.startswith("?") and report.endswith(_KEYBOARD):
            if isinstance(self._output, TerminalOutput):
                self._output.use_kitty_keys()
        elif report in (_NARROW, _WIDE):
            self.draws_wide = report == _WIDE
            self._redraw()
        elif report.startswith(_LEFT_BUTTON) and report.endswith("M"):
            column, row = (int(part) - 1 for part in report.removeprefix(_LEFT_BUTTON)[:-1].split(";"))
            click(self._screen_state, column, row)
            self._redraw()
