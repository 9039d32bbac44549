"""Rows on the screen: whatever stood there before, a picture shows these rows and nothing else."""

from io import StringIO

import pyte
from chatroom.client.view.draw.canvas import Canvas
from chatroom.client.view.draw.text import Row, clip_text, column_count, fit_text
from hypothesis import given, settings
from hypothesis import strategies as st
from prompt_toolkit.application import Application
from prompt_toolkit.data_structures import Size
from prompt_toolkit.input import DummyInput
from prompt_toolkit.layout import Container, Dimension, Layout, Window
from prompt_toolkit.layout.mouse_handlers import MouseHandlers
from prompt_toolkit.layout.screen import Char, Screen, WritePosition
from prompt_toolkit.output.vt100 import Vt100_Output

WIDTH, HEIGHT = 20, 3
LEFT = 8
"""Columns of the pane on the left; the other one has the rest."""

MENU = 5, 1
"""Column and line of the menu."""


class Board(Container):
    """Two panes side by side, and a menu that may lie over both."""

    def __init__(self) -> None:
        self.left: list[Row] = []
        self.right: list[Row] = []
        self.menu = ""
        self._window = Window()  # a layout needs one that can be typed into

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


class Glass:
    """A terminal that shows a board, picture after picture."""

    def __init__(self, board: Board) -> None:
        self._wire = StringIO()
        self._screen = pyte.Screen(WIDTH, HEIGHT)
        self._terminal = pyte.Stream(self._screen)
        output = Vt100_Output(self._wire, lambda: Size(HEIGHT, WIDTH), enable_cpr=False)
        self._application: Application[None] = Application(
            Layout(board), full_screen=True, input=DummyInput(), output=output
        )

    def look(self) -> list[str]:
        self._application.renderer.render(self._application, self._application.layout)
        self._terminal.feed(self._wire.getvalue())
        self._wire.seek(0)
        self._wire.truncate()
        return [line.rstrip() for line in self._screen.display]


def expected(left: list[Row], right: list[Row]) -> list[str]:
    def text(rows: list[Row], number: int) -> str:
        return "".join(part for _, part in rows[number]) if number < len(rows) else ""

    return [
        (fit_text(text(left, number), LEFT) + clip_text(text(right, number), WIDTH - LEFT)).rstrip()
        for number in range(HEIGHT)
    ]


def pictures(letters: str) -> st.SearchStrategy[list[tuple[list[Row], list[Row]]]]:
    def rows(width: int) -> st.SearchStrategy[list[Row]]:
        fragment = st.tuples(st.sampled_from(["", "class:topic"]), st.text(letters, min_size=1))
        row = st.lists(fragment, max_size=3).filter(
            lambda row: sum(column_count(text) for _, text in row) <= width
        )
        return st.lists(row, min_size=HEIGHT, max_size=HEIGHT)

    return st.lists(st.tuples(rows(LEFT), rows(WIDTH - LEFT)), min_size=1, max_size=4)


@settings(max_examples=40)
@given(pictures("ab  你é"))
def test_a_picture_shows_its_rows_whatever_stood_there_before(
    told: list[tuple[list[Row], list[Row]]],
) -> None:
    board = Board()
    glass = Glass(board)
    for board.left, board.right in told:
        assert glass.look() == expected(board.left, board.right)


@settings(max_examples=40)
@given(pictures("ab "), st.lists(st.sampled_from(["", "menu", "ab"]), min_size=4, max_size=4))
def test_a_menu_lies_over_the_rows_and_leaves_nothing_behind(
    told: list[tuple[list[Row], list[Row]]], menus: list[str]
) -> None:
    board = Board()
    glass = Glass(board)
    for (board.left, board.right), board.menu in zip(told, menus, strict=False):
        lines = expected(board.left, board.right)
        column, line = MENU
        under = lines[line].ljust(WIDTH)
        lines[line] = (under[:column] + board.menu + under[column + len(board.menu) :]).rstrip()
        assert glass.look() == lines


def test_where_nothing_is_laid_nothing_is_left() -> None:
    board = Board()
    board.left, board.right = [[("", "abcd")]], [[("", "x")]]
    glass = Glass(board)
    assert glass.look()[0] == "abcd    x"
    board.left = []
    assert glass.look()[0] == "        x"


def test_what_is_too_wide_ends_at_the_pane_s_edge() -> None:
    board = Board()
    board.left, board.right = [[("", "a very long row")]], [[("", "b")]]
    assert Glass(board).look()[0] == "a very …b"


def test_nothing_that_a_terminal_would_obey_gets_to_it() -> None:
    board = Board()
    board.right = [[("", "\x1b[2J\x9b31m")]]
    assert Glass(board).look()[0].strip() == "␛[2J�31m"
