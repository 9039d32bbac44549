"""What a run has seen, in the order in which it was seen. The counterpart is ``check``, which judges it.

Plain data. Times are seconds on one monotonic clock that all clients share. A conversation has here a name
that is the same for everybody: ``#room``, or ``Alice&Bob`` for a private chat. A client's name is its
account's.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from enum import StrEnum, auto
from time import monotonic
from typing import TypeVar


@dataclass(frozen=True, slots=True)
class Message:
    """A message as it was shown to somebody, without the ``cid``, which only its author sees."""

    conversation: str
    seq: int
    kind: str
    username: str
    nickname: str
    text: str
    time: str

    def __str__(self) -> str:
        said = f" {self.text!r}" if self.text else ""
        return f"{self.conversation}[{self.seq}] = {self.kind} by {self.username}{said}"


@dataclass(frozen=True, slots=True)
class Record:
    """Something seen by a client, on one of its connections, which it numbers."""

    at: float
    client: str
    connection: int


@dataclass(frozen=True, slots=True)
class Attempt(Record):
    """A ``send`` was handed to the network. The same cid has as many attempts as it takes.

    ``doomed`` is the code with which it must be refused, where it was sent for that purpose.
    """

    id: int
    cid: str
    conversation: str
    text: str
    doomed: str = ""


@dataclass(frozen=True, slots=True)
class Ack(Record):
    """``sent`` came for the attempt with this ``id``."""

    id: int
    cid: str
    seq: int
    time: str
    duplicate: bool


@dataclass(frozen=True, slots=True)
class Refusal(Record):
    """An ``error`` came for the attempt with this ``id``."""

    id: int
    cid: str
    code: str

    @property
    def is_definite(self) -> bool:
        """Whether it says "never stored". The others say that nobody knows."""
        return self.code not in UNKNOWN


UNKNOWN = frozenset({"unavailable", "internal", "going_away"})


@dataclass(frozen=True, slots=True)
class Arrival(Record):
    """A ``message`` event came. ``cid`` is empty where none was shown."""

    message: Message
    cid: str


@dataclass(frozen=True, slots=True)
class Applied(Record):
    """The client took a message into its own picture of a conversation, which only ever grows at its end."""

    conversation: str
    seq: int


class Way(StrEnum):
    """Which part of a conversation a page was asked for."""

    NEWEST = auto()
    BEFORE = auto()
    AFTER = auto()


@dataclass(frozen=True, slots=True)
class Page(Record):
    """A page of a conversation came; it was asked for at ``begun``. ``cids`` are those shown, by seq."""

    begun: float
    conversation: str
    way: Way
    bound: int  # the seq before or after which was asked; 0 for the newest
    messages: tuple[Message, ...]
    cids: tuple[tuple[int, str], ...]
    more: bool

    @property
    def reach(self) -> int | None:
        """How far the conversation went at least, as this page tells it; ``None`` when it does not say."""
        if self.way is Way.BEFORE or (self.way is Way.AFTER and self.more):
            return None
        return self.messages[-1].seq if self.messages else self.bound


@dataclass(frozen=True, slots=True)
class Told(Record):
    """An answer told a conversation's head; it was asked for at ``begun``.

    ``opens``: it is one (``session``, ``entered``) behind which the connection's events follow without a gap.
    """

    begun: float
    conversation: str
    head: int
    opens: bool


@dataclass(frozen=True, slots=True)
class Whole(Record):
    """A conversation as it was read from 1, after everything had healed."""

    conversation: str
    messages: tuple[Message, ...]
    cids: tuple[tuple[int, str], ...]


class Move(StrEnum):
    """What a client did about its seat in a conversation."""

    ENTERING = auto()  # asked to
    ENTERED = auto()
    KEPT_OUT = auto()  # refused, for good
    RESIGNING = auto()
    RESIGNED = auto()  # and heard, on the connection that had the seat, that it is gone
    GIVEN_UP = auto()  # over another connection, of which this one may not have heard yet
    STAYED = auto()  # the resignation was refused
    LEAVING = auto()  # asked to leave; the seat is kept
    LEFT = auto()


@dataclass(frozen=True, slots=True)
class Seat(Record):
    """A client's dealings with its own seat. Befriending counts as entering the private chat."""

    conversation: str
    move: Move


@dataclass(frozen=True, slots=True)
class Occupancy(Record):
    """Somebody was told how many seats of a room are taken."""

    conversation: str
    members: int
    capacity: int


@dataclass(frozen=True, slots=True)
class Spoilt(Record):
    """The run broke something; ``unanswered`` sends were on their way. It comes from no client."""

    what: str
    unanswered: int


@dataclass(frozen=True, slots=True)
class Stopped(Record):
    """A server was asked to end, and did with this code. It comes from no client."""

    code: int
    seconds: float


@dataclass(frozen=True, slots=True)
class Healed(Record):
    """From here on everything works. It comes from no client."""


R = TypeVar("R", bound=Record)


@dataclass
class History:
    """All records of a run. Equal messages are kept once, however many have seen them."""

    records: list[Record] = field(default_factory=list)
    _messages: dict[Message, Message] = field(default_factory=dict)

    def add(self, record: Record) -> None:
        self.records.append(record)

    def of(self, kind: type[R]) -> Iterator[R]:
        """The records of one kind, in order."""
        return (record for record in self.records if isinstance(record, kind))

    def message(self, message: Message) -> Message:
        """The one message that equals this one."""
        return self._messages.setdefault(message, message)


now = monotonic
