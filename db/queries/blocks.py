"""Blocks between accounts. A blocked account is not informed of the block.

A transaction that changes a block, or relies on its absence, holds the lock of both accounts
(``accounts.lock_accounts``).
"""

from collections.abc import Collection

from sqlalchemy import Connection, bindparam, delete, insert, select

from chatroom.db.prepared import PreparedSelect
from chatroom.db.schema import accounts, blocks

_BLOCKED_IDS = PreparedSelect(
    select(blocks.c.blocked_id).where(blocks.c.account_id == bindparam("account_id"))
)


def add_block(connection: Connection, account_id: int, blocked_id: int, now: int) -> None:
    """Block an account. Blocking it again changes nothing."""
    if not has_blocked(connection, account_id, blocked_id):
        connection.execute(insert(blocks).values(account_id=account_id, blocked_id=blocked_id, since=now))


def remove_block(connection: Connection, account_id: int, blocked_id: int) -> bool:
    """Unblock an account. Returns ``False`` if it was not blocked."""
    row = blocks.c
    deletion = delete(blocks).where(row.account_id == account_id, row.blocked_id == blocked_id)
    return bool(connection.execute(deletion).rowcount)


def has_blocked(connection: Connection, account_id: int, blocked_id: int) -> bool:
    row = blocks.c
    query = select(row.since).where(row.account_id == account_id, row.blocked_id == blocked_id)
    return connection.execute(query).one_or_none() is not None


def blocked_usernames(
    connection: Connection, account_id: int, *, after: bytes = b"", limit: int | None = None
) -> list[str]:
    """The names of the accounts that an account has blocked, sorted: all, or ``limit`` after a key."""
    query = select(accounts.c.username).join(blocks, blocks.c.blocked_id == accounts.c.id)
    query = query.where(blocks.c.account_id == account_id).order_by(accounts.c.username_key)
    if after:
        query = query.where(accounts.c.username_key > after)
    return list(connection.scalars(query.limit(limit)))


def blocked_ids(connection: Connection, account_id: int) -> set[int]:
    """The accounts that an account has blocked."""
    return set(_BLOCKED_IDS.column(connection, account_id=account_id))


def blocking_pairs(connection: Connection, account_ids: Collection[int]) -> set[tuple[int, int]]:
    """(account, blocked account) for the blocks by these accounts."""
    row = blocks.c
    query = select(row.account_id, row.blocked_id).where(row.account_id.in_(account_ids))
    return {(account_id, blocked_id) for account_id, blocked_id in connection.execute(query)}


def blocker_ids(connection: Connection, account_id: int) -> set[int]:
    """The accounts that have blocked an account."""
    return set(connection.scalars(select(blocks.c.account_id).where(blocks.c.blocked_id == account_id)))
