"""What of the stories is in sight: exactly those rows, at the place to which somebody has scrolled in each.

The counterpart is ``scroll_rows``, which knows how.
"""

from collections.abc import Callable

from chatroom.client.view.history.content import ScrollContent
from chatroom.client.view.history.viewport import (
    ContentEdge,
    ContentSnapshot,
    Place,
    ViewPicture,
    move_place,
    place_around,
    take_picture,
)

_OVERLAP = 2
"""Rows that stay in sight when a page is turned."""


class HistoryView:
    """Shows the story that ``tell`` makes."""

    def __init__(self, tell: Callable[[], ScrollContent]) -> None:
        self._tell = tell
        self._places: dict[str, Place] = {}
        self.width = self.height = 1
        self._moved = True  # since the last picture
        self._refresh_sight()

    def update_picture(self, width: int, height: int) -> None:
        """Take the picture of the story as it is now."""
        self.width, self.height, self._moved = max(1, width), max(1, height), False
        story = self._tell()
        self._sight = ContentSnapshot(story, self.width)
        opening = ContentEdge.START if story.opens_at_top else ContentEdge.END
        self._picture = take_picture(self._sight, self._places.get(story.title, opening), self.height)
        self._places[story.title] = self._picture.place

    @property
    def current_content(self) -> ScrollContent:
        self._settle_keys()
        return self._sight.story

    @property
    def picture(self) -> ViewPicture:
        """What is in sight."""
        self._settle_keys()
        return self._picture

    @property
    def count_below(self) -> int:
        """How much stands below what is in sight."""
        return (
            0
            if self.picture.place is ContentEdge.END
            else self.current_content.count_below(self.picture.bottom.block)
        )

    @property
    def near_top(self) -> bool:
        """Less than a page is left above."""
        return self.picture.top.block <= self.height

    @property
    def near_bottom(self) -> bool:
        """Less than a page is left below."""
        return len(self.current_content) - self.picture.bottom.block <= self.height

    def scroll_pages(self, pages: int) -> None:
        """Scroll so many pages down, or up where negative."""
        self.scroll_rows(pages * max(1, self.height - _OVERLAP))

    def scroll_rows(self, rows: int) -> None:
        self._refresh_sight()
        self._go_to_place(move_place(self._sight, self._picture, rows))

    def center_block(self, block: int) -> None:
        """Scroll until the block stands in the middle."""
        self._refresh_sight()
        self._go_to_place(place_around(self._sight, block, self.height))

    def scroll_into_view(self, block: int) -> None:
        """Scroll only if the block is out of sight."""
        self._refresh_sight()
        if not self.picture.top.block < block < self.picture.bottom.block:
            self.center_block(block)

    def go_to_edge(self, edge: ContentEdge) -> None:
        self._refresh_sight()
        self._go_to_place(edge)

    def follow_end(self, title: str) -> None:
        """Whatever was scrolled to: the end of that story again."""
        self._places[title] = ContentEdge.END

    def show_start(self, title: str) -> None:
        """Whatever was scrolled to: that story as it opens."""
        self._places.pop(title, None)

    def forget_places(self) -> None:
        self._places.clear()

    def _go_to_place(self, place: Place) -> None:
        self._places[self.current_content.title] = place
        self._moved = True

    def _settle_keys(self) -> None:
        """They may come so fast upon each other that nothing was drawn in between."""
        if self._moved:
            self._refresh_sight()

    def _refresh_sight(self) -> None:
        """Since the last picture the story may have become another."""
        self.update_picture(self.width, self.height)
