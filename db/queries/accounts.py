"""Accounts: who there is. Passwords come hashed, and names with the keys that tell them apart."""

from collections.abc import Collection
from typing import Any, NamedTuple

from chatroom.db.errors import duplicates_as_already_exists
from chatroom.db.queries import raw_select
from chatroom.db.records import AccountRecord
from chatroom.db.schema import accounts, attendances, memberships
from sqlalchemy import ColumnElement, Connection, Row, Select, insert, select, update


class EndedSessions(NamedTuple):
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


def find_account(connection: Connection, key: bytes) -> AccountRecord | None:
    """The account of that name."""
    return _select_one(connection, accounts.c.username_key == key)


def find_look_alike(connection: Connection, skeleton: bytes) -> AccountRecord | None:
    """The account whose name looks like this one."""
    return _select_one(connection, accounts.c.username_skeleton == skeleton)


def lock_accounts(connection: Connection, ids: Collection[int]) -> None:
    """Nobody else changes what is between these accounts until COMMIT."""
    query = select(accounts.c.id).where(accounts.c.id.in_(ids)).order_by(accounts.c.id)
    connection.execute(query.with_for_update())


def lock_account_shared(connection: Connection, account_id: int) -> None:
    """The account's sessions are not ended until COMMIT; others may hold this lock at the same time."""
    query = select(accounts.c.id).where(accounts.c.id == account_id)
    connection.execute(query.with_for_update(read=True))


def find_account_by_id(connection: Connection, account_id: int) -> AccountRecord | None:
    return _select_one(connection, accounts.c.id == account_id)


def list_accounts(connection: Connection) -> list[AccountRecord]:
    """Every account, by name."""
    return [_account_record(found) for found in connection.execute(_ALL.order_by(accounts.c.username_key))]


def _select_one(connection: Connection, condition: ColumnElement[bool]) -> AccountRecord | None:
    found = connection.execute(_ALL.where(condition)).one_or_none()
    return None if found is None else _account_record(found)


def _account_record(row: Row[*tuple[Any, ...]]) -> AccountRecord:
    id, username, password_hash, registered_at, disabled_at, epoch = row
    return AccountRecord(id, username, password_hash, registered_at, disabled_at is not None, epoch)


def add_account(
    connection: Connection, *, username: str, key: bytes, skeleton: bytes, password_hash: str, now: int
) -> int:
    """The new account's id. Raises ``AlreadyExists`` when the name, or one that looks like it, is
    somebody's."""
    values: dict[str, Any] = {
        "username": username,
        "username_key": key,
        "username_skeleton": skeleton,
        "password_hash": password_hash,
        "registered_at": now,
    }
    with duplicates_as_already_exists():
        return connection.execute(insert(accounts).values(values)).lastrowid


def set_password(
    connection: Connection, account_id: int, password_hash: str, expected_hash: str | None = None
) -> bool:
    """Store another hash; with ``instead_of`` only if that one still stands there. Returns whether it was
    done."""
    change = update(accounts).where(accounts.c.id == account_id)
    if expected_hash is not None:
        change = change.where(accounts.c.password_hash == expected_hash)
    return bool(connection.execute(change.values(password_hash=password_hash)).rowcount)


def registration_time(connection: Connection, account_id: int) -> int:
    """When an account that there is was made."""
    when: int = connection.execute(
        select(accounts.c.registered_at).where(accounts.c.id == account_id)
    ).scalar_one()
    return when


def usernames_by_id(connection: Connection, ids: Collection[int]) -> dict[int, str]:
    """The names of accounts, by id."""
    if not ids:
        return {}
    query = select(accounts.c.id, accounts.c.username).where(accounts.c.id.in_(ids))
    return {row.id: row.username for row in connection.execute(query)}


def set_disabled(connection: Connection, account_id: int, disabled_at: int | None) -> None:
    """Nobody may log in to the account any more, or (``None``) they may again."""
    _update_account(connection, account_id, disabled_at=disabled_at)


def end_sessions(connection: Connection, account_id: int, now: int) -> int:
    """The sessions that the account has are over, on whichever server process they are. Returns the epoch of
    those that begin from now on. The caller holds the account's ``lock_accounts``."""
    _update_account(connection, account_id, sessions_since=now, session_epoch=accounts.c.session_epoch + 1)
    query = select(accounts.c.session_epoch).where(accounts.c.id == account_id)
    epoch: int = connection.execute(query).scalar_one()
    return epoch


def find_ended_sessions(connection: Connection, account_id: int) -> EndedSessions | None:
    """Which sessions of an account are over, if there is such an account."""
    question = "SELECT session_epoch, disabled_at FROM accounts WHERE id = ?"
    for epoch, disabled_at in raw_select.execute_select(connection, question, account_id):
        return EndedSessions(epoch, disabled_at is not None)
    return None


def ended_sessions_on_server(
    connection: Connection, server_id: bytes, account_ids: Collection[int] | None = None
) -> dict[int, EndedSessions]:
    """Which sessions are over of those accounts, or of all, that have sessions on a server process."""
    query = _ENDED.join(attendances, attendances.c.account_id == accounts.c.id)
    query = query.where(attendances.c.server_id == server_id)
    return _ended(connection, query if account_ids is None else query.where(accounts.c.id.in_(account_ids)))


def ended_sessions_of_members(connection: Connection, conversation_id: int) -> dict[int, EndedSessions]:
    """Which sessions are over of those accounts that have a seat in a conversation."""
    query = _ENDED.join(memberships, memberships.c.account_id == accounts.c.id)
    return _ended(connection, query.where(memberships.c.conversation_id == conversation_id))


_ENDED = select(accounts.c.id, accounts.c.session_epoch, accounts.c.disabled_at).where(
    accounts.c.session_epoch > 0
)


def _ended(connection: Connection, query: Select[*tuple[Any, ...]]) -> dict[int, EndedSessions]:
    found = connection.execute(query)
    return {id: EndedSessions(epoch, disabled_at is not None) for id, epoch, disabled_at in found}


def _update_account(connection: Connection, account_id: int, **values: Any) -> None:
    connection.execute(update(accounts).where(accounts.c.id == account_id).values(values))
