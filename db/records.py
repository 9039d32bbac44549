"""What query functions return. Plain, frozen, and without a word of the protocol.

The two that are made for every message are ``Struct``s, which take a fifth of a dataclass's time to make; and
as none can hold itself, the garbage collector need not look at them.
"""

from dataclasses import dataclass, field
from typing import Any, NamedTuple

from msgspec import Struct

SeatKey = tuple[int, int]
"""An account's id and a conversation's: whose seat where."""


@dataclass(frozen=True, slots=True)
class AccountRecord:
    id: int
    username: str
    password_hash: str = field(repr=False)
    registered_at: int
    disabled: bool = False
    session_epoch: int = 0  # sessions that began under a smaller one are over


@dataclass(frozen=True, slots=True)
class RoomRecord:
    """A room and, where it was asked for an account's eyes, that account's seat in it, or its invitation.

    ``password_hash`` is there when a seat takes a password; ``topic`` is empty if there is none.
    """

    conversation_id: int
    name: str
    capacity: int
    members: int
    owner_id: int
    owner: str
    topic: str
    private: bool
    password_hash: str | None = field(repr=False)
    head: int
    roster: int
    invited: bool = False
    seat: "SeatRecord | None" = None


@dataclass(frozen=True, slots=True)
class DirectRecord:
    """A private chat as one of the two sees it. ``ended`` when they are friends no longer."""

    conversation_id: int
    friend_id: int
    friend: str
    head: int
    roster: int
    ended: bool
    seat: "SeatRecord"


@dataclass(frozen=True, slots=True)
class SeatRecord:
    """One account's membership in a conversation. ``unread`` counts messages of others behind ``read``."""

    conversation_id: int
    account_id: int
    username: str
    nickname: str | None
    entered: bool
    read: int
    unread: int = 0


class MessageFields(Struct, frozen=True, gc=False):
    """What a draft and a stored message have in common. A new column of messages is a field here and a column
    in ``schema.messages``; what is selected and inserted follows from the two.

    ``cid`` is ``None`` for a system message; ``target`` is the seq of the message that this one changes or
    replies to.
    """

    conversation_id: int
    account_id: int
    username: str
    nickname: str
    kind: str
    text: str
    cid: str | None = None
    target: int | None = None


class MessageDraft(MessageFields, frozen=True, gc=False):
    """A message to store."""


@dataclass(frozen=True, slots=True)
class MessageRevision:
    """What became of a message after it was said. ``reactions``: to each, who reacted so, by user name."""

    edited_at: int | None = None
    deleted: bool = False
    reactions: dict[str, list[str]] = field(default_factory=dict)


class MessageRank(NamedTuple):
    """Where a message stands among those of all conversations: the later, the higher; within a millisecond in
    the order of the conversations' ids. A time alone stands below all the messages of its millisecond.
    """

    sent_at: int
    conversation_id: int = 0
    seq: int = 0

    @property
    def ceiling(self) -> int:
        """The time from which on no message stands below this one."""
        return self.sent_at + bool(self.conversation_id)


class StoredMessage(MessageFields, frozen=True, gc=False):
    """A stored message. ``sent_at`` is in milliseconds since 1970. ``revision`` is set if the current state
    was asked for and the message was changed.
    """

    seq: int = 0
    sent_at: int = 0
    revision: MessageRevision | None = None

    @property
    def rank(self) -> MessageRank:
        return MessageRank(self.sent_at, self.conversation_id, self.seq)


def compile_function(source: str) -> Any:
    """Compile a lambda that names each field of a message. Functions that run for every message are built
    this way, once at import: they take a third of the time of ``attrgetter`` or slices.
    """
    return eval(source, {"StoredMessage": StoredMessage})
