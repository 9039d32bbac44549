"""What the server tells unasked. An event has no ``id``; a client ignores an event that it does not know."""

from typing import Any

from chatroom.protocol import values
from chatroom.protocol.frame import Frame, snake_case
from msgspec import UNSET, UnsetType


class Event(Frame, frozen=True, kw_only=True, tag=snake_case):
    """A line from the server that answers nothing."""


class Welcome(Event, frozen=True, kw_only=True):
    """The first line on a connection."""

    protocol: int
    server: str
    name: str
    limits: values.Limits


class Message(Event, frozen=True, kw_only=True):
    """Something was said, or happened, in a conversation of mine."""

    message: values.Message


class Read(Event, frozen=True, kw_only=True):
    """Another session of mine has read up to here."""

    conversation: str
    seq: int


class Typing(Event, frozen=True, kw_only=True):
    """Somebody is writing something in a room that I have entered, or to me."""

    conversation: str
    username: str
    nickname: str


class Presence(Event, frozen=True, kw_only=True):
    """A friend, or somebody in a room with me, came or went, or (``away``) is there and yet not."""

    username: str
    online: bool
    away: str | UnsetType = UNSET


class Room(Event, frozen=True, kw_only=True):
    """A room that I can see appeared or changed."""

    room: values.Room


class Invited(Event, frozen=True, kw_only=True):
    """Somebody asked me into a room of theirs."""

    room: values.Room
    username: str


class Removed(Event, frozen=True, kw_only=True):
    """A room is mine no longer, and what was said there not mine to read.

    ``reason``: I was put out (``kick``, ``ban``), another session of mine gave the seat up (``resign``), or
    there is no such room any more (``close``). ``username`` is who did it, if it was no administrator.
    """

    room: str
    reason: str
    username: str | UnsetType = UNSET


class Friend(Event, frozen=True, kw_only=True):
    """Somebody became my friend, or (``ended``) is one no longer."""

    friend: values.Friend
    ended: bool | UnsetType = UNSET


class Closing(Event, frozen=True, kw_only=True):
    """The server is about to close this connection. ``details`` are the facts, if there are any."""

    code: str
    message: str
    details: dict[str, Any] | UnsetType = UNSET


AnyEvent = Welcome | Message | Read | Typing | Presence | Room | Invited | Removed | Friend | Closing
