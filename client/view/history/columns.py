"""The columns of the history pane: time, name, text.

With the time format ``full`` a message is drawn as in the report (``--2022-12-15 20:07:40-- BOB:Hello``), and
its other rows are indented by a few columns. With the other formats, the texts of all messages begin in one
column: the name is at the right edge of its own column, and a name that is too long moves only the first row
of its message.
"""

from typing import NamedTuple

from chatroom.client.model.state import Conversation
from chatroom.client.text import dates
from chatroom.client.view.draw.text import Row, column_count, drawable_text

INDENT = 4
"""Columns before the rows of a message after its first, if names are not aligned; fewer in a narrow pane."""

ALIGNED_FROM = 36
"""Columns of a pane in which names are aligned."""

MIN_NAME_COLUMNS = 3
"""Columns of the shortest column of names. The marks of notices and notes fit in."""

_MAX_COUNTED = 2000
"""Messages of a long history that are looked at at once."""

_TIME_PARTS = {"short": slice(11, 16), "seconds": slice(11, 19), "none": slice(0, 0)}
"""The part of a local date and time that each format shows."""

_TIME_COLUMNS = {"short": 6, "seconds": 9, "none": 0}


class TextColumns(NamedTuple):
    """How the start of a row is laid out. ``name_columns`` is 0 if names are not aligned."""

    time_format: str = "full"
    name_columns: int = 0

    def indent(self, width: int) -> int:
        """Return the columns before the text in a pane of this width."""
        if not self.name_columns:
            return min(INDENT, width // 4)
        return _TIME_COLUMNS[self.time_format] + self.name_columns + 1

    def stamp(self, local_time: str) -> str:
        """Format a local date and time, ``2022-12-15 20:07:40``, with the blank after it."""
        if self.time_format == "full":
            return f"--{local_time}-- "
        return f"{local_time[_TIME_PARTS[self.time_format]]} ".lstrip(" ")

    def wire_stamp(self, time: str) -> str:
        """Format a time of the protocol."""
        return self.stamp(dates.clock(time))

    def padding(self, name: str) -> str:
        """Return the blanks that move a name to the right edge of its column."""
        return " " * max(0, self.name_columns - column_count(name))

    def mark_row(self, style: str, mark: str, time: str = "") -> Row:
        """Return the start of a row that has a mark in place of a name, such as ``--`` or ``*``."""
        if not self.name_columns:
            return [("class:time", time), (style, f"{mark} ")]
        blank = " " * (_TIME_COLUMNS[self.time_format] - len(time))
        return [("class:time", time + blank + self.padding(mark)), (style, f"{mark} ")]


REPORT_COLUMNS = TextColumns()
"""Dates and names as in the report."""


class NameColumns:
    """How wide the names of each conversation are.

    Counts the authors of the loaded messages; each is looked at once. The column of a conversation only
    grows, so the text does not move to and fro.
    """

    def __init__(self) -> None:
        self._widest: dict[str, int] = {}
        self._counted: dict[str, tuple[int, int]] = {}  # the first and the last seq that were counted

    def text_columns(self, conversation: Conversation, time_format: str, width: int) -> TextColumns:
        """Return the columns for a pane of this width."""
        if time_format == "full" or width < ALIGNED_FROM:
            return TextColumns(time_format)
        most = max(MIN_NAME_COLUMNS, min(16, width // 6))
        return TextColumns(time_format, min(most, max(MIN_NAME_COLUMNS, self._widest_name(conversation))))

    def forget_conversations(self) -> None:
        self._widest.clear()
        self._counted.clear()

    def _widest_name(self, conversation: Conversation) -> int:
        name, shown = conversation.name, conversation.shown
        first, last = self._counted.get(name, (0, 0))
        if shown.first > last or shown.last < first:
            new, first, last = shown.messages, shown.first, shown.last
        else:
            new = shown.messages[: max(0, first - shown.first)]
            new = new + shown.messages[max(0, last + 1 - shown.first) :]
            first, last = min(first, shown.first), max(last, shown.last)
        if shown.messages:
            self._counted[name] = first, last
        authors = {message.nickname for message in new[-_MAX_COUNTED:]} | {conversation.nickname}
        widest = max(column_count(drawable_text(author)) for author in authors)
        self._widest[name] = max(self._widest.get(name, 0), widest)
        return self._widest[name]
