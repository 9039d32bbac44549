"""Draw rows on prompt_toolkit's screen, a grid of cells.

prompt_toolkit's own windows lay out every character again for each frame. Here the cells of a row are cached,
because most rows of a frame were on the previous one too.
"""

from collections.abc import Callable, Iterable

from prompt_toolkit.layout import Container, Dimension
from prompt_toolkit.layout.mouse_handlers import MouseHandlers
from prompt_toolkit.layout.screen import Char, Screen, WritePosition

from chatroom.client.view.draw.joined_rows import join_sequence
from chatroom.client.view.draw.link_text import LinkText, link_style, split_style
from chatroom.client.view.draw.text import Fragment, Row, clip_text, column_count, drawable_text, text_units
from chatroom.client.view.draw.widths import cached_by_width

RowSource = Callable[[int, int], list[Row]]
"""Takes width and height, returns at most ``height`` rows."""

_COVERED_CELL = Char("")


class CanvasPane(Container):
    """A pane whose rows are computed each time. With ``height`` ``None`` it takes the available lines."""

    def __init__(self, rows: RowSource, height: int | None = None) -> None:
        self._rows = rows
        self._height = Dimension() if height is None else Dimension.exact(height)

    def reset(self) -> None:
        pass  # no state

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
    """Draws rows on a screen of ``width`` columns.

    prompt_toolkit compares and writes cell by cell, and a cell may hold more than one character. Here a cell
    holds a whole fragment, so a frame is some hundred cells instead of some thousand. If a menu may cover a
    part of the rows, ``split`` is needed: one cell per character.
    """

    def __init__(self, screen: Screen, width: int, *, split: bool = False) -> None:
        self._screen = screen
        self._width = width
        self._cells = _character_cells if split else _row_cells

    def draw_rows(self, rows: Iterable[Row], line: int, column: int = 0, width: int | None = None) -> None:
        """Draw rows from this line and column on, clipped to the width."""
        end = self._width if width is None else column + width
        pad = end < self._width  # at the right edge, nothing is written after the end of a row
        above: Row = []
        for number, row in enumerate(rows, line):
            self._screen.data_buffer[number].update(self._cells(tuple(row), column, end, pad))
            if join := join_sequence(above, row, end):
                self._screen.zero_width_escapes[number][column] = join
            above = row


@cached_by_width(maxsize=2048)
def _row_cells(row: tuple[Fragment, ...], column: int, end: int, pad: bool) -> dict[int, Char]:
    """Return the cells of the columns from ``column`` to before ``end``, one for each fragment."""
    cells: dict[int, Char] = {}
    for style, text in row:
        text = clip_text(drawable_text(text), end - column)
        width = column_count(text)
        cells |= _wide_cell(column, text, style, width)
        column += width
    if pad and column < end:
        cells |= _wide_cell(column, " " * (end - column), "", end - column)
    return cells


@cached_by_width(maxsize=256)
def _character_cells(row: tuple[Fragment, ...], column: int, end: int, pad: bool) -> dict[int, Char]:
    """Return the same with one cell for each character."""
    cells: dict[int, Char] = {}
    for at, cell in _row_cells(row, column, end, pad).items():
        style = link_style(cell.style, cell.char.target) if isinstance(cell.char, LinkText) else cell.style
        for unit in text_units(cell.char):
            cells |= _wide_cell(at, unit.text, style, unit.columns)
            at += unit.columns
    return cells


def _wide_cell(column: int, text: str, style: str, width: int) -> dict[int, Char]:
    """Return a cell and the empty cells that it covers.

    The empty cells differ from all others, so prompt_toolkit redraws these columns when they change.
    """
    style, target = split_style(style)
    cell = Char(text, style)
    if target:
        cell.char = LinkText(text, target)
    cell.width = width  # Char computes a wrong width for flags
    return {column: cell} | dict.fromkeys(range(column + 1, column + width), _COVERED_CELL)
