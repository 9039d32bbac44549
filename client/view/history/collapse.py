"""Crowds: many notices of coming and going in a row, told in one line. Used by ``story``.

A crowd ends where something is said, where a line is drawn across the history, and at every hundredth seq:
so it is the same wherever one comes from, and finding it never takes a long walk.
"""

from collections import Counter
from collections.abc import Callable
from typing import NamedTuple

from chatroom.client.model.state import Timeline
from chatroom.client.text import i18n
from chatroom.client.view.draw.text import Row, wrap_row
from chatroom.client.view.history.message_rows import key_hint
from chatroom.protocol.values import CHANGE_KINDS, Message

COMING_AND_GOING = ("enter", "leave", "nick")

MANY = 5
"""So many notices in a row are told one by one; more are a crowd."""

_REACH = 100


class NoticeGroup(NamedTuple):
    """``first`` is the seq of its first message; ``counts`` how many there are of each kind."""

    first: int
    counts: Counter[str]


class NoticeGroups:
    """Finds the crowd around a message. ``begins`` tells where a line is drawn above a message."""

    def __init__(self, timeline: Timeline, begins: Callable[[Message], bool]) -> None:
        self._timeline = timeline
        self._begins = begins
        self._known: dict[int, NoticeGroup | None] = {}  # by seq

    def group_around(self, message: Message) -> NoticeGroup | None:
        if message.kind not in COMING_AND_GOING:
            return None
        if message.seq not in self._known:
            self._find_group(message)
        return self._known[message.seq]

    def _find_group(self, message: Message) -> None:
        first = last = message.seq
        while first % _REACH and self._is_groupable(first - 1) and not self._begins(self._message_at(first)):
            first -= 1
        while (
            (last + 1) % _REACH
            and self._is_groupable(last + 1)
            and not self._begins(self._message_at(last + 1))
        ):
            last += 1
        while self._message_at(first).kind in CHANGE_KINDS:  # of which nothing is drawn
            first += 1
        kinds = Counter(self._message_at(seq).kind for seq in range(first, last + 1))
        counts = Counter({kind: kinds[kind] for kind in COMING_AND_GOING})
        crowd = NoticeGroup(first, counts) if counts.total() > MANY else None
        self._known |= dict.fromkeys(range(first, last + 1), crowd)

    def _message_at(self, seq: int) -> Message:
        return self._timeline.messages[seq - self._timeline.first]

    def _is_groupable(self, seq: int) -> bool:
        message = self._timeline.find(seq)
        return message is not None and message.kind in (*COMING_AND_GOING, *CHANGE_KINDS)


def group_rows(crowd: NoticeGroup, width: int, unfolds: str = "") -> list[Row]:
    """``unfolds``: the key that tells them one by one."""
    said = [i18n.translate(f"crowd.{kind}", count=count) for kind, count in crowd.counts.items() if count]
    text = i18n.translate("view.crowd", said=i18n.translate("crowd.and").join(said)) + key_hint(unfolds)
    return wrap_row([("class:notice", text)], width, min(4, width // 4))
