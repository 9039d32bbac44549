"""What of a story is in sight, and how that moves.

A place is a *block's name*, never a row's number: so the view stays where it is when a message arrives
below, when older ones come above, and when the pane gets another size. Only the blocks in sight are
looked at.
"""

from collections import deque
from collections.abc import Hashable
from enum import Enum, auto
from typing import NamedTuple

from client.view.story import Story
from client.view.text import Row


class Edge(Enum):
    """An end of a story, held fast whatever comes there."""

    START = auto()
    END = auto()


class Anchor(NamedTuple):
    """The lowest row in sight: a block by its name, and how many of the block's rows are below that row."""

    block: Hashable
    hidden: int = 0


Place = Anchor | Edge


class Spot(NamedTuple):
    """A row of a story as it is now."""

    block: int
    row: int


class Picture(NamedTuple):
    """What is in sight, and the place at which to look again."""

    rows: list[Row]
    top: Spot
    bottom: Spot
    place: Place


def picture(sight: "Sight", place: Place, height: int) -> Picture:
    """The rows around a place: upwards from it, and downwards as well where the story's start is in sight."""
    spots = deque([sight.spot(place)])
    while len(spots) < height and (above := sight.above(spots[0])):
        spots.appendleft(above)
    while len(spots) < height and (below := sight.below(spots[-1])):
        spots.append(below)
    rows = [sight.row(spot) for spot in spots]
    return Picture(rows, spots[0], spots[-1], sight.place(spots[0], spots[-1], place))


def move(sight: "Sight", seen: Picture, rows: int) -> Place:
    """The place so many rows further down, or up where ``rows`` is negative."""
    step = sight.below if rows > 0 else sight.above
    spot = seen.bottom
    for _ in range(abs(rows)):
        spot = step(spot) or spot
    return sight.anchor(spot)


def around(sight: "Sight", block: int, height: int) -> Place:
    """The place at which a block stands in the middle."""
    spot = Spot(block, 0)
    for _ in range(height // 2):
        spot = sight.below(spot) or spot
    return sight.anchor(spot)


class Sight:
    """A story as it is now, at one width. No block is asked for twice; those without rows are passed over."""

    def __init__(self, story: Story, width: int) -> None:
        self.story = story
        self._width = width
        self._rows: dict[int, list[Row]] = {}

    def row(self, spot: Spot) -> Row:
        rows = self._block(spot.block)
        return rows[spot.row] if rows else []

    def above(self, spot: Spot) -> Spot | None:
        if spot.row > 0:
            return Spot(spot.block, spot.row - 1)
        return self._last_of(range(spot.block - 1, -1, -1))

    def below(self, spot: Spot) -> Spot | None:
        if spot.row + 1 < len(self._block(spot.block)):
            return Spot(spot.block, spot.row + 1)
        return self._first_of(range(spot.block + 1, len(self.story)))

    def spot(self, place: Place) -> Spot:
        """Where a place is now. The end, if its block is no longer there."""
        if place is Edge.START:
            return self._first_of(range(len(self.story))) or Spot(0, 0)
        if isinstance(place, Anchor) and (block := self.story.find(place.block)) is not None:
            return Spot(block, max(0, len(self._block(block)) - 1 - place.hidden))
        return self._last_of(range(len(self.story) - 1, -1, -1)) or Spot(0, 0)

    def place(self, top: Spot, bottom: Spot, sought: Place) -> Place:
        """How to find back to what is in sight. Of a story that is in sight as a whole, the end if that was
        ``sought``: more may come there.
        """
        at_end = self.below(bottom) is None and not self.story.open_end
        at_start = self.story.opens_at_top and self.above(top) is None
        if at_start and not (at_end and sought is Edge.END):
            return Edge.START
        return Edge.END if at_end else self.anchor(bottom)

    def anchor(self, spot: Spot) -> Anchor:
        return Anchor(self.story.name(spot.block), len(self._block(spot.block)) - 1 - spot.row)

    def _block(self, block: int) -> list[Row]:
        if block not in self._rows:
            self._rows[block] = self.story.rows(block, self._width)
        return self._rows[block]

    def _first_of(self, blocks: range) -> Spot | None:
        return next((Spot(block, 0) for block in blocks if self._block(block)), None)

    def _last_of(self, blocks: range) -> Spot | None:
        return next(
            (Spot(block, len(self._block(block)) - 1) for block in blocks if self._block(block)), None
        )
