"""Rows drawn on a real screen replace all earlier content."""

from io import StringIO

import pyte
from hypothesis import given, settings
from hypothesis import strategies as st
from prompt_toolkit.application import Application
from prompt_toolkit.data_structures import Size
from prompt_toolkit.input import DummyInput
from prompt_toolkit.layout import Container, Dimension, Layout, Window
from prompt_toolkit.layout.mouse_handlers import MouseHandlers
from prompt_toolkit.layout.screen import Char, Screen, WritePosition
from prompt_toolkit.output.vt100 import Vt100_Output

from chatroom.client.view.draw.canvas import Canvas
from chatroom.client.view.draw.text import Row, clip_text, column_count, fit_text

WIDTH, HEIGHT = 20, 3
LEFT = 8
"""Columns of the left pane; the right pane has the rest."""

MENU = 5, 1
"""Column and line of the menu."""


class TwoPanes(Container):
    """Two panes side by side, and a menu that may cover both."""

    def __init__(self) -> None:
        self.left: list[Row] = []
        self.right: list[Row] = []
        self.menu = ""
        self._window = Window()  # a layout needs a focusable window

    def reset(self) -> None:
        pass

    def preferred_width(self, max_available_width: int) -> Dimension:
        return Dimension()

    def preferred_height(self, width: int, max_available_height: int) -> Dimension:
        return Dimension()

    def get_children(self) -> list[Container]:
        return [self._window]

    def write_to_screen(
        self,
        screen: Screen,
        mouse_handlers: MouseHandlers,
        write_position: WritePosition,
        parent_style: str,
        erase_bg: bool,
        z_index: int | None,
    ) -> None:
        canvas = Canvas(screen, write_position.width, split=bool(self.menu))
        canvas.draw_rows(self.left, 0, 0, LEFT)
        canvas.draw_rows(self.right, 0, LEFT)
        screen.height = HEIGHT
        column, line = MENU
        for at, letter in enumerate(self.menu, column):
            screen.data_buffer[line][at] = Char(letter)


class RenderedTerminal:
    """Renders the panes to a pyte screen."""

    def __init__(self, panes: TwoPanes) -> None:
        self._output = StringIO()
        self._screen = pyte.Screen(WIDTH, HEIGHT)
        self._terminal = pyte.Stream(self._screen)
        output = Vt100_Output(self._output, lambda: Size(HEIGHT, WIDTH), enable_cpr=False)
        self._application: Application[None] = Application(
            Layout(panes), full_screen=True, input=DummyInput(), output=output
        )

    def draw(self) -> list[str]:
        self._application.renderer.render(self._application, self._application.layout)
        self._terminal.feed(self._output.getvalue())
        self._output.seek(0)
        self._output.truncate()
        return [line.rstrip() for line in self._screen.display]


def expected(left: list[Row], right: list[Row]) -> list[str]:
    def text(rows: list[Row], number: int) -> str:
        return "".join(part for _, part in rows[number]) if number < len(rows) else ""

    return [
        (fit_text(text(left, number), LEFT) + clip_text(text(right, number), WIDTH - LEFT)).rstrip()
        for number in range(HEIGHT)
    ]


def frames(letters: str) -> st.SearchStrategy[list[tuple[list[Row], list[Row]]]]:
    def rows(width: int) -> st.SearchStrategy[list[Row]]:
        fragment = st.tuples(st.sampled_from(["", "class:topic"]), st.text(letters, min_size=1))
        row = st.lists(fragment, max_size=3).filter(
            lambda row: sum(column_count(text) for _, text in row) <= width
        )
        return st.lists(row, min_size=HEIGHT, max_size=HEIGHT)

    return st.lists(st.tuples(rows(LEFT), rows(WIDTH - LEFT)), min_size=1, max_size=4)


@settings(max_examples=40)
@given(frames("ab  你é"))
def test_frame_replaces_the_rows_of_the_previous_frame(
    frame_rows: list[tuple[list[Row], list[Row]]],
) -> None:
    panes = TwoPanes()
    terminal = RenderedTerminal(panes)
    for panes.left, panes.right in frame_rows:
        assert terminal.draw() == expected(panes.left, panes.right)


@settings(max_examples=40)
@given(frames("ab "), st.lists(st.sampled_from(["", "menu", "ab"]), min_size=4, max_size=4))
def test_menu_covers_the_rows_and_disappears_completely(
    frame_rows: list[tuple[list[Row], list[Row]]], menus: list[str]
) -> None:
    panes = TwoPanes()
    terminal = RenderedTerminal(panes)
    for (panes.left, panes.right), panes.menu in zip(frame_rows, menus, strict=False):
        lines = expected(panes.left, panes.right)
        column, line = MENU
        under = lines[line].ljust(WIDTH)
        lines[line] = (under[:column] + panes.menu + under[column + len(panes.menu) :]).rstrip()
        assert terminal.draw() == lines


def test_removed_row_is_cleared() -> None:
    panes = TwoPanes()
    panes.left, panes.right = [[("", "abcd")]], [[("", "x")]]
    terminal = RenderedTerminal(panes)
    assert terminal.draw()[0] == "abcd    x"
    panes.left = []
    assert terminal.draw()[0] == "        x"


def test_too_wide_row_is_clipped_at_the_edge_of_its_pane() -> None:
    panes = TwoPanes()
    panes.left, panes.right = [[("", "a very long row")]], [[("", "b")]]
    assert RenderedTerminal(panes).draw()[0] == "a very …b"


def test_control_sequence_is_made_visible() -> None:
    panes = TwoPanes()
    panes.right = [[("", "\x1b[2J\x9b31m")]]
    assert RenderedTerminal(panes).draw()[0].strip() == "␛[2J�31m"
