"""Messages that other server processes have stored and announced: put in order, and checked against what
this process has delivered.

An announcement is only a hint. It is used if it continues a conversation exactly: its first seq is the next
one, and its roster version is the known one, so that the seats in memory are those under which the messages
were stored. Anything else waits for its predecessor, which may come from a third process, and after a short
time the database is asked.
"""

import time
from collections import defaultdict, deque
from collections.abc import Callable
from typing import NamedTuple

from chatroom.db.queries.messages import KnownHead
from chatroom.db.records import StoredMessage

WAIT_SECONDS = 0.05
"""Time for which messages wait for their predecessors. Another process may be a little slower."""

MAX_WAITING = 2000
"""Messages of one conversation that wait. With more, the database is faster."""


class MessageHint(NamedTuple):
    """Messages of one conversation in order, and the roster version that their transaction left."""

    conversation_id: int
    roster: int
    messages: list[StoredMessage]


class RemoteMessages:
    """``add`` may be called on any thread, all else on the writer's. ``known`` is the writer's: the head up
    to which each conversation was delivered.
    """

    def __init__(self, known: dict[int, KnownHead], clock: Callable[[], float] = time.monotonic) -> None:
        self._known = known
        self._clock = clock
        self._arrived: deque[MessageHint] = deque()
        self._waiting: dict[int, list[MessageHint]] = defaultdict(list)
        self._since: dict[int, float] = {}

    def add(self, hint: MessageHint) -> None:
        self._arrived.append(hint)

    @property
    def has_arrived(self) -> bool:
        return bool(self._arrived)

    def wait_seconds(self) -> float | None:
        """The time until ``take_missing`` returns something; ``None`` if nothing waits."""
        if not self._since:
            return None
        return max(0.0, min(self._since.values()) + WAIT_SECONDS - self._clock())

    def take_deliverable(self) -> list[StoredMessage]:
        """Return the messages that continue their conversations, and advance the known heads."""
        touched = set(self._waiting)
        while self._arrived:
            hint = self._arrived.popleft()
            if hint.messages:
                self._waiting[hint.conversation_id].append(hint)
                touched.add(hint.conversation_id)
        return [message for id in touched for message in self._continue(id)]

    def _continue(self, id: int) -> list[StoredMessage]:
        known, deliverable = self._known.get(id), list[StoredMessage]()
        waiting = sorted(self._waiting.pop(id), key=lambda hint: hint.messages[0].seq)
        later: list[MessageHint] = []
        for hint in waiting:
            if known is None or hint.messages[-1].seq <= known.head:
                continue
            if hint.roster == known.roster and hint.messages[0].seq <= known.head + 1:
                deliverable += hint.messages[known.head + 1 - hint.messages[0].seq :]
                known = KnownHead(hint.messages[-1].seq, known.roster)
            else:
                later.append(hint)
        if deliverable and known is not None:
            self._known[id] = known
        if deliverable or not later:
            self._since.pop(id, None)
        if later:
            self._waiting[id] = later
            self._since.setdefault(id, self._clock())
        return deliverable

    def take_missing(self) -> set[int]:
        """Return the conversations whose hints have waited too long, and forget these hints."""
        until = self._clock() - WAIT_SECONDS
        missing = {id for id, since in self._since.items() if since <= until}
        missing |= {id for id, hints in self._waiting.items() if _count(hints) > MAX_WAITING}
        for id in missing:
            self._waiting.pop(id, None)
            self._since.pop(id, None)
        return missing


def _count(hints: list[MessageHint]) -> int:
    return sum(len(hint.messages) for hint in hints)
