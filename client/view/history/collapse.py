"""Collapse a run of join, leave and nickname notices into one line.

A group ends at any other message, at a ruler (day, first unread message), and at every hundredth seq. So it
does not depend on where the search starts, and the search is short.
"""

from collections import Counter
from collections.abc import Callable
from typing import NamedTuple

from chatroom.client.model.state import Timeline
from chatroom.client.text import i18n
from chatroom.client.view.draw.text import Row
from chatroom.client.view.history.columns import REPORT_COLUMNS, TextColumns
from chatroom.client.view.history.message_rows import NOTICE_MARK, expand_hint, wrap_with_head
from chatroom.protocol.values import CHANGE_KINDS, Message

GROUPED_KINDS = ("enter", "leave", "nick")

MAX_SEPARATE_NOTICES = 5
"""A longer run of notices is collapsed."""

_MAX_GROUP_SEQS = 100


class NoticeGroup(NamedTuple):
    """``first`` is the seq of its first message, ``counts`` the number of messages by kind."""

    first: int
    counts: Counter[str]


class NoticeGroups:
    """Finds the group of a message. ``has_ruler`` tells whether a ruler is drawn above a message."""

    def __init__(self, timeline: Timeline, has_ruler: Callable[[Message], bool]) -> None:
        self._timeline = timeline
        self._has_ruler = has_ruler
        self._groups: dict[int, NoticeGroup | None] = {}  # by seq

    def group_around(self, message: Message) -> NoticeGroup | None:
        if message.kind not in GROUPED_KINDS:
            return None
        if message.seq not in self._groups:
            self._find_group(message)
        return self._groups[message.seq]

    def _find_group(self, message: Message) -> None:
        first = last = message.seq
        while self._continues_group(first):
            first -= 1
        while self._continues_group(last + 1):
            last += 1
        while self._message_at(first).kind in CHANGE_KINDS:  # not drawn
            first += 1
        kinds = Counter(self._message_at(seq).kind for seq in range(first, last + 1))
        counts = Counter({kind: kinds[kind] for kind in GROUPED_KINDS})
        group = NoticeGroup(first, counts) if counts.total() > MAX_SEPARATE_NOTICES else None
        self._groups |= dict.fromkeys(range(first, last + 1), group)

    def _continues_group(self, seq: int) -> bool:
        """Return whether the messages ``seq - 1`` and ``seq`` belong to one group."""
        return bool(
            seq % _MAX_GROUP_SEQS
            and self._is_groupable(seq - 1)
            and self._is_groupable(seq)
            and not self._has_ruler(self._message_at(seq))
        )

    def _message_at(self, seq: int) -> Message:
        return self._timeline.messages[seq - self._timeline.first]

    def _is_groupable(self, seq: int) -> bool:
        message = self._timeline.find(seq)
        return message is not None and message.kind in (*GROUPED_KINDS, *CHANGE_KINDS)


def group_rows(
    group: NoticeGroup, width: int, expand_key: str = "", columns: TextColumns = REPORT_COLUMNS
) -> list[Row]:
    """Return the collapsed line. ``expand_key`` is the name of the key that shows each notice."""
    counts = [i18n.translate(f"crowd.{kind}", count=count) for kind, count in group.counts.items() if count]
    text = i18n.translate("crowd.and").join(counts) + expand_hint(expand_key)
    head = columns.mark_row("class:notice", NOTICE_MARK if columns.name_columns else "---")
    return wrap_with_head([*head, ("class:notice", text)], width, head, columns)
