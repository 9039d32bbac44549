"""The history pane: shows the current content at its scroll position, and remembers one for each content."""

from collections.abc import Callable

from chatroom.client.text import i18n
from chatroom.client.view.history.content import ScrollContent
from chatroom.client.view.history.viewport import (
    ContentEdge,
    ContentSnapshot,
    ScrollPosition,
    VisibleRows,
    centered_position,
    scrolled_position,
    visible_rows_at,
)

_PAGE_OVERLAP = 2
"""Rows that stay visible when a page is scrolled."""


class HistoryView:
    """Shows the content that ``make_content`` returns for a width."""

    def __init__(self, make_content: Callable[[int], ScrollContent]) -> None:
        self._make_content = make_content
        self._positions: dict[str, ScrollPosition] = {}  # by the title of the content
        self.width = self.height = 1
        self._is_stale = True  # scrolled since the last update
        self._update_at_size()

    def update_view(self, width: int, height: int) -> None:
        """Take a snapshot of the current content for a pane of this size."""
        self.width, self.height, self._is_stale = max(1, width), max(1, height), False
        content = self._make_content(self.width)
        self._snapshot = ContentSnapshot(content, self.width)
        opening = ContentEdge.START if content.opens_at_top else ContentEdge.END
        position = self._positions.get(content.title, opening)
        self._visible = visible_rows_at(self._snapshot, position, self.height)
        self._positions[content.title] = self._visible.position

    @property
    def current_content(self) -> ScrollContent:
        self._update_if_stale()
        return self._snapshot.content

    @property
    def visible(self) -> VisibleRows:
        self._update_if_stale()
        return self._visible

    @property
    def count_below(self) -> int:
        """How many messages and pending lines are below the visible rows."""
        if self.visible.position is ContentEdge.END:
            return 0
        return self.current_content.count_below(self.visible.bottom.block)

    @property
    def below_text(self) -> str:
        """How much is below the visible rows; empty at the end."""
        count = self.count_below
        return i18n.translate(self.current_content.below_key, count=count) if count else ""

    @property
    def near_top(self) -> bool:
        """Whether less than a page is left above."""
        return self.visible.top.block <= self.height

    @property
    def near_bottom(self) -> bool:
        """Whether less than a page is left below."""
        return len(self.current_content) - self.visible.bottom.block <= self.height

    def scroll_pages(self, pages: int) -> None:
        """Scroll down by pages, or up if ``pages`` is negative."""
        self.scroll_rows(pages * max(1, self.height - _PAGE_OVERLAP))

    def scroll_rows(self, rows: int) -> None:
        self._update_at_size()
        self._set_position(scrolled_position(self._snapshot, self._visible, rows))

    def center_block(self, block: int) -> None:
        """Scroll until the block is in the middle."""
        self._update_at_size()
        self._set_position(centered_position(self._snapshot, block, self.height))

    def scroll_into_view(self, block: int) -> None:
        """Scroll only if the block is not visible."""
        self._update_at_size()
        if not self.visible.top.block < block < self.visible.bottom.block:
            self.center_block(block)

    def go_to_edge(self, edge: ContentEdge) -> None:
        self._update_at_size()
        self._set_position(edge)

    def follow_end(self, title: str) -> None:
        """Show the end of the content with this title, and follow it."""
        self._positions[title] = ContentEdge.END

    def reset_position(self, title: str) -> None:
        """Show the content with this title as when it was first opened."""
        self._positions.pop(title, None)

    def rename_title(self, former: str, title: str) -> None:
        """Keep the position of a content whose title has changed."""
        if former in self._positions:
            self._positions[title] = self._positions.pop(former)

    def forget_positions(self) -> None:
        self._positions.clear()

    def _set_position(self, position: ScrollPosition) -> None:
        self._positions[self.current_content.title] = position
        self._is_stale = True

    def _update_if_stale(self) -> None:
        """Several keys may be processed between two frames."""
        if self._is_stale:
            self._update_at_size()

    def _update_at_size(self) -> None:
        """Take a new snapshot at the current size: the content may have changed since the last frame."""
        self.update_view(self.width, self.height)
