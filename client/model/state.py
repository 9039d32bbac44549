"""What the client knows. Plain data: ``apply`` changes it, ``select`` derives from it, the view draws it."""

from dataclasses import dataclass, field
from enum import Enum, auto

from chatroom.protocol.requests import SentKind
from chatroom.protocol.values import Limits, Member, Message


class ConnectionState(Enum):
    """How the connection stands."""

    OFFLINE = auto()
    CONNECTING = auto()
    RECONNECTING = auto()  # with ``ClientState.retry_at``
    ONLINE = auto()  # connected, nobody logged in
    LOGGED_IN = auto()  # and everything that was missing is being fetched or here
    REFUSED = auto()  # for good: the server's certificate changed, the protocol is another


class DeliveryState(Enum):
    """What is known of a message that was written here."""

    WAITING = auto()  # in the outbox, not confirmed
    REFUSED = auto()  # never stored; ``PendingMessage.error`` says why


@dataclass(slots=True)
class PendingMessage:
    """A message of mine that the server has not confirmed; drawn below the confirmed ones, or, if it was
    refused, where that happened. ``target`` is the seq of the message that it changes or answers, 0 if there
    is none.
    """

    cid: str
    conversation: str
    text: str
    kind: SentKind = "text"
    target: int = 0
    written_at: int = 0  # milliseconds since 1970
    delivery: DeliveryState = DeliveryState.WAITING
    error: str = ""  # a code
    facts: dict[str, object] = field(default_factory=dict)  # that fill in its words
    after: int = 0  # once it is refused, the last seq of the conversation then: its place in the timeline
    seq: int = 0  # its place, once it is confirmed; it is drawn until the message itself is here


@dataclass(slots=True)
class Timeline:
    """A part of a conversation that is here: one run of messages without a gap.

    ``messages[i].seq == first + i``, and each is as it stands now; ``last`` is the seq of the newest that was
    applied (0 when none is).
    """

    messages: list[Message] = field(default_factory=list)
    changes: dict[int, dict[int, Message]] = field(default_factory=dict)  # by target, by seq
    more: bool = True  # older ones may be had from the server
    loading: bool = False  # and are on their way

    @property
    def first(self) -> int:
        return self.messages[0].seq if self.messages else 0

    @property
    def last(self) -> int:
        return self.messages[-1].seq if self.messages else 0

    def find(self, seq: int) -> Message | None:
        """The message in this place, if it is here."""
        return self.messages[seq - self.first] if self.first <= seq <= self.last and seq else None


@dataclass(slots=True)
class TypingUser:
    """Somebody writes something; if nothing more is heard, until ``until`` (on the clock of ``retry_at``)."""

    nickname: str
    until: float


@dataclass(slots=True)
class Conversation:
    """A room or a private chat, as its line in the sidebar and its window need it."""

    name: str  # "#thuhole", "@Bob"
    members: int = 0
    capacity: int = 0
    member: bool = False  # a room: I hold a seat; a private chat: always
    entered: bool = False
    nickname: str = ""
    owner: str = ""
    topic: str = ""
    private: bool = False  # a room: only its members and the invited see it
    locked: bool = False  # a room: a seat takes a password
    invited: bool = False  # a room: I may take a seat whatever else holds
    online: bool = False  # a private chat: the friend is
    away: str = ""  # a private chat: why the friend is away though online
    ended: bool = False  # a private chat: we are friends no longer
    head: int = 0  # the last seq that ``unread`` and the notices have been counted up to
    heard: int = 0  # the last seq that we know to exist; beyond ``head``, something is missing
    read: int = 0
    unread: int = 0
    named: set[int] = field(default_factory=set)  # the seqs of the unread messages that name me
    looked: int = 1  # from this seq on, all messages have been looked through for them
    unread_from: int = 0  # the seq of the first unread one, above which "new" is drawn; 0 for none
    roster: list[Member] = field(default_factory=list)
    timeline: Timeline = field(default_factory=Timeline)  # up to the newest message
    past: Timeline | None = (
        None  # what somebody looks at who went far back, while that is apart from the above
    )
    held: bool = False  # somebody has scrolled up here, so nothing of it may go
    selected: int = 0  # the seq of the message that commands are to be about; 0 for none
    typing: dict[str, TypingUser] = field(default_factory=dict)  # by user name
    pending: list[PendingMessage] = field(default_factory=list)
    draft: str = ""

    @property
    def is_room(self) -> bool:
        return self.name.startswith("#")

    @property
    def mentions(self) -> int:
        return len(self.named)

    @property
    def may_name_more(self) -> bool:
        """Whether there are unread messages that have not been looked through."""
        return bool(self.unread) and self.looked > self.read + 1

    @property
    def shown(self) -> Timeline:
        """The run that is in sight."""
        return self.past or self.timeline


@dataclass(slots=True)
class ClientNote:
    """Something the client itself has to say: an answer to a command, an error. Shown where it was asked for.

    ``key`` names the words in the catalogue (an error's code among them), ``facts`` fill them in. A
    ``warning`` is shown as an error is, and fails nothing.
    """

    key: str
    facts: dict[str, object] = field(default_factory=dict)
    error: bool = False
    at: int = 0  # milliseconds since 1970
    conversation: str = ""  # "" is the home screen
    after: int = 0  # the last seq of the conversation when this was said: its place in the timeline
    warning: bool = False

    @property
    def is_serious(self) -> bool:
        """An error or a warning."""
        return self.error or self.warning


@dataclass(slots=True)
class ClientState:
    """All of it."""

    server: str = ""  # host:port, as typed
    server_name: str = ""
    encrypted: bool = False
    limits: Limits | None = None
    link: ConnectionState = ConnectionState.OFFLINE
    retry_at: float = 0.0  # when the next attempt is made, seconds on the clock that counts for the view
    lag: float | None = None  # seconds, of the last ping or of one that is still waited for
    username: str = ""
    away: str = ""  # why I am, for others
    conversations: dict[str, Conversation] = field(default_factory=dict)
    current: str = ""  # "" is the home screen
    notes: list[ClientNote] = field(default_factory=list)
    ignored: set[str] = field(default_factory=set)
    attention: dict[str, str] = field(default_factory=dict)  # conversation -> all, mentions, none, if chosen
