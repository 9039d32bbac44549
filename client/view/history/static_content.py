"""A story of ready lines, for what is no conversation: the home screen, the manual.

The counterpart of ``story.ConversationStory``; here everything is small enough to be made whole.
"""

from collections.abc import Hashable, Sequence
from typing import NamedTuple

from chatroom.client.view.draw.text import Row, wrap_row


class StaticLine(NamedTuple):
    """A line of any length; ``hang`` is the indent of what does not fit on its first row."""

    row: Row
    hang: int = 2


class StaticContent:
    """Each line is a block, wrapped where it is too long for the pane."""

    def __init__(self, title: str, lines: Sequence[StaticLine], *, opens_at_top: bool = True) -> None:
        self.title = title
        self.opens_at_top = opens_at_top
        self.open_end = False
        self._lines = lines

    def __len__(self) -> int:
        return len(self._lines)

    def block_rows(self, block: int, width: int) -> list[Row]:
        line = self._lines[block]
        return wrap_row(line.row, width, min(line.hang, width // 2))

    def block_name(self, block: int) -> Hashable:
        return block

    def find_block(self, name: Hashable) -> int | None:
        return name if isinstance(name, int) and name < len(self._lines) else None

    def count_below(self, block: int) -> int:
        return len(self._lines) - 1 - block
