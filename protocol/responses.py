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
    """The request succeeded."""


class Pong(Response, frozen=True, kw_only=True):
    """The answer to ``ping``."""


class Error(Response, frozen=True, kw_only=True):
    """The request was refused or failed: ``code`` is for programs, ``message`` for people."""

    code: str
    message: str
    details: dict[str, Any]


class Session(Response, frozen=True, kw_only=True):
    """Logged in. ``token`` resumes this session; ``rooms`` are those that the account is a member of.

    If a list is long, ``rooms_cursor`` continues it in ``list_rooms`` with ``member``, ``friends_cursor`` in
    ``list_friends``.
    """

    username: str
    token: str
    rooms: list[values.Room]
    friends: list[values.Friend]
    rooms_cursor: str | UnsetType = UNSET
    friends_cursor: str | UnsetType = UNSET


class ListResponse(Response, frozen=True, kw_only=True):
    """A page of a list. If there are further entries, ``more`` is set, and ``cursor`` requests them."""

    more: bool | UnsetType = UNSET
    cursor: str | UnsetType = UNSET


class Rooms(ListResponse, frozen=True, kw_only=True):
    """Rooms that are visible to the account, sorted by name."""

    rooms: list[values.Room]


class Room(Response, frozen=True, kw_only=True):
    """The room just created or changed."""

    room: values.Room


class RoomDetails(Response, frozen=True, kw_only=True):
    """A room, the time at which it was created, and its moderators, the first hundred."""

    room: values.Room
    created: str
    moderators: list[str]


class Entered(Response, frozen=True, kw_only=True):
    """Entered: ``room`` and its ``members`` (usernames), or ``friend``; and the newest page.

    ``members_cursor`` continues a long list of members in ``list_members``.
    """

    messages: list[values.Message]
    room: values.Room | UnsetType = UNSET
    members: list[str] | UnsetType = UNSET
    members_cursor: str | UnsetType = UNSET
    friend: values.Friend | UnsetType = UNSET


class Members(ListResponse, frozen=True, kw_only=True):
    """The members of a room, sorted by name."""

    members: list[values.Member]


class Banned(ListResponse, frozen=True, kw_only=True):
    """The users banned from a room, sorted by name."""

    usernames: list[str]


class Invitation(Response, frozen=True, kw_only=True):
    """The invite code just created, which is shown only once, and the time at which it expires."""

    code: str
    until: str


class Friend(Response, frozen=True, kw_only=True):
    """The new friend."""

    friend: values.Friend


class Friends(ListResponse, frozen=True, kw_only=True):
    """The account's friends, sorted by name."""

    friends: list[values.Friend]


class Blocked(ListResponse, frozen=True, kw_only=True):
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
    """A page, ascending by seq; ``more`` if there are more messages in the requested direction. ``first`` is
    set if older messages were removed: the seq of the first one that is left.
    """

    messages: list[values.Message]
    more: bool
    first: int | UnsetType = UNSET


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
    | RoomDetails
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
