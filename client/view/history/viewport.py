"""Which rows of a content are visible, and how scrolling moves them.

A scroll position names a *block*, never a row number. So the view does not move when a message arrives below,
when older messages are loaded above, or when the pane is resized. Only visible blocks are rendered.
"""

from collections import deque
from collections.abc import Hashable
from enum import Enum, auto
from typing import NamedTuple

from chatroom.client.view.draw.text import Row
from chatroom.client.view.history.content import ScrollContent


class ContentEdge(Enum):
    """An end of a content. A view at an edge stays there when blocks are added."""

    START = auto()
    END = auto()


class ViewAnchor(NamedTuple):
    """The lowest visible row: the key of its block, and how many rows of the block are below it."""

    block_key: Hashable
    rows_below: int = 0


ScrollPosition = ViewAnchor | ContentEdge


class ContentRow(NamedTuple):
    """A row of a content snapshot: the number of its block, and its offset in the block."""

    block: int
    offset: int


class VisibleRows(NamedTuple):
    """The rows in the pane, the first and last of them, and the position that finds them again.

    ``blocks`` has the number of the block of each row.
    """

    rows: list[Row]
    top: ContentRow
    bottom: ContentRow
    position: ScrollPosition
    blocks: list[int]


def visible_rows_at(snapshot: "ContentSnapshot", position: ScrollPosition, height: int) -> VisibleRows:
    """Return the rows above a position, and those below it if the start of the content is visible."""
    visible = deque([snapshot.find_row(position)])
    while len(visible) < height and (above := snapshot.row_above(visible[0])):
        visible.appendleft(above)
    while len(visible) < height and (below := snapshot.row_below(visible[-1])):
        visible.append(below)
    top, bottom = visible[0], visible[-1]
    rows = [snapshot.row_at(row) for row in visible]
    blocks = [row.block for row in visible]
    return VisibleRows(rows, top, bottom, snapshot.position_of(top, bottom, position), blocks)


def scrolled_position(snapshot: "ContentSnapshot", visible: VisibleRows, rows: int) -> ScrollPosition:
    """Return the position ``rows`` further down, or up if negative."""
    step = snapshot.row_below if rows > 0 else snapshot.row_above
    bottom = visible.bottom
    for _ in range(abs(rows)):
        bottom = step(bottom) or bottom
    return snapshot.anchor_at(bottom)


def centered_position(snapshot: "ContentSnapshot", block: int, height: int) -> ScrollPosition:
    """Return the position that shows a block in the middle of the pane."""
    bottom = ContentRow(block, 0)
    for _ in range(height // 2):
        bottom = snapshot.row_below(bottom) or bottom
    return snapshot.anchor_at(bottom)


class ContentSnapshot:
    """A content at one moment and one width. Caches the rows of its blocks, and skips blocks without rows."""

    def __init__(self, content: ScrollContent, width: int) -> None:
        self.content = content
        self._width = width
        self._rows: dict[int, list[Row]] = {}

    def row_at(self, row: ContentRow) -> Row:
        rows = self._block_rows(row.block)
        return rows[row.offset] if rows else []

    def row_above(self, row: ContentRow) -> ContentRow | None:
        if row.offset > 0:
            return ContentRow(row.block, row.offset - 1)
        return self._first_bottom_row(range(row.block - 1, -1, -1))

    def row_below(self, row: ContentRow) -> ContentRow | None:
        if row.offset + 1 < len(self._block_rows(row.block)):
            return ContentRow(row.block, row.offset + 1)
        return self._first_top_row(range(row.block + 1, len(self.content)))

    def find_row(self, position: ScrollPosition) -> ContentRow:
        """Return the row of a position, or the last row if its block no longer exists."""
        if position is ContentEdge.START:
            return self._first_top_row(range(len(self.content))) or ContentRow(0, 0)
        if isinstance(position, ViewAnchor):
            block = self.content.find_block(position.block_key)
            if block is not None:
                return ContentRow(block, max(0, len(self._block_rows(block)) - 1 - position.rows_below))
        return self._first_bottom_row(range(len(self.content) - 1, -1, -1)) or ContentRow(0, 0)

    def position_of(self, top: ContentRow, bottom: ContentRow, requested: ScrollPosition) -> ScrollPosition:
        """Return the position of the rows from ``top`` to ``bottom``.

        If they are the whole content, this is the end if that was requested, so the view follows new blocks.
        """
        at_end = self.row_below(bottom) is None and not self.content.has_more_below
        at_start = self.content.opens_at_top and self.row_above(top) is None
        if at_start and not (at_end and requested is ContentEdge.END):
            return ContentEdge.START
        return ContentEdge.END if at_end else self.anchor_at(bottom)

    def anchor_at(self, row: ContentRow) -> ViewAnchor:
        rows_below = len(self._block_rows(row.block)) - 1 - row.offset
        return ViewAnchor(self.content.block_key(row.block), rows_below)

    def _block_rows(self, block: int) -> list[Row]:
        if block not in self._rows:
            self._rows[block] = self.content.block_rows(block, self._width)
        return self._rows[block]

    def _first_top_row(self, blocks: range) -> ContentRow | None:
        """Return the top row of the first of these blocks that has rows."""
        return next((ContentRow(block, 0) for block in blocks if self._block_rows(block)), None)

    def _first_bottom_row(self, blocks: range) -> ContentRow | None:
        """Return the bottom row of the first of these blocks that has rows."""
        bottoms = (ContentRow(block, len(rows) - 1) for block in blocks if (rows := self._block_rows(block)))
        return next(bottoms, None)
