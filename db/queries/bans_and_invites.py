"""Bans and invitations: accounts that may not join a room, and accounts that may join a private one.

A transaction that changes them holds the lock of the room (``messages.lock_heads``). An invitation lasts
until its account takes the seat.
"""

from collections.abc import Collection

from sqlalchemy import ColumnElement, Connection, Table, and_, bindparam, delete, insert, select

from chatroom.db.prepared import PreparedChange, PreparedSelect
from chatroom.db.schema import accounts, bans, invitations


def _is_row(table: Table) -> ColumnElement[bool]:
    row = table.c
    return and_(
        row.conversation_id == bindparam("conversation_id"), row.account_id == bindparam("account_id")
    )


_INVITED_ROOMS = PreparedSelect(
    select(invitations.c.conversation_id).where(invitations.c.account_id == bindparam("account_id"))
)
_FIND = {
    table: PreparedSelect(select(table.c.account_id).where(_is_row(table))) for table in (bans, invitations)
}
_DELETE = {table: PreparedChange(delete(table).where(_is_row(table))) for table in (bans, invitations)}


def add_ban(connection: Connection, conversation_id: int, account_id: int, now: int) -> bool:
    """Ban an account. Returns ``False`` if it was banned already."""
    if is_banned(connection, conversation_id, account_id):
        return False
    key = {"conversation_id": conversation_id, "account_id": account_id}
    connection.execute(insert(bans).values(key | {"banned_at": now}))
    return True


def remove_ban(connection: Connection, conversation_id: int, account_id: int) -> None:
    _delete_row(connection, bans, conversation_id, account_id)


def is_banned(connection: Connection, conversation_id: int, account_id: int) -> bool:
    return _has_row(connection, bans, conversation_id, account_id)


def banned_usernames(
    connection: Connection, conversation_id: int, *, after: bytes = b"", limit: int | None = None
) -> list[str]:
    """The names of the accounts that are banned from a room, sorted: all, or ``limit`` after a key."""
    query = select(accounts.c.username).join(bans, bans.c.account_id == accounts.c.id)
    query = query.where(bans.c.conversation_id == conversation_id).order_by(accounts.c.username_key)
    if after:
        query = query.where(accounts.c.username_key > after)
    return list(connection.scalars(query.limit(limit)))


def add_invite(connection: Connection, conversation_id: int, account_id: int, now: int) -> bool:
    """Invite an account. Returns ``False`` if it was invited already."""
    if _has_row(connection, invitations, conversation_id, account_id):
        return False
    key = {"conversation_id": conversation_id, "account_id": account_id}
    connection.execute(insert(invitations).values(key | {"invited_at": now}))
    return True


def remove_invite(connection: Connection, conversation_id: int, account_id: int) -> bool:
    """Remove an invitation. Returns ``False`` if there was none."""
    return _delete_row(connection, invitations, conversation_id, account_id)


def invited_room_ids(connection: Connection, account_id: int) -> set[int]:
    """The rooms to which an account is invited."""
    return set(_INVITED_ROOMS.column(connection, account_id=account_id))


def invited_pairs(connection: Connection, account_ids: Collection[int]) -> set[tuple[int, int]]:
    """(account, room) for the invitations of these accounts."""
    row = invitations.c
    query = select(row.account_id, row.conversation_id).where(row.account_id.in_(account_ids))
    return {(account_id, id) for account_id, id in connection.execute(query)}


def _has_row(connection: Connection, table: Table, conversation_id: int, account_id: int) -> bool:
    row = _FIND[table].row(connection, conversation_id=conversation_id, account_id=account_id)
    return row is not None


def _delete_row(connection: Connection, table: Table, conversation_id: int, account_id: int) -> bool:
    deleted = _DELETE[table].execute(connection, conversation_id=conversation_id, account_id=account_id)
    return bool(deleted)
