"""Memberships: the seats of a conversation, which accounts have entered it, and up to where each has read.

A transaction that changes a seat holds the lock of its conversation (``messages.lock_heads``); only
``mark_read`` needs none.
"""

from collections.abc import Collection
from typing import Any, NamedTuple

from sqlalchemy import Connection, Integer, Select, and_, bindparam, delete, select, true, update

from chatroom.db.errors import duplicates_as_already_exists
from chatroom.db.prepared import PreparedChange, PreparedSelect, prepared_insert
from chatroom.db.queries.unread import SEAT_COLUMNS, AnyRow, holder, seats_from_rows
from chatroom.db.records import SeatKey, SeatRecord
from chatroom.db.schema import accounts, attendances, conversations, friendships, memberships, rooms

MAX_LIMIT = 1 << 31
"""For a query without a limit."""


class SeatStatus(NamedTuple):
    """What other members see of a seat."""

    nickname: str
    entered: bool


_is_seat = and_(
    memberships.c.conversation_id == bindparam("of_conversation"),
    memberships.c.account_id == bindparam("of_account"),
)
_FIND_SEAT = PreparedSelect(
    select(memberships.c.conversation_id, conversations.c.head, *SEAT_COLUMNS)
    .join_from(memberships, conversations)
    .join(holder, holder.c.id == memberships.c.account_id)
    .where(_is_seat)
)
_MEMBER_USERNAMES = PreparedSelect(
    select(accounts.c.username)
    .join(memberships, memberships.c.account_id == accounts.c.id)
    .where(memberships.c.conversation_id == bindparam("conversation_id"))
    .order_by(accounts.c.username_key)
    .limit(bindparam("most", type_=Integer))
)
_ADD = prepared_insert(
    memberships, "conversation_id", "account_id", "nickname", "joined_seq", "read_seq", "joined_at"
)
_DELETE = PreparedChange(delete(memberships).where(_is_seat))
_ENTER = PreparedChange(
    update(memberships).where(_is_seat).values(entered=true(), nickname=bindparam("new_nickname"))
)
_INCREMENT_ROSTER = PreparedChange(
    update(conversations)
    .where(conversations.c.id == bindparam("conversation_id"))
    .values(roster=conversations.c.roster + 1)
)
_COUNT_SEATS = PreparedChange(
    update(rooms)
    .where(rooms.c.conversation_id == bindparam("of_conversation"))
    .values(members=rooms.c.members + bindparam("seats"))
)
_READ_AND_HEAD = PreparedSelect(
    select(memberships.c.read_seq, conversations.c.head).join_from(memberships, conversations).where(_is_seat)
)
_ADVANCE_READ = PreparedChange(
    update(memberships)
    .where(_is_seat, memberships.c.read_seq < bindparam("seq"))
    .values(read_seq=bindparam("seq"))
)


def find_seat(connection: Connection, conversation_id: int, account_id: int) -> SeatRecord | None:
    """The account's seat with its unread count, or ``None``."""
    rows = _FIND_SEAT.rows(connection, of_conversation=conversation_id, of_account=account_id)
    return seats_from_rows(connection, rows).get(conversation_id)


def list_roster(
    connection: Connection, conversation_id: int, *, after: bytes = b"", limit: int | None = None
) -> list[SeatRecord]:
    """The seats of a conversation by user name, without unread counts: all, or ``limit`` of them after the
    key of a name.
    """
    query = _select_seats().where(memberships.c.conversation_id == conversation_id)
    if after:
        query = query.where(accounts.c.username_key > after)
    query = query.order_by(accounts.c.username_key).limit(limit)
    return [_seat_record(row) for row in connection.execute(query)]


def seat_statuses(connection: Connection, conversation_id: int) -> dict[int, SeatStatus]:
    """The seats of a conversation by account, without names: read after another server process has changed
    any of them.
    """
    row = memberships.c
    query = select(row.account_id, row.nickname, row.entered).where(row.conversation_id == conversation_id)
    return {id: SeatStatus(nickname or "", entered) for id, nickname, entered in connection.execute(query)}


def attending_seats(
    connection: Connection, conversation_ids: Collection[int], server_id: bytes
) -> set[SeatKey]:
    """The seats of the accounts that have sessions on a server process."""
    row, attendance = memberships.c, attendances.c
    query = select(row.account_id, row.conversation_id).join(
        attendances, attendance.account_id == row.account_id
    )
    query = query.where(attendance.server_id == server_id, row.conversation_id.in_(conversation_ids))
    return {(account_id, id) for account_id, id in connection.execute(query)}


def followed_conversations(connection: Connection, account_ids: Collection[int]) -> dict[int, set[int]]:
    """The conversations in which each account has a seat, except private chats of ended friendships."""
    row = memberships.c
    query = select(row.account_id, row.conversation_id).where(row.account_id.in_(account_ids))
    is_chat = friendships.c.conversation_id == row.conversation_id
    query = query.join(friendships, is_chat, isouter=True).where(friendships.c.ended_at.is_(None))
    conversations_of: dict[int, set[int]] = {id: set() for id in account_ids}
    for account_id, conversation_id in connection.execute(query):
        conversations_of[account_id].add(conversation_id)
    return conversations_of


def member_usernames(connection: Connection, conversation_id: int, limit: int = MAX_LIMIT) -> list[str]:
    """The user names of the members, sorted: all, or the first ones. There may be thousands."""
    return _MEMBER_USERNAMES.column(connection, conversation_id=conversation_id, most=limit)


def oldest_seat(connection: Connection, conversation_id: int) -> SeatRecord | None:
    """The oldest seat of a conversation."""
    query = _select_seats().where(memberships.c.conversation_id == conversation_id)
    query = query.order_by(memberships.c.joined_at, memberships.c.joined_seq, memberships.c.account_id)
    seat = connection.execute(query.limit(1)).one_or_none()
    return None if seat is None else _seat_record(seat)


def entered_seats(connection: Connection, account_id: int, limit: int | None = None) -> list[SeatRecord]:
    """The account's seats in conversations that it has entered, without unread counts: all, or ``limit``."""
    query = _select_seats().where(memberships.c.account_id == account_id, memberships.c.entered == true())
    query = query.order_by(memberships.c.conversation_id).limit(limit)
    return [_seat_record(row) for row in connection.execute(query)]


def entered_accounts(connection: Connection) -> list[int]:
    """All accounts that have entered any conversation."""
    query = select(memberships.c.account_id).where(memberships.c.entered == true()).distinct()
    return list(connection.scalars(query.order_by(memberships.c.account_id)))


def take_seat(
    connection: Connection,
    *,
    conversation_id: int,
    account_id: int,
    nickname: str | None,
    joined_seq: int,
    now: int,
) -> None:
    """Give the account a seat. Raises ``AlreadyExists`` if it has one there."""
    with duplicates_as_already_exists():
        _ADD.execute(
            connection,
            conversation_id=conversation_id,
            account_id=account_id,
            nickname=nickname,
            joined_seq=joined_seq,
            read_seq=joined_seq,  # nothing before is unread
            joined_at=now,
        )
    _count_seats(connection, conversation_id, +1)
    increment_roster(connection, conversation_id)


def give_up_seat(connection: Connection, conversation_id: int, account_id: int) -> None:
    """Remove a seat. Does nothing if there is none."""
    if _DELETE.execute(connection, of_conversation=conversation_id, of_account=account_id):
        _count_seats(connection, conversation_id, -1)
        increment_roster(connection, conversation_id)


def enter_seat(connection: Connection, conversation_id: int, account_id: int, nickname: str) -> None:
    """Record that the account enters under a nickname."""
    _ENTER.execute(connection, of_conversation=conversation_id, of_account=account_id, new_nickname=nickname)
    increment_roster(connection, conversation_id)


def set_moderator(connection: Connection, conversation_id: int, account_id: int, moderator: bool) -> None:
    """Make a member a moderator of the room, or end that. Does nothing without a seat."""
    row = memberships.c
    is_seat = and_(row.conversation_id == conversation_id, row.account_id == account_id)
    connection.execute(update(memberships).where(is_seat).values(moderator=moderator))


def moderator_usernames(connection: Connection, conversation_id: int, limit: int) -> list[str]:
    """The user names of the moderators of a room, sorted, the first ones."""
    query = select(accounts.c.username).join(memberships, memberships.c.account_id == accounts.c.id)
    query = query.where(memberships.c.conversation_id == conversation_id, memberships.c.moderator == true())
    return list(connection.scalars(query.order_by(accounts.c.username_key).limit(limit)))


def set_left(connection: Connection, account_id: int, conversation_ids: Collection[int]) -> None:
    """Record that the account leaves locked conversations."""
    seat, row = memberships.c, conversations.c
    seats = and_(seat.account_id == account_id, seat.conversation_id.in_(conversation_ids))
    connection.execute(update(memberships).where(seats).values(entered=False))
    connection.execute(
        update(conversations).where(row.id.in_(conversation_ids)).values(roster=row.roster + 1)
    )


def increment_rosters_of(connection: Connection, account_id: int) -> None:
    """Increment the roster of each conversation in which an account has a seat. All are locked."""
    row = conversations.c
    seats = select(memberships.c.conversation_id).where(memberships.c.account_id == account_id)
    connection.execute(update(conversations).where(row.id.in_(seats)).values(roster=row.roster + 1))


def seated_conversation_ids(connection: Connection, account_id: int) -> set[int]:
    """The conversations in which an account has a seat."""
    row = memberships.c
    return set(connection.scalars(select(row.conversation_id).where(row.account_id == account_id)))


def some_seated_conversations(connection: Connection, account_id: int, limit: int) -> list[int]:
    """At most ``limit`` conversations in which an account has a seat."""
    row = memberships.c
    query = select(row.conversation_id).where(row.account_id == account_id).order_by(row.conversation_id)
    return list(connection.scalars(query.limit(limit)))


def members_by_age(connection: Connection, conversation_id: int) -> list[int]:
    """The accounts with a seat in a conversation, the oldest seat first."""
    row = memberships.c
    query = select(row.account_id).where(row.conversation_id == conversation_id)
    return list(connection.scalars(query.order_by(row.joined_at, row.joined_seq, row.account_id)))


def increment_roster(connection: Connection, conversation_id: int) -> None:
    """Increment the roster: the members that other server processes have in memory are out of date."""
    _INCREMENT_ROSTER.execute(connection, conversation_id=conversation_id)


def mark_read(connection: Connection, conversation_id: int, account_id: int, seq: int) -> int:
    """Mark messages as read up to ``seq``, or to the head. Returns the seq up to which they are read now,
    which never decreases; 0 for an account without a seat.
    """
    seat = _READ_AND_HEAD.row(connection, of_conversation=conversation_id, of_account=account_id)
    if seat is None:
        return 0
    old_read, head = seat
    new_read: int = max(old_read, min(seq, head))
    if new_read > old_read:
        _advance_read(connection, conversation_id, account_id, new_read)
    return new_read


def _advance_read(connection: Connection, conversation_id: int, account_id: int, seq: int) -> None:
    """Move forward only: without a lock, another process may have been faster."""
    _ADVANCE_READ.execute(connection, of_conversation=conversation_id, of_account=account_id, seq=seq)


def _count_seats(connection: Connection, conversation_id: int, seats: int) -> None:
    """Update the number of members of a room; a private chat always has two."""
    _COUNT_SEATS.execute(connection, of_conversation=conversation_id, seats=seats)


def _select_seats() -> Select[*tuple[Any, ...]]:
    row = memberships.c
    query = select(
        row.conversation_id,
        row.account_id,
        accounts.c.username,
        row.nickname,
        row.entered,
        row.read_seq,
        row.moderator,
    )
    return query.join_from(memberships, accounts, accounts.c.id == row.account_id)


def _seat_record(row: AnyRow) -> SeatRecord:
    id, account_id, username, nickname, entered, read, moderator = row
    return SeatRecord(id, account_id, username, nickname, entered, read, moderator=moderator)
