"""Responses from the server, each with the ``id`` of its request (``requests``).

A client ignores fields that it does not know.
"""

from typing import Any

from msgspec import UNSET, UnsetType

from chatroom.protocol import values
from chatroom.protocol.frame import Frame, Id, snake_case


class Response(Frame, frozen=True, kw_only=True, tag=snake_case):
    """A response. ``id`` is null only if the line had no readable id."""

    id: Id | None


class Ok(Response, frozen=True, kw_only=True):
    """The request was carried out."""


class Pong(Response, frozen=True, kw_only=True):
    """The answer to ``ping``."""


class Error(Response, frozen=True, kw_only=True):
    """The request was refused or failed: ``code`` is for programs, ``message`` for people."""

    code: str
    message: str
    details: dict[str, Any]


class Session(Response, frozen=True, kw_only=True):
    """Logged in. ``token`` resumes this session; ``rooms`` are those that the account is a member of."""

    username: str
    token: str
    rooms: list[values.Room]
    friends: list[values.Friend]


class Rooms(Response, frozen=True, kw_only=True):
    """All rooms that are visible to the account, sorted by name."""

    rooms: list[values.Room]


class Room(Response, frozen=True, kw_only=True):
    """The room just created."""

    room: values.Room


class Entered(Response, frozen=True, kw_only=True):
    """Entered: ``room`` and its ``members`` (usernames), or ``friend``; and the newest page."""

    messages: list[values.Message]
    room: values.Room | UnsetType = UNSET
    members: list[str] | UnsetType = UNSET
    friend: values.Friend | UnsetType = UNSET


class Members(Response, frozen=True, kw_only=True):
    """The members of a room."""

    members: list[values.Member]


class Banned(Response, frozen=True, kw_only=True):
    """The users banned from a room, sorted by name."""

    usernames: list[str]


class Invitation(Response, frozen=True, kw_only=True):
    """The invite code just created, which is shown only once, and the time at which it expires."""

    code: str
    until: str


class Friend(Response, frozen=True, kw_only=True):
    """The new friend."""

    friend: values.Friend


class Friends(Response, frozen=True, kw_only=True):
    """The account's friends, sorted by name."""

    friends: list[values.Friend]


class Blocked(Response, frozen=True, kw_only=True):
    """The users whom the account has blocked, sorted by name."""

    usernames: list[str]


class User(Response, frozen=True, kw_only=True):
    """A user's profile."""

    user: values.User


class Sent(Response, frozen=True, kw_only=True):
    """The message is committed as ``seq``; ``duplicate`` if it had been stored before."""

    cid: str
    seq: int
    time: str
    duplicate: bool


class History(Response, frozen=True, kw_only=True):
    """A page, ascending by seq; ``more`` if there are more messages in the requested direction."""

    messages: list[values.Message]
    more: bool


class Found(Response, frozen=True, kw_only=True):
    """Search results, newest first. ``cursor`` continues the search. ``before`` is set if the search stopped
    early: older messages were not searched.
    """

    messages: list[values.Message]
    more: bool
    before: str | UnsetType = UNSET
    cursor: str | UnsetType = UNSET


AnyResponse = (
    Ok
    | Pong
    | Error
    | Session
    | Rooms
    | Room
    | Entered
    | Members
    | Banned
    | Invitation
    | Friend
    | Friends
    | Blocked
    | User
    | Sent
    | History
    | Found
)
