"""Events: lines that the server sends without a request. A client ignores an event that it does not know."""

from typing import Any

from msgspec import UNSET, UnsetType

from chatroom.protocol import values
from chatroom.protocol.frame import Frame, snake_case


class Event(Frame, frozen=True, kw_only=True, tag=snake_case):
    """A line from the server without an ``id``."""


class Welcome(Event, frozen=True, kw_only=True):
    """The first line on a connection."""

    protocol: int
    server: str
    name: str
    limits: values.Limits


class Message(Event, frozen=True, kw_only=True):
    """A new message in a conversation of the account."""

    message: values.Message


class Read(Event, frozen=True, kw_only=True):
    """Another session of the account has read up to ``seq``."""

    conversation: str
    seq: int


class Purged(Event, frozen=True, kw_only=True):
    """The messages before ``first`` were removed because of their age. ``unread`` is set if some of them were
    unread: the number of unread messages that are left.
    """

    conversation: str
    first: int
    unread: int | UnsetType = UNSET


class Typing(Event, frozen=True, kw_only=True):
    """A user is typing in a room that the account has entered, or in a private chat with it."""

    conversation: str
    username: str
    nickname: str


class Presence(Event, frozen=True, kw_only=True):
    """A friend, or a member of a common room, went online or offline, or set an ``away`` message."""

    username: str
    online: bool
    away: str | UnsetType = UNSET


class Room(Event, frozen=True, kw_only=True):
    """A visible room was created or changed."""

    room: values.Room


class Invited(Event, frozen=True, kw_only=True):
    """A user invited the account to a room."""

    room: values.Room
    username: str


class Removed(Event, frozen=True, kw_only=True):
    """The account lost its seat in a room and can no longer read its messages.

    ``reason`` is ``kick`` or ``ban``, ``resign`` (another session of the account gave up the seat), or
    ``close`` (the room was deleted). ``username`` is the user who did it; unset for an administrator.
    """

    room: str
    reason: str
    username: str | UnsetType = UNSET


class Friend(Event, frozen=True, kw_only=True):
    """A friendship began or changed, or (``ended``) is over. ``former`` is the earlier name of the private
    chat if the friend's account was erased.
    """

    friend: values.Friend
    ended: bool | UnsetType = UNSET
    former: values.Label | UnsetType = UNSET


class Announcement(Event, frozen=True, kw_only=True):
    """An announcement of an administrator to all connected users."""

    text: str
    time: str


class Closing(Event, frozen=True, kw_only=True):
    """The server is about to close this connection."""

    code: str
    message: str
    details: dict[str, Any] | UnsetType = UNSET


AnyEvent = (
    Welcome
    | Message
    | Read
    | Purged
    | Typing
    | Presence
    | Room
    | Invited
    | Removed
    | Friend
    | Announcement
    | Closing
)
