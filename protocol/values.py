"""The values in frames: messages, rooms, members, friends.

A *conversation* is named ``#room`` or ``@friend``, after the receiver's friend. Times on the wire are RFC
3339 in UTC with milliseconds; inside the program a time is an integer, the milliseconds since 1970.
"""

import time
from datetime import UTC, datetime
from functools import lru_cache
from typing import Annotated

import msgspec
from msgspec import UNSET, Meta, UnsetType

from chatroom.protocol.frame import Positive

DAY = 24 * 60 * 60 * 1000
"""In milliseconds."""

SPOKEN_KINDS = frozenset({"text", "action"})
"""The kinds of messages that count as unread; every other kind is a notice or changes a message."""

CHANGE_KINDS = frozenset({"edit", "delete", "react", "unreact"})
"""The kinds that change the message in ``target``: ``text`` is the new text, empty, or the reaction."""


Label = Annotated[str, Meta(min_length=2)]
"""The name of a conversation: ``#room`` or ``@friend``."""


class Value(msgspec.Struct, frozen=True, kw_only=True):
    """A part of a frame; it has no tag of its own."""


class Message(Value, frozen=True, kw_only=True):
    """A stored message of a conversation.

    ``seq`` is its position: 1, 2, 3 … without a gap, the same for all users, never changed. ``kind`` is
    ``text`` or ``action``, a notice such as ``enter`` or ``leave`` (``text`` is empty) or ``nick`` (``text``
    is the old nickname), or one of ``CHANGE_KINDS``. A client hides a kind that it does not know. ``target``
    is the seq of the message that this one changes or replies to. ``cid`` is sent only to the author.

    In a page a message has its latest state: the latest ``text``; ``edited``, the time of the last edit;
    ``deleted``, with an empty text; ``reactions``, each with the user names of those who added it.
    """

    conversation: Label
    seq: Positive
    time: str
    kind: str
    username: str
    nickname: str
    text: str
    target: int | UnsetType = UNSET
    cid: str | UnsetType = UNSET
    edited: str | UnsetType = UNSET
    deleted: bool | UnsetType = UNSET
    reactions: dict[str, list[str]] | UnsetType = UNSET


class Room(Value, frozen=True, kw_only=True):
    """A room as one account sees it. ``room_id`` stays the same when the room is renamed.

    ``members`` is the number of seats taken, of ``capacity``. Only a member gets ``head``, ``read`` (seqs)
    and ``unread`` (the number of messages by others after ``read``), and ``nickname`` if one is set.
    ``first`` is set for a member if older messages were removed: the seq of the first one that is left.
    ``private`` (visible only to members and invited users), ``locked`` (a seat needs a password) and
    ``invited`` (the account is) are set only if true. ``retention`` is the number of days after which
    messages are removed, if the owner has set one; the server may remove them earlier.
    """

    room: Label
    members: int
    capacity: int
    member: bool
    entered: bool
    nickname: str | UnsetType = UNSET
    head: int | UnsetType = UNSET
    read: int | UnsetType = UNSET
    unread: int | UnsetType = UNSET
    owner: str | UnsetType = UNSET
    topic: str | UnsetType = UNSET
    private: bool | UnsetType = UNSET
    locked: bool | UnsetType = UNSET
    invited: bool | UnsetType = UNSET
    retention: int | UnsetType = UNSET
    first: int | UnsetType = UNSET
    room_id: int | UnsetType = UNSET


class Friend(Value, frozen=True, kw_only=True):
    """A friend and the private chat with that friend. ``away`` is the friend's away message. ``first`` is set
    if older messages were removed: the seq of the first one that is left.
    """

    friend: Label
    online: bool
    entered: bool
    head: int
    read: int
    unread: int
    nickname: str | UnsetType = UNSET
    away: str | UnsetType = UNSET
    first: int | UnsetType = UNSET


class Member(Value, frozen=True, kw_only=True):
    """A member of a room. ``nickname`` is empty until the first entry; ``role`` is ``owner`` or
    ``moderator``.
    """

    username: str
    nickname: str
    entered: bool
    online: bool
    away: str | UnsetType = UNSET
    role: str | UnsetType = UNSET


class User(Value, frozen=True, kw_only=True):
    """The public profile of an account: ``registered`` is a time, ``rooms`` are the common rooms, the first
    hundred, of which the user ``owns`` or ``moderates`` some. Users without a common room or
    friendship appear offline to each other.
    """

    username: str
    registered: str
    online: bool
    rooms: list[str]
    away: str | UnsetType = UNSET
    owns: list[str] | UnsetType = UNSET
    moderates: list[str] | UnsetType = UNSET


class Limits(Value, frozen=True, kw_only=True):
    """The limits in ``welcome``. Ranges are ``[min, max]``. ``line`` is in bytes; the minimum of ``password``
    is in code points and its maximum in UTF-8 bytes; the others are in code points. ``page`` and ``export``
    count messages; a server without ``export`` does not know that request. ``retention`` is the number of
    days after which the server removes messages; unset if it keeps them.
    """

    line: int
    text: int
    username: tuple[int, int]
    password: tuple[int, int]
    room: tuple[int, int]
    nickname: tuple[int, int]
    page: int
    export: int | UnsetType = UNSET
    retention: int | UnsetType = UNSET


@lru_cache(maxsize=1024)
def now_milliseconds() -> int:
    """Return the time of day in milliseconds since 1970."""
    return time.time_ns() // 1_000_000


def format_time(milliseconds: int) -> str:
    """Format milliseconds since 1970 as ``2026-11-22T04:22:43.273Z``.

    Cached, because all messages of one transaction have the same time and each receiver needs it.
    """
    minute, rest = divmod(milliseconds, 60_000)
    return f"{_format_minute(minute)}{rest // 1000:02}.{rest % 1000:03}Z"


@lru_cache(maxsize=1024)
def _format_minute(minute: int) -> str:
    return datetime.fromtimestamp(60 * minute, UTC).isoformat()[:17]


def parse_time(text: str) -> int:
    """Return an RFC 3339 time as milliseconds since 1970. Raises ``ValueError`` for anything else."""
    moment = datetime.fromisoformat(text)
    if moment.tzinfo is None:
        raise ValueError(f"a time without a time zone: {text!r}")
    return round(moment.timestamp() * 1000)
