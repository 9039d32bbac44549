"""Friendships, and the private chat that belongs to each and remains after its end.

Two accounts have at most one friendship and one chat. An ended friendship has an end time, which a renewed
one removes.
"""

from collections.abc import Collection, Sequence
from typing import Any

from sqlalchemy import (
    Connection,
    Select,
    and_,
    bindparam,
    case,
    insert,
    select,
    union_all,
    update,
)

from chatroom.db.errors import AlreadyExists, duplicates_as_already_exists
from chatroom.db.prepared import PreparedSelect
from chatroom.db.queries import messages
from chatroom.db.queries.memberships import increment_roster
from chatroom.db.queries.unread import SEAT_COLUMNS, AnyRow, holder, seats_from_rows
from chatroom.db.records import DirectRecord, SeatRecord
from chatroom.db.schema import accounts, conversations, friendships, memberships

_friend = accounts.alias("friend")
_DIRECT = (
    friendships.c.conversation_id,
    _friend.c.id.label("friend_id"),
    _friend.c.username.label("friend"),
    conversations.c.head,
    conversations.c.roster,
    conversations.c.first_seq,
    friendships.c.ended_at,
)


def find_direct(connection: Connection, account_id: int, other_id: int) -> DirectRecord | None:
    """The private chat of two accounts as the first one sees it, also after the friendship has ended."""
    conversation_id = direct_id(connection, account_id, other_id)
    if conversation_id is None:
        return None
    rows = _DIRECT_BY_ID.rows(connection, account_id=account_id, conversation_id=conversation_id)
    return _direct_records(connection, rows)[0]


def list_directs(
    connection: Connection,
    account_id: int,
    conversation_ids: Collection[int] | None = None,
    include_ended: bool = False,
    *,
    after: bytes = b"",
    limit: int | None = None,
) -> list[DirectRecord]:
    """The account's private chats with current friends or all, by the friend's name, each with the account's
    seat. ``after`` is the key of a name; ``limit`` is the maximum number.
    """
    if include_ended and conversation_ids is None and limit is None:
        return _direct_records(connection, _ALL_DIRECTS.rows(connection, account_id=account_id))
    query = _select_directs(include_ended).limit(limit)
    if conversation_ids is not None:
        query = query.where(friendships.c.conversation_id.in_(conversation_ids))
    if after:
        query = query.where(_friend.c.username_key > after)
    return _direct_records(connection, connection.execute(query, {"account_id": account_id}).all())


def _direct_records(connection: Connection, rows: Sequence[AnyRow]) -> list[DirectRecord]:
    seats = seats_from_rows(connection, rows)
    return [_direct_record(row, seats[row.conversation_id]) for row in rows]


def _select_directs(include_ended: bool) -> Select[*tuple[Any, ...]]:
    row = friendships.c
    other = case((row.low_id == memberships.c.account_id, row.high_id), else_=row.low_id)
    query = select(*_DIRECT, *SEAT_COLUMNS)
    query = query.join_from(memberships, friendships, row.conversation_id == memberships.c.conversation_id)
    query = query.join(conversations, conversations.c.id == row.conversation_id)
    query = query.join(_friend, _friend.c.id == other).join(holder, holder.c.id == memberships.c.account_id)
    query = query.where(memberships.c.account_id == bindparam("account_id"))
    if not include_ended:
        query = query.where(row.ended_at.is_(None))
    return query.order_by(_friend.c.username_key)


_ALL_DIRECTS = PreparedSelect(_select_directs(True))
_DIRECT_BY_ID = PreparedSelect(
    _select_directs(True).where(friendships.c.conversation_id == bindparam("conversation_id"))
)
_ID_OF_PAIR = PreparedSelect(
    select(friendships.c.conversation_id).where(
        friendships.c.low_id == bindparam("low_id"), friendships.c.high_id == bindparam("high_id")
    )
)


def friend_ids(connection: Connection, account_id: int) -> set[int]:
    """The accounts that are friends of this one now."""
    row = friendships.c
    lower = select(row.high_id).where(row.low_id == account_id, row.ended_at.is_(None))
    higher = select(row.low_id).where(row.high_id == account_id, row.ended_at.is_(None))
    return set(connection.scalars(union_all(lower, higher)))


def add_friendship(connection: Connection, account_id: int, other_id: int, now: int) -> int:
    """Make two accounts friends, for the first time or again. Returns the conversation's id.

    Raises ``AlreadyExists`` if they are friends, also if a concurrent request of the other account was
    faster.
    """
    conversation_id = direct_id(connection, account_id, other_id)
    if conversation_id is None:
        return _befriend(connection, account_id, other_id, now)
    messages.lock_heads(connection, [conversation_id])
    ended = and_(friendships.c.conversation_id == conversation_id, friendships.c.ended_at.is_not(None))
    renewed = connection.execute(update(friendships).where(ended).values(since=now, ended_at=None))
    if not renewed.rowcount:
        raise AlreadyExists
    increment_roster(connection, conversation_id)
    return conversation_id


def _befriend(connection: Connection, account_id: int, other_id: int, now: int) -> int:
    added = connection.execute(insert(conversations).values(kind="direct", roster=1, last_at=now))
    conversation_id = added.lastrowid
    low_id, high_id = sorted((account_id, other_id))
    friendship = {"conversation_id": conversation_id, "low_id": low_id, "high_id": high_id, "since": now}
    with duplicates_as_already_exists():
        connection.execute(insert(friendships).values(friendship))
    seat = {"conversation_id": conversation_id, "joined_at": now}
    seats = [seat | {"account_id": id} for id in (low_id, high_id)]
    connection.execute(insert(memberships).values(seats))
    return conversation_id


def end_friendship(connection: Connection, conversation_id: int, now: int) -> None:
    """End the friendship. Both accounts can still read the chat."""
    messages.lock_heads(connection, [conversation_id])
    row = friendships.c
    connection.execute(update(friendships).where(row.conversation_id == conversation_id).values(ended_at=now))
    increment_roster(connection, conversation_id)


def direct_id(connection: Connection, account_id: int, other_id: int) -> int | None:
    """The id of the private chat of two accounts, also after the friendship has ended."""
    low_id, high_id = sorted((account_id, other_id))
    row = _ID_OF_PAIR.row(connection, low_id=low_id, high_id=high_id)
    return None if row is None else row.conversation_id


def _direct_record(row: AnyRow, seat: SeatRecord) -> DirectRecord:
    return DirectRecord(
        conversation_id=row.conversation_id,
        friend_id=row.friend_id,
        friend=row.friend,
        head=row.head,
        roster=row.roster,
        ended=row.ended_at is not None,
        seat=seat,
        first=row.first_seq,
    )
