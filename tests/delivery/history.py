"""The observations of a run, in order. ``check`` judges them.

Plain data. Times are seconds on one monotonic clock that all clients share. A conversation has the same name
for all clients: ``#room``, or ``Alice&Bob`` for a private chat. A client's name is that of its account.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from enum import StrEnum, auto
from time import monotonic
from typing import TypeVar


@dataclass(frozen=True, slots=True)
class Message:
    """A message as it was received, without the ``cid``, which only its author sees."""

    conversation: str
    seq: int
    kind: str
    username: str
    nickname: str
    text: str
    time: str

    def __str__(self) -> str:
        text = f" {self.text!r}" if self.text else ""
        return f"{self.conversation}[{self.seq}] = {self.kind} by {self.username}{text}"


@dataclass(frozen=True, slots=True)
class Record:
    """An observation of a client on one of its connections, which it numbers."""

    at: float
    client: str
    connection: int


@dataclass(frozen=True, slots=True)
class Attempt(Record):
    """A ``send`` was written to the connection. A cid may have several attempts.

    ``doomed`` is the code with which it must be refused, if it was sent for that purpose.
    """

    id: int
    cid: str
    conversation: str
    text: str
    doomed: str = ""

    def __str__(self) -> str:
        return f"{self.client}'s {self.cid} to {self.conversation}"


@dataclass(frozen=True, slots=True)
class Ack(Record):
    """``sent`` arrived for the attempt with this ``id``."""

    id: int
    cid: str
    seq: int
    time: str
    duplicate: bool


@dataclass(frozen=True, slots=True)
class Refusal(Record):
    """An ``error`` arrived for the attempt with this ``id``."""

    id: int
    cid: str
    code: str

    @property
    def is_definite(self) -> bool:
        """Whether it means "never stored". The other codes leave the outcome unknown."""
        return self.code not in UNKNOWN


UNKNOWN = frozenset({"unavailable", "internal", "going_away"})


@dataclass(frozen=True, slots=True)
class Arrival(Record):
    """A ``message`` event arrived. ``cid`` is empty if none was included."""

    message: Message
    cid: str


@dataclass(frozen=True, slots=True)
class Applied(Record):
    """The client applied a message to its copy of a conversation, which only grows at its end."""

    conversation: str
    seq: int


class Way(StrEnum):
    """The part of a conversation that a page request asks for."""

    NEWEST = auto()
    BEFORE = auto()
    AFTER = auto()


@dataclass(frozen=True, slots=True)
class Page(Record):
    """A page of a conversation arrived; it was requested at ``begun``. ``cids`` are those included, by
    seq.
    """

    begun: float
    conversation: str
    way: Way
    bound: int  # the seq before or after which was asked; 0 for the newest
    messages: tuple[Message, ...]
    cids: tuple[tuple[int, str], ...]
    more: bool
    first: int = 1  # the server has removed all messages before it

    @property
    def reach(self) -> int | None:
        """The seq that the conversation reached at least, according to this page; ``None`` if the page does
        not tell.
        """
        if self.way is Way.BEFORE or (self.way is Way.AFTER and self.more):
            return None
        return self.messages[-1].seq if self.messages else max(self.bound, self.first - 1)


@dataclass(frozen=True, slots=True)
class HeadReport(Record):
    """An answer contained a conversation's head; it was requested at ``begun``.

    ``opens``: the answer (``session``, ``entered``) after which the connection's events follow without a gap.
    """

    begun: float
    conversation: str
    head: int
    opens: bool
    first: int = 1


@dataclass(frozen=True, slots=True)
class FullRead(Record):
    """A conversation read after healing, from 1 or from the first message that was not removed."""

    conversation: str
    messages: tuple[Message, ...]
    cids: tuple[tuple[int, str], ...]
    first: int = 1


class Move(StrEnum):
    """What a client did about its seat in a conversation."""

    ENTERING = auto()  # asked to
    ENTERED = auto()
    KEPT_OUT = auto()  # definitely refused
    RESIGNING = auto()
    RESIGNED = auto()  # confirmed on the connection that had the seat
    GIVEN_UP = auto()  # confirmed on another connection; this one may not know yet
    STAYED = auto()  # the resignation was refused
    LEAVING = auto()  # asked to leave; the seat is kept
    LEFT = auto()


@dataclass(frozen=True, slots=True)
class Seat(Record):
    """A move of a client. A new friendship counts as entering the private chat."""

    conversation: str
    move: Move


@dataclass(frozen=True, slots=True)
class Occupancy(Record):
    """A client received the number of members of a room."""

    conversation: str
    members: int
    capacity: int


@dataclass(frozen=True, slots=True)
class InjectedFault(Record):
    """A fault was injected; ``unanswered`` sends were in flight. It belongs to no client."""

    fault: str
    unanswered: int


@dataclass(frozen=True, slots=True)
class AgedMessages(Record):
    """The stored times of all messages up to a seq were changed, to let the server remove them. It belongs to
    no client.
    """

    conversation: str
    upto: int


@dataclass(frozen=True, slots=True)
class Stopped(Record):
    """A server was asked to stop and exited with this code. It belongs to no client."""

    code: int
    seconds: float


@dataclass(frozen=True, slots=True)
class Healed(Record):
    """From here on everything works. It belongs to no client."""


R = TypeVar("R", bound=Record)


@dataclass
class History:
    """All records of a run. Equal messages are stored once."""

    records: list[Record] = field(default_factory=list)
    _messages: dict[Message, Message] = field(default_factory=dict)

    def add(self, record: Record) -> None:
        self.records.append(record)

    def of(self, kind: type[R]) -> Iterator[R]:
        """The records of one type, in order."""
        return (record for record in self.records if isinstance(record, kind))

    def message(self, message: Message) -> Message:
        """The stored instance of an equal message."""
        return self._messages.setdefault(message, message)


now = monotonic
