"""Memberships: the seats of a conversation, who has entered it, and how far each has read.

Whoever changes a seat holds the lock of its conversation (``messages.lock_heads``); ``mark_read`` alone
needs none.
"""

from collections.abc import Collection
from typing import Any, NamedTuple

from chatroom.db.errors import duplicates_as_already_exists
from chatroom.db.queries.unread import SEAT_COLUMNS, AnyRow, holder, seats_from_rows
from chatroom.db.records import SeatKey, SeatRecord
from chatroom.db.schema import accounts, attendances, conversations, friendships, memberships, rooms
from sqlalchemy import ColumnElement, Connection, Select, and_, delete, insert, select, true, update


class SeatStatus(NamedTuple):
    """What others may know of somebody's seat."""

    nickname: str
    entered: bool


def find_seat(connection: Connection, conversation_id: int, account_id: int) -> SeatRecord | None:
    """The account's seat with what is unread, if it has one."""
    query = select(memberships.c.conversation_id, conversations.c.head, *SEAT_COLUMNS)
    query = query.join_from(memberships, conversations).join(holder, holder.c.id == memberships.c.account_id)
    rows = connection.execute(query.where(_is_seat(conversation_id, account_id))).all()
    return seats_from_rows(connection, rows).get(conversation_id)


def list_roster(connection: Connection, conversation_id: int) -> list[SeatRecord]:
    """All seats of a conversation, by user name; what is unread is nobody else's business and left out."""
    query = _select_seats().where(memberships.c.conversation_id == conversation_id)
    return [_seat_record(row) for row in connection.execute(query.order_by(accounts.c.username_key))]


def seat_statuses(connection: Connection, conversation_id: int) -> dict[int, SeatStatus]:
    """The same by account, without the names: read whenever another server process has changed any of it."""
    row = memberships.c
    query = select(row.account_id, row.nickname, row.entered).where(row.conversation_id == conversation_id)
    return {id: SeatStatus(nickname or "", entered) for id, nickname, entered in connection.execute(query)}


def attending_seats(
    connection: Connection, conversation_ids: Collection[int], server_id: bytes
) -> set[SeatKey]:
    """Of the accounts with sessions on a server process, who has a seat where."""
    row, here = memberships.c, attendances.c
    query = select(row.account_id, row.conversation_id).join(attendances, here.account_id == row.account_id)
    query = query.where(here.server_id == server_id, row.conversation_id.in_(conversation_ids))
    return {(account_id, id) for account_id, id in connection.execute(query)}


def followed_conversations(connection: Connection, account_ids: Collection[int]) -> dict[int, set[int]]:
    """Where accounts have seats, without the private chats with those who are friends no longer."""
    row = memberships.c
    query = select(row.account_id, row.conversation_id).where(row.account_id.in_(account_ids))
    chat = friendships.c.conversation_id == row.conversation_id
    query = query.join(friendships, chat, isouter=True).where(friendships.c.ended_at.is_(None))
    found: dict[int, set[int]] = {id: set() for id in account_ids}
    for account_id, conversation_id in connection.execute(query):
        found[account_id].add(conversation_id)
    return found


def member_usernames(connection: Connection, conversation_id: int) -> list[str]:
    """The user names alone, in the same order: whoever enters is told them, and there may be thousands."""
    query = select(accounts.c.username).join(memberships, memberships.c.account_id == accounts.c.id)
    query = query.where(memberships.c.conversation_id == conversation_id)
    return list(connection.scalars(query.order_by(accounts.c.username_key)))


def oldest_seat(connection: Connection, conversation_id: int) -> SeatRecord | None:
    """The seat that was taken before all others which are still taken."""
    query = _select_seats().where(memberships.c.conversation_id == conversation_id)
    query = query.order_by(memberships.c.joined_at, memberships.c.joined_seq, memberships.c.account_id)
    found = connection.execute(query.limit(1)).one_or_none()
    return None if found is None else _seat_record(found)


def entered_seats(connection: Connection, account_id: int) -> list[SeatRecord]:
    """The account's seats in all that it has entered, rooms and private chats; what is unread is left out."""
    query = _select_seats().where(memberships.c.account_id == account_id, memberships.c.entered == true())
    return [_seat_record(row) for row in connection.execute(query.order_by(memberships.c.conversation_id))]


def entered_accounts(connection: Connection) -> list[int]:
    """Every account that has entered anything."""
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
    """A seat for the account. Raises ``AlreadyExists`` when it has one there already."""
    values: dict[str, Any] = {
        "conversation_id": conversation_id,
        "account_id": account_id,
        "nickname": nickname,
        "joined_seq": joined_seq,
        "joined_at": now,
    }
    with duplicates_as_already_exists():
        connection.execute(insert(memberships).values(values))
    _count_seats(connection, conversation_id, +1)
    increment_roster(connection, conversation_id)


def give_up_seat(connection: Connection, conversation_id: int, account_id: int) -> None:
    """The seat is free again. Nothing happens when there is none."""
    dropped = connection.execute(delete(memberships).where(_is_seat(conversation_id, account_id)))
    if dropped.rowcount:
        _count_seats(connection, conversation_id, -1)
        increment_roster(connection, conversation_id)


def set_entered(
    connection: Connection, conversation_id: int, account_id: int, entered: bool, nickname: str | None = None
) -> None:
    """The account enters, under a nickname, or leaves, and keeps the one it had."""
    change = update(memberships).where(_is_seat(conversation_id, account_id)).values(entered=entered)
    connection.execute(change if nickname is None else change.values(nickname=nickname))
    increment_roster(connection, conversation_id)


def increment_rosters_of(connection: Connection, account_id: int) -> None:
    """The same of every conversation in which an account has a seat, all of them locked."""
    row = conversations.c
    here = select(memberships.c.conversation_id).where(memberships.c.account_id == account_id)
    connection.execute(update(conversations).where(row.id.in_(here)).values(roster=row.roster + 1))


def seated_conversation_ids(connection: Connection, account_id: int) -> set[int]:
    """The conversations in which an account has a seat."""
    row = memberships.c
    return set(connection.scalars(select(row.conversation_id).where(row.account_id == account_id)))


def increment_roster(connection: Connection, conversation_id: int) -> None:
    """Tell every server process that what it knows of this conversation's members is old."""
    row = conversations.c
    connection.execute(update(conversations).where(row.id == conversation_id).values(roster=row.roster + 1))


def mark_read(connection: Connection, conversation_id: int, account_id: int, seq: int) -> int:
    """The account has read up to ``seq``, or to the head. Returns what holds now, which is never less than
    before; 0 for an account without a seat.
    """
    query = select(memberships.c.read_seq, conversations.c.head).join_from(memberships, conversations)
    found = connection.execute(query.where(_is_seat(conversation_id, account_id))).one_or_none()
    if found is None:
        return 0
    read, head = found
    now: int = max(read, min(seq, head))
    if now > read:
        _advance_read(connection, conversation_id, account_id, now)
    return now


def _advance_read(connection: Connection, conversation_id: int, account_id: int, seq: int) -> None:
    """Forward only: without a lock another process may have been faster."""
    change = update(memberships).where(_is_seat(conversation_id, account_id), memberships.c.read_seq < seq)
    connection.execute(change.values(read_seq=seq))


def _is_seat(conversation_id: int, account_id: int) -> ColumnElement[bool]:
    return and_(memberships.c.conversation_id == conversation_id, memberships.c.account_id == account_id)


def _count_seats(connection: Connection, conversation_id: int, seats: int) -> None:
    """A room counts its seats; a private chat has two for ever."""
    row = rooms.c
    change = update(rooms).where(row.conversation_id == conversation_id)
    connection.execute(change.values(members=row.members + seats))


def _select_seats() -> Select[*tuple[Any, ...]]:
    row = memberships.c
    query = select(
        row.conversation_id, row.account_id, accounts.c.username, row.nickname, row.entered, row.read_seq
    )
    return query.join_from(memberships, accounts, accounts.c.id == row.account_id)


def _seat_record(row: AnyRow) -> SeatRecord:
    id, account_id, username, nickname, entered, read = row
    return SeatRecord(id, account_id, username, nickname, entered, read)
