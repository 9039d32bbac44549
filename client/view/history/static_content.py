"""A content of fixed lines, for the home screen and the help. It is small enough to be built as a whole."""

from collections.abc import Hashable, Sequence
from typing import NamedTuple, Protocol

from chatroom.client.view.draw.text import Row, wrap_row


class StaticBlock(Protocol):
    """A part of the content that wraps itself."""

    def rows_at(self, width: int) -> list[Row]: ...


class StaticLine(NamedTuple):
    """A line of any length. ``hanging_indent`` indents its rows after the first."""

    row: Row
    hanging_indent: int = 2

    def rows_at(self, width: int) -> list[Row]:
        return wrap_row(self.row, width, min(self.hanging_indent, width // 2))


class StaticContent:
    """Each block is wrapped if it is too long for the pane."""

    below_key = "status.more_lines"

    def __init__(self, title: str, blocks: Sequence[StaticBlock], *, opens_at_top: bool = True) -> None:
        self.title = title
        self.opens_at_top = opens_at_top
        self.has_more_below = False
        self._blocks = blocks

    def __len__(self) -> int:
        return len(self._blocks)

    def block_rows(self, block: int, width: int) -> list[Row]:
        return self._blocks[block].rows_at(width)

    def block_key(self, block: int) -> Hashable:
        return block

    def find_block(self, key: Hashable) -> int | None:
        return key if isinstance(key, int) and key < len(self._blocks) else None

    def count_below(self, block: int) -> int:
        return len(self._blocks) - 1 - block
