"""Accounts: who there is. Passwords come hashed, and names with the keys that tell them apart."""

from collections.abc import Collection
from typing import Any

from sqlalchemy import ColumnElement, Connection, insert, select, update

from db.errors import taken_if_duplicate
from db.records import Account
from db.schema import accounts


def find(connection: Connection, key: bytes) -> Account | None:
    """The account of that name."""
    return _one(connection, accounts.c.username_key == key)


def find_look_alike(connection: Connection, skeleton: bytes) -> Account | None:
    """The account whose name looks like this one."""
    return _one(connection, accounts.c.username_skeleton == skeleton)


def lock(connection: Connection, ids: Collection[int]) -> None:
    """Nobody else changes what is between these accounts until COMMIT."""
    query = select(accounts.c.id).where(accounts.c.id.in_(ids)).order_by(accounts.c.id)
    connection.execute(query.with_for_update())


def get(connection: Connection, account_id: int) -> Account | None:
    return _one(connection, accounts.c.id == account_id)


def _one(connection: Connection, condition: ColumnElement[bool]) -> Account | None:
    row = accounts.c
    query = select(row.id, row.username, row.password_hash, row.disabled_at).where(condition)
    found = connection.execute(query).one_or_none()
    if found is None:
        return None
    return Account(found.id, found.username, found.password_hash, found.disabled_at is not None)


def add(
    connection: Connection, *, username: str, key: bytes, skeleton: bytes, password_hash: str, now: int
) -> int:
    """The new account's id. Raises ``Taken`` when the name, or one that looks like it, is somebody's."""
    values: dict[str, Any] = {
        "username": username,
        "username_key": key,
        "username_skeleton": skeleton,
        "password_hash": password_hash,
        "registered_at": now,
    }
    with taken_if_duplicate():
        return connection.execute(insert(accounts).values(values)).lastrowid


def set_password(
    connection: Connection, account_id: int, password_hash: str, instead_of: str | None = None
) -> bool:
    """Store another hash; with ``instead_of`` only if that one still stands there. Returns whether it was
    done."""
    change = update(accounts).where(accounts.c.id == account_id)
    if instead_of is not None:
        change = change.where(accounts.c.password_hash == instead_of)
    return bool(connection.execute(change.values(password_hash=password_hash)).rowcount)


def registered_at(connection: Connection, account_id: int) -> int:
    """When an account that there is was made."""
    when: int = connection.execute(
        select(accounts.c.registered_at).where(accounts.c.id == account_id)
    ).scalar_one()
    return when


def usernames(connection: Connection, ids: Collection[int]) -> dict[int, str]:
    """The names of accounts, by id."""
    if not ids:
        return {}
    query = select(accounts.c.id, accounts.c.username).where(accounts.c.id.in_(ids))
    return {row.id: row.username for row in connection.execute(query)}
