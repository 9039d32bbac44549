"""A content of fixed lines, for the home screen and the help. It is small enough to be built as a whole."""

from collections.abc import Hashable, Sequence
from typing import NamedTuple

from chatroom.client.view.draw.text import Row, wrap_row


class StaticLine(NamedTuple):
    """A line of any length. ``hanging_indent`` indents its rows after the first."""

    row: Row
    hanging_indent: int = 2


class StaticContent:
    """Each line is a block, wrapped if it is too long for the pane."""

    def __init__(self, title: str, lines: Sequence[StaticLine], *, opens_at_top: bool = True) -> None:
        self.title = title
        self.opens_at_top = opens_at_top
        self.has_more_below = False
        self._lines = lines

    def __len__(self) -> int:
        return len(self._lines)

    def block_rows(self, block: int, width: int) -> list[Row]:
        line = self._lines[block]
        return wrap_row(line.row, width, min(line.hanging_indent, width // 2))

    def block_key(self, block: int) -> Hashable:
        return block

    def find_block(self, key: Hashable) -> int | None:
        return key if isinstance(key, int) and key < len(self._lines) else None

    def count_below(self, block: int) -> int:
        return len(self._lines) - 1 - block
