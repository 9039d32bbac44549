"""What of the stories is in sight: exactly those rows, at the place to which somebody has scrolled in each.

The counterpart is ``scroll``, which knows how.
"""

from collections.abc import Callable

from client.view.scroll import Edge, Picture, Place, Sight, around, move, picture
from client.view.story import Story

_OVERLAP = 2
"""Rows that stay in sight when a page is turned."""


class Timeline:
    """Shows the story that ``tell`` makes."""

    def __init__(self, tell: Callable[[], Story]) -> None:
        self._tell = tell
        self._places: dict[str, Place] = {}
        self.width = self.height = 1
        self._moved = True  # since the last picture
        self._look_again()

    def look(self, width: int, height: int) -> None:
        """Take the picture of the story as it is now."""
        self.width, self.height, self._moved = max(1, width), max(1, height), False
        story = self._tell()
        self._sight = Sight(story, self.width)
        opening = Edge.START if story.opens_at_top else Edge.END
        self._picture = picture(self._sight, self._places.get(story.title, opening), self.height)
        self._places[story.title] = self._picture.place

    @property
    def story(self) -> Story:
        self._follow_keys()
        return self._sight.story

    @property
    def picture(self) -> Picture:
        """What is in sight."""
        self._follow_keys()
        return self._picture

    @property
    def more(self) -> int:
        """How much stands below what is in sight."""
        return 0 if self.picture.place is Edge.END else self.story.below(self.picture.bottom.block)

    @property
    def near_top(self) -> bool:
        """Less than a page is left above."""
        return self.picture.top.block <= self.height

    @property
    def near_bottom(self) -> bool:
        """Less than a page is left below."""
        return len(self.story) - self.picture.bottom.block <= self.height

    def turn(self, pages: int) -> None:
        """Scroll so many pages down, or up where negative."""
        self.scroll(pages * max(1, self.height - _OVERLAP))

    def scroll(self, rows: int) -> None:
        self._look_again()
        self._go(move(self._sight, self._picture, rows))

    def show(self, block: int) -> None:
        """Scroll until the block stands in the middle."""
        self._look_again()
        self._go(around(self._sight, block, self.height))

    def reveal(self, block: int) -> None:
        """Scroll only if the block is out of sight."""
        self._look_again()
        if not self.picture.top.block < block < self.picture.bottom.block:
            self.show(block)

    def to(self, edge: Edge) -> None:
        self._look_again()
        self._go(edge)

    def follow(self, title: str) -> None:
        """Whatever was scrolled to: the end of that story again."""
        self._places[title] = Edge.END

    def restart(self, title: str) -> None:
        """Whatever was scrolled to: that story as it opens."""
        self._places.pop(title, None)

    def forget(self) -> None:
        self._places.clear()

    def _go(self, place: Place) -> None:
        self._places[self.story.title] = place
        self._moved = True

    def _follow_keys(self) -> None:
        """They may come so fast upon each other that nothing was drawn in between."""
        if self._moved:
            self._look_again()

    def _look_again(self) -> None:
        """Since the last picture the story may have become another."""
        self.look(self.width, self.height)
