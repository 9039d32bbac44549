"""What of a story is in sight, and how that moves.

A place is a *block's name*, never a row's number: so the view stays where it is when a message arrives
below, when older ones come above, and when the pane gets another size. Only the blocks in sight are
looked at.
"""

from collections import deque
from collections.abc import Hashable
from enum import Enum, auto
from typing import NamedTuple

from chatroom.client.view.draw.text import Row
from chatroom.client.view.history.content import ScrollContent


class ContentEdge(Enum):
    """An end of a story, held fast whatever comes there."""

    START = auto()
    END = auto()


class ViewAnchor(NamedTuple):
    """The lowest row in sight: a block by its name, and how many of the block's rows are below that row."""

    block: Hashable
    hidden: int = 0


Place = ViewAnchor | ContentEdge


class ContentRow(NamedTuple):
    """A row of a story as it is now."""

    block: int
    row: int


class ViewPicture(NamedTuple):
    """What is in sight, and the place at which to look again."""

    rows: list[Row]
    top: ContentRow
    bottom: ContentRow
    place: Place


def take_picture(sight: "ContentSnapshot", place: Place, height: int) -> ViewPicture:
    """The rows around a place: upwards from it, and downwards as well where the story's start is in sight."""
    spots = deque([sight.find_row(place)])
    while len(spots) < height and (above := sight.row_above(spots[0])):
        spots.appendleft(above)
    while len(spots) < height and (below := sight.row_below(spots[-1])):
        spots.append(below)
    rows = [sight.row_at(spot) for spot in spots]
    return ViewPicture(rows, spots[0], spots[-1], sight.find_place(spots[0], spots[-1], place))


def move_place(sight: "ContentSnapshot", seen: ViewPicture, rows: int) -> Place:
    """The place so many rows further down, or up where ``rows`` is negative."""
    step = sight.row_below if rows > 0 else sight.row_above
    spot = seen.bottom
    for _ in range(abs(rows)):
        spot = step(spot) or spot
    return sight.anchor_at(spot)


def place_around(sight: "ContentSnapshot", block: int, height: int) -> Place:
    """The place at which a block stands in the middle."""
    spot = ContentRow(block, 0)
    for _ in range(height // 2):
        spot = sight.row_below(spot) or spot
    return sight.anchor_at(spot)


class ContentSnapshot:
    """A story as it is now, at one width. No block is asked for twice; those without rows are passed over."""

    def __init__(self, story: ScrollContent, width: int) -> None:
        self.story = story
        self._width = width
        self._rows: dict[int, list[Row]] = {}

    def row_at(self, spot: ContentRow) -> Row:
        rows = self._rows_of(spot.block)
        return rows[spot.row] if rows else []

    def row_above(self, spot: ContentRow) -> ContentRow | None:
        if spot.row > 0:
            return ContentRow(spot.block, spot.row - 1)
        return self._last_of(range(spot.block - 1, -1, -1))

    def row_below(self, spot: ContentRow) -> ContentRow | None:
        if spot.row + 1 < len(self._rows_of(spot.block)):
            return ContentRow(spot.block, spot.row + 1)
        return self._first_of(range(spot.block + 1, len(self.story)))

    def find_row(self, place: Place) -> ContentRow:
        """Where a place is now. The end, if its block is no longer there."""
        if place is ContentEdge.START:
            return self._first_of(range(len(self.story))) or ContentRow(0, 0)
        if isinstance(place, ViewAnchor) and (block := self.story.find_block(place.block)) is not None:
            return ContentRow(block, max(0, len(self._rows_of(block)) - 1 - place.hidden))
        return self._last_of(range(len(self.story) - 1, -1, -1)) or ContentRow(0, 0)

    def find_place(self, top: ContentRow, bottom: ContentRow, sought: Place) -> Place:
        """How to find back to what is in sight. Of a story that is in sight as a whole, the end if that was
        ``sought``: more may come there.
        """
        at_end = self.row_below(bottom) is None and not self.story.open_end
        at_start = self.story.opens_at_top and self.row_above(top) is None
        if at_start and not (at_end and sought is ContentEdge.END):
            return ContentEdge.START
        return ContentEdge.END if at_end else self.anchor_at(bottom)

    def anchor_at(self, spot: ContentRow) -> ViewAnchor:
        return ViewAnchor(self.story.block_name(spot.block), len(self._rows_of(spot.block)) - 1 - spot.row)

    def _rows_of(self, block: int) -> list[Row]:
        if block not in self._rows:
            self._rows[block] = self.story.block_rows(block, self._width)
        return self._rows[block]

    def _first_of(self, blocks: range) -> ContentRow | None:
        return next((ContentRow(block, 0) for block in blocks if self._rows_of(block)), None)

    def _last_of(self, blocks: range) -> ContentRow | None:
        return next(
            (ContentRow(block, len(self._rows_of(block)) - 1) for block in blocks if self._rows_of(block)),
            None,
        )
