"""The records that query functions return: plain, immutable, independent of the protocol.

The two that exist for every message are ``Struct``s, which take a fifth of a dataclass's time to create. They
cannot contain themselves, so the garbage collector need not track them.
"""

from dataclasses import dataclass, field
from typing import Any, NamedTuple

from msgspec import Struct

MessageKey = tuple[int, int]
"""A conversation's id and a seq: one message."""

SeatKey = tuple[int, int]
"""An account's id and a conversation's id: one seat."""


@dataclass(frozen=True, slots=True)
class AccountRecord:
    id: int
    username: str
    password_hash: str = field(repr=False)
    registered_at: int
    disabled: bool = False
    session_epoch: int = 0  # sessions that began under a smaller epoch have ended
    erased: bool = False  # its name is neutral, and its texts are gone or going


@dataclass(frozen=True, slots=True)
class RoomRecord:
    """A room, with the seat or the invitation of the account for which it was read.

    ``password_hash`` is set if joining takes a password; ``topic`` is empty if there is none. ``roster`` is
    the version of the room's member list. ``first`` is the seq before which all messages were removed, and
    ``retention_days`` the owner's limit for that, if there is one.
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
    first: int = 1
    retention_days: int | None = None


@dataclass(frozen=True, slots=True)
class DirectRecord:
    """A private chat as one of its two accounts sees it. ``ended`` if they are no longer friends."""

    conversation_id: int
    friend_id: int
    friend: str
    head: int
    roster: int
    ended: bool
    seat: "SeatRecord"
    first: int = 1


@dataclass(frozen=True, slots=True)
class SeatRecord:
    """An account's membership in a conversation. ``unread`` counts the messages of others after ``read``;
    ``moderator`` may be set in a room.
    """

    conversation_id: int
    account_id: int
    username: str
    nickname: str | None
    entered: bool
    read: int
    unread: int = 0
    moderator: bool = False


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
    """The edits, deletion and reactions of a message. ``reactions`` maps each reaction to the user names."""

    edited_at: int | None = None
    deleted: bool = False
    reactions: dict[str, list[str]] = field(default_factory=dict)


class MessageRank(NamedTuple):
    """The position of a message among those of all conversations: later messages rank higher; within a
    millisecond the conversation's id decides. A rank with a time only is below all messages of that
    millisecond.
    """

    sent_at: int
    conversation_id: int = 0
    seq: int = 0

    @property
    def ceiling(self) -> int:
        """The smallest time in milliseconds at which no message ranks below this one."""
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
