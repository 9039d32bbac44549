"""What the server answers, each with the ``id`` of its request.

The counterpart is ``requests``. A client ignores fields that it does not know.
"""

from typing import Any

from chatroom.protocol import values
from chatroom.protocol.frame import Frame, Id, snake_case
from msgspec import UNSET, UnsetType


class Response(Frame, frozen=True, kw_only=True, tag=snake_case):
    """An answer. ``id`` is null only where the line had none that could be read."""

    id: Id | None


class Ok(Response, frozen=True, kw_only=True):
    """Done."""


class Pong(Response, frozen=True, kw_only=True):
    """Still here."""


class Error(Response, frozen=True, kw_only=True):
    """Refused or failed: ``code`` is for programs, ``message`` for a person, ``details`` holds the facts."""

    code: str
    message: str
    details: dict[str, Any]


class Session(Response, frozen=True, kw_only=True):
    """Logged in. ``token`` resumes this session; ``rooms`` are those I am a member of."""

    username: str
    token: str
    rooms: list[values.Room]
    friends: list[values.Friend]


class Rooms(Response, frozen=True, kw_only=True):
    """Every room that I may see, by name."""

    rooms: list[values.Room]


class Room(Response, frozen=True, kw_only=True):
    """The room just made."""

    room: values.Room


class Entered(Response, frozen=True, kw_only=True):
    """Inside: ``room`` and its ``members`` (usernames), or ``friend``; and the newest page."""

    messages: list[values.Message]
    room: values.Room | UnsetType = UNSET
    members: list[str] | UnsetType = UNSET
    friend: values.Friend | UnsetType = UNSET


class Members(Response, frozen=True, kw_only=True):
    """Who holds the seats of a room."""

    members: list[values.Member]


class Banned(Response, frozen=True, kw_only=True):
    """Whom a room lets in no more, by name."""

    usernames: list[str]


class Invitation(Response, frozen=True, kw_only=True):
    """The code just made, which is told once, and the time until which it is good."""

    code: str
    until: str


class Friend(Response, frozen=True, kw_only=True):
    """The friend just made."""

    friend: values.Friend


class Friends(Response, frozen=True, kw_only=True):
    """Everybody who is my friend, by name."""

    friends: list[values.Friend]


class Blocked(Response, frozen=True, kw_only=True):
    """Whom I have blocked, by name."""

    usernames: list[str]


class User(Response, frozen=True, kw_only=True):
    """Who somebody is."""

    user: values.User


class Sent(Response, frozen=True, kw_only=True):
    """Stored for good, at this place; ``duplicate`` when it had been before."""

    cid: str
    seq: int
    time: str
    duplicate: bool


class History(Response, frozen=True, kw_only=True):
    """A page, ascending by seq; ``more`` when there is more in the direction asked."""

    messages: list[values.Message]
    more: bool


class Found(Response, frozen=True, kw_only=True):
    """What a search found, newest first. With ``cursor`` it goes on. ``before`` is there when it stopped
    early, and is how far back it came.
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
