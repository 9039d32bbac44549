"""Accounts: who there is. Passwords come hashed, and names with the keys that tell them apart."""

from collections.abc import Collection
from typing import Any, NamedTuple

from sqlalchemy import ColumnElement, Connection, Row, Select, insert, select, update

from db import pages
from db.errors import taken_if_duplicate
from db.records import Account
from db.schema import accounts, attendances, memberships


class Ended(NamedTuple):
    """The sessions of an account that began under a smaller epoch are over; and whether it is disabled.

    An epoch is a counter: clocks of several processes, or of one that is set right, would not tell which of
    two came first.
    """

    epoch: int
    disabled: bool


_ALL = select(
    accounts.c.id,
    accounts.c.username,
    accounts.c.password_hash,
    accounts.c.registered_at,
    accounts.c.disabled_at,
    accounts.c.session_epoch,
)


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


def lock_shared(connection: Connection, account_id: int) -> None:
    """The account's sessions are not ended until COMMIT; others may hold this lock at the same time."""
    query = select(accounts.c.id).where(accounts.c.id == account_id)
    connection.execute(query.with_for_update(read=True))


def get(connection: Connection, account_id: int) -> Account | None:
    return _one(connection, accounts.c.id == account_id)


def everybody(connection: Connection) -> list[Account]:
    """Every account, by name."""
    return [_account(found) for found in connection.execute(_ALL.order_by(accounts.c.username_key))]


def _one(connection: Connection, condition: ColumnElement[bool]) -> Account | None:
    found = connection.execute(_ALL.where(condition)).one_or_none()
    return None if found is None else _account(found)


def _account(row: Row[*tuple[Any, ...]]) -> Account:
    id, username, password_hash, registered_at, disabled_at, epoch = row
    return Account(id, username, password_hash, registered_at, disabled_at is not None, epoch)


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


def set_disabled(connection: Connection, account_id: int, since: int | None) -> None:
    """Nobody may log in to the account any more, or (``None``) they may again."""
    _change(connection, account_id, disabled_at=since)


def end_sessions(connection: Connection, account_id: int, now: int) -> int:
    """The sessions that the account has are over, on whichever server process they are. Returns the epoch of
    those that begin from now on. The caller holds the account's ``lock``."""
    _change(connection, account_id, sessions_since=now, session_epoch=accounts.c.session_epoch + 1)
    query = select(accounts.c.session_epoch).where(accounts.c.id == account_id)
    epoch: int = connection.execute(query).scalar_one()
    return epoch


def ended(connection: Connection, account_id: int) -> Ended | None:
    """Which sessions of an account are over, if there is such an account."""
    question = "SELECT session_epoch, disabled_at FROM accounts WHERE id = ?"
    for epoch, disabled_at in pages.ask(connection, question, account_id):
        return Ended(epoch, disabled_at is not None)
    return None


def ended_on(
    connection: Connection, server_id: bytes, among: Collection[int] | None = None
) -> dict[int, Ended]:
    """Which sessions are over of those accounts, or of all, that have sessions on a server process."""
    query = _ENDED.join(attendances, attendances.c.account_id == accounts.c.id)
    query = query.where(attendances.c.server_id == server_id)
    return _ended(connection, query if among is None else query.where(accounts.c.id.in_(among)))


def ended_in(connection: Connection, conversation_id: int) -> dict[int, Ended]:
    """Which sessions are over of those accounts that have a seat in a conversation."""
    query = _ENDED.join(memberships, memberships.c.account_id == accounts.c.id)
    return _ended(connection, query.where(memberships.c.conversation_id == conversation_id))


_ENDED = select(accounts.c.id, accounts.c.session_epoch, accounts.c.disabled_at).where(
    accounts.c.session_epoch > 0
)


def _ended(connection: Connection, query: Select[*tuple[Any, ...]]) -> dict[int, Ended]:
    found = connection.execute(query)
    return {id: Ended(epoch, disabled_at is not None) for id, epoch, disabled_at in found}


def _change(connection: Connection, account_id: int, **values: Any) -> None:
    connection.execute(update(accounts).where(accounts.c.id == account_id).values(values))
