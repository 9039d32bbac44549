"""A pane whose rows are made for its size whenever it is drawn; its counterpart is the function that
does so.
"""

from collections.abc import Callable

from prompt_toolkit.formatted_text import StyleAndTextTuples
from prompt_toolkit.layout import Window
from prompt_toolkit.layout.controls import UIContent, UIControl

from client.view.text import Row

Rows = Callable[[int, int], list[Row]]
"""Width and height -> at most so many rows."""


class Pane(UIControl):
    def __init__(self, rows: Rows) -> None:
        self._rows = rows

    def create_content(self, width: int, height: int) -> UIContent:
        return content(self._rows(width, height))


def content(rows: list[Row]) -> UIContent:
    """Rows, for prompt_toolkit."""

    def row(number: int) -> StyleAndTextTuples:
        return [*rows[number]]

    return UIContent(row, len(rows), show_cursor=False)


def pane(rows: Rows, *, width: int | None = None, height: int | None = None) -> Window:
    """A window of that many columns or rows; ``None`` takes what there is."""
    return Window(Pane(rows), width=width, height=height)


def line(row: Callable[[int], Row]) -> Window:
    """A window one row high."""
    return pane(lambda width, height: [row(width)][:height], height=1)
