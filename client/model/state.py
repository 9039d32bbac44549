"""The data types of the client's state: ``apply`` changes it, ``select`` derives values from it."""

from dataclasses import dataclass, field
from enum import Enum, auto

from chatroom.protocol.requests import SentKind
from chatroom.protocol.values import Limits, Member, Message


class ConnectionState(Enum):
    """The state of the connection and the session."""

    OFFLINE = auto()
    CONNECTING = auto()
    RECONNECTING = auto()  # with ``ClientState.retry_at``
    ONLINE = auto()  # connected, not logged in
    LOGGED_IN = auto()  # missing messages are fetched or being fetched
    REFUSED = auto()  # for good: the server's certificate changed, or the protocol differs


class DeliveryState(Enum):
    """The state of a message that the server has not confirmed."""

    WAITING = auto()  # in the outbox, not confirmed
    REFUSED = auto()  # never stored; the reason is ``PendingMessage.error``


@dataclass(slots=True)
class PendingMessage:
    """A message of the user that the server has not confirmed.

    It is drawn below the confirmed messages, or, if it was refused, in the place where that happened.
    """

    cid: str
    conversation: str
    text: str
    kind: SentKind = "text"
    target: int = 0  # the seq of the message that it changes or answers; 0 for none
    written_at: int = 0  # milliseconds since 1970
    delivery: DeliveryState = DeliveryState.WAITING
    error: str = ""  # the error code
    facts: dict[str, object] = field(default_factory=dict)  # of the error
    after: int = 0  # the last seq when it was refused: its place in the timeline
    seq: int = 0  # once it is confirmed; it is drawn until the message itself arrives


@dataclass(slots=True)
class Timeline:
    """The loaded messages of a conversation: one run without a gap, with their changes applied.

    ``messages[i].seq == first + i``.
    """

    messages: list[Message] = field(default_factory=list)
    changes: dict[int, dict[int, Message]] = field(default_factory=dict)  # by target, by seq
    more: bool = True  # the server may have older messages
    loading: bool = False  # and they are requested

    @property
    def first(self) -> int:
        return self.messages[0].seq if self.messages else 0

    @property
    def last(self) -> int:
        return self.messages[-1].seq if self.messages else 0

    def find(self, seq: int) -> Message | None:
        """Return the message with this seq if it is loaded."""
        return self.messages[seq - self.first] if self.first <= seq <= self.last and seq else None


@dataclass(slots=True)
class TypingUser:
    """A user who is typing, until ``until`` (monotonic clock) unless another typing event arrives."""

    nickname: str
    until: float


@dataclass(slots=True)
class Conversation:
    """A room or a private chat, with its messages and what the screen shows about it."""

    name: str  # "#thuhole", "@Bob"
    key: str = ""  # its first name here, which stays the same when a room is renamed
    room_id: int = 0  # a room: the server's id; 0 if it is unknown
    members: int = 0
    capacity: int = 0
    member: bool = False  # of a room; always true for a private chat
    entered: bool = False
    nickname: str = ""
    owner: str = ""
    topic: str = ""
    private: bool = False  # a room: only members and invited users see it
    locked: bool = False  # a room: joining takes a password
    invited: bool = False  # a room: the user may join in spite of ``private`` and ``locked``
    online: bool = False  # a private chat: whether the friend is online
    away: str = ""  # a private chat: the away text of the friend
    ended: bool = False  # a private chat: the friendship has ended
    head: int = 0  # the last seq that ``unread`` and the notices include
    known_head: int = 0  # the last seq known to exist; beyond ``head``, messages are missing
    first: int = 1  # the server has removed all messages before this seq
    retention: int = 0  # a room: days after which messages are removed, as its owner says; 0 for none
    read: int = 0
    unread: int = 0
    mention_seqs: set[int] = field(default_factory=set)  # of the unread messages that mention the user
    scanned_from: int = 1  # the oldest seq that was searched for mentions, with all after it
    unread_from: int = 0  # the seq above which the "new" line is drawn; 0 for none
    roster: list[Member] = field(default_factory=list)
    timeline: Timeline = field(default_factory=Timeline)  # up to the newest message
    past: Timeline | None = None  # older messages on the screen that do not touch ``timeline``
    keeps_all: bool = False  # the user has scrolled up, so no message may be dropped
    selected: int = 0  # the seq of the message that commands apply to; 0 for none
    typing: dict[str, TypingUser] = field(default_factory=dict)  # by user name
    pending: list[PendingMessage] = field(default_factory=list)
    draft: str = ""

    def __post_init__(self) -> None:
        self.key = self.key or self.name

    @property
    def is_room(self) -> bool:
        return self.name.startswith("#")

    @property
    def mentions(self) -> int:
        return len(self.mention_seqs)

    @property
    def has_unscanned(self) -> bool:
        """Whether there are unread messages that have not been searched for mentions."""
        return bool(self.unread) and self.scanned_from > self.first_unread

    @property
    def first_unread(self) -> int:
        """The seq of the first message that is not read and not removed."""
        return max(self.read + 1, self.first)

    @property
    def shown(self) -> Timeline:
        """The messages on the screen."""
        return self.past or self.timeline


class ConversationTable(dict[str, Conversation]):
    """The conversations by name. A room that was renamed is found by its former names too; these are not
    iterated.
    """

    def __init__(self) -> None:
        super().__init__()
        self._current_names: dict[str, str] = {}  # by former name
        self._names_by_id: dict[int, str] = {}  # of rooms

    def __missing__(self, name: str) -> Conversation:
        return super().__getitem__(self._current_names[name])

    def __contains__(self, name: object) -> bool:
        return super().__contains__(name) or super().__contains__(self._current_names.get(str(name)))

    def clear(self) -> None:
        super().clear()
        self._current_names.clear()
        self._names_by_id.clear()

    def find(self, name: str) -> Conversation | None:
        """Return the conversation that has or had this name."""
        try:
            return self[name]
        except KeyError:
            return None

    def find_room(self, room_id: int) -> Conversation | None:
        """Return the room with this id of the server."""
        room = self.get(self._names_by_id.get(room_id, ""))
        return room if room is not None and room.room_id == room_id else None

    def set_room_id(self, room: Conversation, room_id: int) -> None:
        room.room_id = room_id
        if room_id:
            self._names_by_id[room_id] = room.name

    def former_names(self) -> list[str]:
        return [name for name in self._current_names if name in self]

    def add_former_name(self, former: str, name: str) -> None:
        """The room ``name`` had another name before."""
        names = {other: name for other, now in self._current_names.items() if now == former}
        self._current_names |= names | {former: name}
        self._current_names.pop(name, None)

    def forget_former_name(self, former: str) -> None:
        """Another room has this name now."""
        self._current_names.pop(former, None)


@dataclass(slots=True)
class ClientNote:
    """A line of the client itself, such as the result of a command or an error.

    ``key`` is the message id in the catalogue (error codes are ids too), ``facts`` are its parameters. A
    ``warning`` is shown like an error, but does not change the exit code.
    """

    key: str
    facts: dict[str, object] = field(default_factory=dict)
    error: bool = False
    at: int = 0  # milliseconds since 1970
    conversation: str = ""  # "" is the home page
    after: int = 0  # the last seq when the note was made: its place in the timeline
    warning: bool = False

    @property
    def is_serious(self) -> bool:
        """An error or a warning."""
        return self.error or self.warning


@dataclass(slots=True)
class ClientState:
    """Everything that the front ends show."""

    server: str = ""  # host:port, as typed
    server_name: str = ""
    encrypted: bool = False
    limits: Limits | None = None
    link: ConnectionState = ConnectionState.OFFLINE
    retry_at: float = 0.0  # when the next attempt is made, in seconds of the monotonic clock
    lag: float | None = None  # seconds, of the last ping or of one that is not answered yet
    username: str = ""
    away: str = ""  # the away text of the user
    conversations: ConversationTable = field(default_factory=ConversationTable)
    renamed: list[tuple[str, str]] = field(default_factory=list)  # rooms to report: former and new name
    current: str = ""  # "" is the home page
    home_draft: str = ""
    notes: list[ClientNote] = field(default_factory=list)
    notify_words: tuple[str, ...] = ()  # words that count as a mention of the user
    conversation_words: dict[str, tuple[str, ...]] = field(
        default_factory=dict
    )  # more words, by conversation
    search_terms: tuple[str, ...] = ()  # the words of the last search, which are marked in messages
    ignored: set[str] = field(default_factory=set)
    attention: dict[str, str] = field(
        default_factory=dict
    )  # conversation -> all, mentions or none, where the user has chosen
