"""Crowds: many notices of coming and going in a row, told in one line. Used by ``story``.

A crowd ends where something is said, where a line is drawn across the history, and at every hundredth seq:
so it is the same wherever one comes from, and finding it never takes a long walk.
"""

from collections import Counter
from collections.abc import Callable
from typing import NamedTuple

from client import words
from client.model.state import Timeline
from client.view.messages import by_key
from client.view.text import Row, wrap_row
from protocol.values import CHANGE_KINDS, Message

COMING_AND_GOING = ("enter", "leave", "nick")

MANY = 5
"""So many notices in a row are told one by one; more are a crowd."""

_REACH = 100


class Crowd(NamedTuple):
    """``first`` is the seq of its first message; ``counts`` how many there are of each kind."""

    first: int
    counts: Counter[str]


class Crowds:
    """Finds the crowd around a message. ``begins`` tells where a line is drawn above a message."""

    def __init__(self, timeline: Timeline, begins: Callable[[Message], bool]) -> None:
        self._timeline = timeline
        self._begins = begins
        self._known: dict[int, Crowd | None] = {}  # by seq

    def around(self, message: Message) -> Crowd | None:
        if message.kind not in COMING_AND_GOING:
            return None
        if message.seq not in self._known:
            self._look(message)
        return self._known[message.seq]

    def _look(self, message: Message) -> None:
        first = last = message.seq
        while first % _REACH and self._belongs(first - 1) and not self._begins(self._at(first)):
            first -= 1
        while (last + 1) % _REACH and self._belongs(last + 1) and not self._begins(self._at(last + 1)):
            last += 1
        while self._at(first).kind in CHANGE_KINDS:  # of which nothing is drawn
            first += 1
        kinds = Counter(self._at(seq).kind for seq in range(first, last + 1))
        counts = Counter({kind: kinds[kind] for kind in COMING_AND_GOING})
        crowd = Crowd(first, counts) if counts.total() > MANY else None
        self._known |= dict.fromkeys(range(first, last + 1), crowd)

    def _at(self, seq: int) -> Message:
        return self._timeline.messages[seq - self._timeline.first]

    def _belongs(self, seq: int) -> bool:
        message = self._timeline.find(seq)
        return message is not None and message.kind in (*COMING_AND_GOING, *CHANGE_KINDS)


def crowd_rows(crowd: Crowd, width: int, unfolds: str = "") -> list[Row]:
    """``unfolds``: the key that tells them one by one."""
    said = [words.say(f"crowd.{kind}", count=count) for kind, count in crowd.counts.items() if count]
    text = words.say("view.crowd", said=words.say("crowd.and").join(said)) + by_key(unfolds)
    return wrap_row([("class:notice", text)], width, min(4, width // 4))
