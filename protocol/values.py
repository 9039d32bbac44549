"""What frames carry: messages, rooms, members, friends.

A *conversation* is named ``#room`` or, for the one who is told, ``@friend``. Times are RFC 3339 in UTC
with milliseconds; inside the program a time is an integer, the milliseconds since 1970.
"""

import time
from datetime import UTC, datetime
from functools import lru_cache
from typing import Annotated

import msgspec
from chatroom.protocol.frame import Positive
from msgspec import UNSET, Meta, UnsetType

DAY = 24 * 60 * 60 * 1000
"""In milliseconds."""

SPOKEN_KINDS = frozenset({"text", "action"})
"""The kinds that people would call messages; everything else is a notice or changes a message."""

CHANGE_KINDS = frozenset({"edit", "delete", "react", "unreact"})
"""The kinds that change the message in ``target``: ``text`` is the new text, empty, or the reaction."""


Label = Annotated[str, Meta(min_length=2)]
"""What a conversation is called: ``#room`` or ``@friend``."""


class Value(msgspec.Struct, frozen=True, kw_only=True):
    """A part of a frame; it has no tag of its own."""


class Message(Value, frozen=True, kw_only=True):
    """What is kept in a conversation: something said, or a notice of what happened.

    ``seq`` is its place: 1, 2, 3 … without a gap, the same for everybody, for ever. ``kind`` is ``text``
    or ``action`` (something said), ``enter`` or ``leave`` (``text`` is empty) or ``nick`` (``text`` is the
    former nickname), or one of ``CHANGE_KINDS``; a client shows a kind that it does not know as nothing.
    ``target`` is the seq of the message that this one changes or, if it is something said, answers. ``cid``
    stands only in what the author sees.

    A page shows what was said as it stands now: with the latest ``text``; ``edited``, the time of the last
    edit; ``deleted``, and then no text; ``reactions``, to each the user names of those who reacted so.
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
    """A room as one account sees it.

    ``members`` counts the seats taken of ``capacity``. ``head``, ``read`` (seqs) and ``unread`` (how many
    messages of others stand behind ``read``) are told to members alone, ``nickname`` to those who have one.
    ``private`` (seen by members and the invited alone), ``locked`` (a seat takes a password) and ``invited``
    (I am) are there when they are true.
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


class Friend(Value, frozen=True, kw_only=True):
    """A friend and the private chat with them. ``away`` is what they let others know of being away."""

    friend: Label
    online: bool
    entered: bool
    head: int
    read: int
    unread: int
    nickname: str | UnsetType = UNSET
    away: str | UnsetType = UNSET


class Member(Value, frozen=True, kw_only=True):
    """One seat of a room. ``nickname`` is empty until the first entry gave one."""

    username: str
    nickname: str
    entered: bool
    online: bool
    away: str | UnsetType = UNSET


class User(Value, frozen=True, kw_only=True):
    """An account as another one may know it: ``registered`` is a time, ``rooms`` are those that both are
    members of. Strangers look offline to each other.
    """

    username: str
    registered: str
    online: bool
    rooms: list[str]
    away: str | UnsetType = UNSET


class Limits(Value, frozen=True, kw_only=True):
    """What the server tells in ``welcome``. Ranges are ``[least, most]``; ``line`` is in bytes,
    ``password``'s least in code points and its most in UTF-8 bytes, the others in code points. ``page`` and
    ``export`` count messages; without ``export`` the server knows no such request.
    """

    line: int
    text: int
    username: tuple[int, int]
    password: tuple[int, int]
    room: tuple[int, int]
    nickname: tuple[int, int]
    page: int
    export: int | UnsetType = UNSET


@lru_cache(maxsize=1024)
def now_milliseconds() -> int:
    """Return the time of day in milliseconds since 1970."""
    return time.time_ns() // 1_000_000


def format_time(milliseconds: int) -> str:
    """Milliseconds since 1970 -> ``2026-11-22T04:22:43.273Z``. All that is stored in one transaction has one
    time, and each receiver, sender and page asks for it."""
    minute, rest = divmod(milliseconds, 60_000)
    return f"{_format_minute(minute)}{rest // 1000:02}.{rest % 1000:03}Z"


@lru_cache(maxsize=1024)
def _format_minute(minute: int) -> str:
    return datetime.fromtimestamp(60 * minute, UTC).isoformat()[:17]


def parse_time(text: str) -> int:
    """An RFC 3339 time -> milliseconds since 1970. Raises ``ValueError`` for anything else."""
    moment = datetime.fromisoformat(text)
    if moment.tzinfo is None:
        raise ValueError(f"a time without its zone: {text!r}")
    return round(moment.timestamp() * 1000)
