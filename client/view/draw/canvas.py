"""Rows on the screen: how they get there, and a pane whose rows are made for its size whenever it is drawn.

The counterparts are the functions that make rows, and prompt_toolkit's screen, a grid of cells.
prompt_toolkit's own windows lay every character of every picture anew. Here a row becomes cells once, and
most rows of a picture stood on the one before.
"""

from collections.abc import Callable, Iterable
from functools import lru_cache

from chatroom.client.view.draw.text import Fragment, Row, clip_text, column_count, drawable_text, text_units
from prompt_toolkit.layout import Container, Dimension
from prompt_toolkit.layout.mouse_handlers import MouseHandlers
from prompt_toolkit.layout.screen import Char, Screen, WritePosition

Rows = Callable[[int, int], list[Row]]
"""Width and height -> at most so many rows."""

_COVERED = Char("")


class CanvasPane(Container):
    """Of that many lines; ``None`` takes what there is."""

    def __init__(self, rows: Rows, height: int | None = None) -> None:
        self._rows = rows
        self._height = Dimension() if height is None else Dimension.exact(height)

    def reset(self) -> None:
        pass  # between two pictures it knows nothing

    def preferred_width(self, max_available_width: int) -> Dimension:
        return Dimension()

    def preferred_height(self, width: int, max_available_height: int) -> Dimension:
        return self._height

    def write_to_screen(
        self,
        screen: Screen,
        mouse_handlers: MouseHandlers,
        write_position: WritePosition,
        parent_style: str,
        erase_bg: bool,
        z_index: int | None,
    ) -> None:
        rows = self._rows(write_position.width, write_position.height)
        Canvas(screen, write_position.xpos + write_position.width).draw_rows(
            rows, write_position.ypos, write_position.xpos
        )

    def get_children(self) -> list[Container]:
        return []


class Canvas:
    """What rows are laid on: a screen of so many columns.

    Prompt_toolkit compares and writes cell by cell, and a cell may hold more than a character. Here it holds
    all of a fragment, so a picture is some hundred cells instead of some thousand. Only where something may
    come to lie over the rows they have to be ``torn``: it looks at nothing in the middle of a cell.
    """

    def __init__(self, screen: Screen, width: int, *, torn: bool = False) -> None:
        self._screen = screen
        self._width = width
        self._cells = _torn_cells if torn else _row_cells

    def draw_rows(self, rows: Iterable[Row], line: int, column: int = 0, width: int | None = None) -> None:
        """Rows, the first character of the first of them here; what is too wide is clipped."""
        end = self._width if width is None else column + width
        fills = end < self._width  # at the right edge, nothing is written behind a row's end
        for number, row in enumerate(rows, line):
            self._screen.data_buffer[number].update(self._cells(tuple(row), column, end, fills))


@lru_cache(maxsize=2048)
def _row_cells(row: tuple[Fragment, ...], column: int, end: int, fills: bool) -> dict[int, Char]:
    """What stands in the columns from this one to before the end, one cell for each fragment."""
    cells: dict[int, Char] = {}
    for style, text in row:
        text = clip_text(drawable_text(text), end - column)
        width = column_count(text)
        cells |= _wide_cell(column, text, style, width)
        column += width
    if fills and column < end:
        cells |= _wide_cell(column, " " * (end - column), "", end - column)
    return cells


@lru_cache(maxsize=256)
def _torn_cells(row: tuple[Fragment, ...], column: int, end: int, fills: bool) -> dict[int, Char]:
    """The same, each character a cell."""
    cells: dict[int, Char] = {}
    for at, whole in _row_cells(row, column, end, fills).items():
        for unit in text_units(whole.char):
            cells |= _wide_cell(at, unit.text, whole.style, unit.columns)
            at += unit.columns
    return cells


def _wide_cell(column: int, text: str, style: str, width: int) -> dict[int, Char]:
    """A cell, and the empty ones that it covers: whatever comes there next is another than these, and so is
    nothing at all.
    """
    cell = Char(text, style)
    cell.width = width  # its own reckoning would not know flags
    return {column: cell} | dict.fromkeys(range(column + 1, column + width), _COVERED)
