"""Accounts. The caller passes passwords hashed and names with their keys."""

from collections.abc import Collection
from typing import Any, NamedTuple

from sqlalchemy import Connection, Row, Select, bindparam, insert, select, update

from chatroom.db.errors import duplicates_as_already_exists
from chatroom.db.prepared import PreparedSelect, Value
from chatroom.db.queries import raw_select
from chatroom.db.records import AccountRecord
from chatroom.db.schema import accounts, attendances, memberships


class EndedSessions(NamedTuple):
    """The sessions of an account that began under a smaller epoch have ended; and whether the account is
    disabled.

    An epoch is a counter: with the clocks of several processes, or a clock that was set, the order would be
    unclear.
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
    accounts.c.erased_at,
)


_BY_KEY = PreparedSelect(_ALL.where(accounts.c.username_key == bindparam("key")))
_BY_SKELETON = PreparedSelect(_ALL.where(accounts.c.username_skeleton == bindparam("skeleton")))
_BY_ID = PreparedSelect(_ALL.where(accounts.c.id == bindparam("id")))
_LOCK_SHARED = PreparedSelect(
    select(accounts.c.id).where(accounts.c.id == bindparam("id")).with_for_update(read=True)
)


def find_account(connection: Connection, key: bytes) -> AccountRecord | None:
    """Return the account with this name."""
    return _select_one(connection, _BY_KEY, key=key)


def find_look_alike(connection: Connection, skeleton: bytes) -> AccountRecord | None:
    """Return the account whose name looks like this one."""
    return _select_one(connection, _BY_SKELETON, skeleton=skeleton)


def lock_accounts(connection: Connection, ids: Collection[int]) -> None:
    """Lock the accounts until COMMIT, so that no other transaction changes relations between them."""
    query = select(accounts.c.id).where(accounts.c.id.in_(ids)).order_by(accounts.c.id)
    connection.execute(query.with_for_update())


def lock_account_shared(connection: Connection, account_id: int) -> None:
    """Keep the account's sessions from being ended until COMMIT. Several transactions may hold this lock."""
    if connection.dialect.name != "sqlite":  # there, a transaction that writes is alone
        _LOCK_SHARED.rows(connection, id=account_id)


def find_account_by_id(connection: Connection, account_id: int) -> AccountRecord | None:
    return _select_one(connection, _BY_ID, id=account_id)


def list_accounts(connection: Connection) -> list[AccountRecord]:
    """All accounts by name."""
    return [_account_record(row) for row in connection.execute(_ALL.order_by(accounts.c.username_key))]


def _select_one(connection: Connection, query: PreparedSelect, **values: Value) -> AccountRecord | None:
    row = query.row(connection, **values)
    return None if row is None else _account_record(row)


def _account_record(row: Row[*tuple[Any, ...]]) -> AccountRecord:
    id, username, password_hash, registered_at, disabled_at, epoch, erased_at = row
    return AccountRecord(
        id,
        username,
        password_hash,
        registered_at,
        disabled=disabled_at is not None,
        session_epoch=epoch,
        erased=erased_at is not None,
    )


def add_account(
    connection: Connection, *, username: str, key: bytes, skeleton: bytes, password_hash: str, now: int
) -> int:
    """Return the new account's id. Raises ``AlreadyExists`` if the name, or one that looks like it,
    exists.
    """
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
    """Store a new hash; with ``expected_hash`` only if that one is stored. Returns whether it was stored."""
    change = update(accounts).where(accounts.c.id == account_id)
    if expected_hash is not None:
        change = change.where(accounts.c.password_hash == expected_hash)
    return bool(connection.execute(change.values(password_hash=password_hash)).rowcount)


def registration_time(connection: Connection, account_id: int) -> int:
    """The time at which an existing account was registered."""
    registered_at: int = connection.execute(
        select(accounts.c.registered_at).where(accounts.c.id == account_id)
    ).scalar_one()
    return registered_at


def usernames_by_id(connection: Connection, ids: Collection[int]) -> dict[int, str]:
    """The names of accounts by id."""
    if not ids:
        return {}
    query = select(accounts.c.id, accounts.c.username).where(accounts.c.id.in_(ids))
    return {row.id: row.username for row in connection.execute(query)}


def set_disabled(connection: Connection, account_id: int, disabled_at: int | None) -> None:
    """Disable logins to the account, or (with ``None``) enable them."""
    _update_account(connection, account_id, disabled_at=disabled_at)


def end_sessions(connection: Connection, account_id: int, now: int) -> int:
    """End all sessions of the account, on every server process. Returns the epoch of later sessions. The
    caller holds ``lock_accounts``.
    """
    _update_account(connection, account_id, sessions_since=now, session_epoch=accounts.c.session_epoch + 1)
    query = select(accounts.c.session_epoch).where(accounts.c.id == account_id)
    epoch: int = connection.execute(query).scalar_one()
    return epoch


def find_ended_sessions(connection: Connection, account_id: int) -> EndedSessions | None:
    """Which sessions of an account have ended; ``None`` if there is no such account."""
    query = "SELECT session_epoch, disabled_at FROM accounts WHERE id = ?"
    for epoch, disabled_at in raw_select.execute_select(connection, query, account_id):
        return EndedSessions(epoch, disabled_at is not None)
    return None


def ended_sessions_on_server(
    connection: Connection, server_id: bytes, account_ids: Collection[int] | None = None
) -> dict[int, EndedSessions]:
    """The ended sessions of the accounts, or of those in ``account_ids``, that have sessions on a server
    process.
    """
    query = _ENDED.join(attendances, attendances.c.account_id == accounts.c.id)
    query = query.where(attendances.c.server_id == server_id)
    return _ended(connection, query if account_ids is None else query.where(accounts.c.id.in_(account_ids)))


def ended_sessions_of_members(connection: Connection, conversation_id: int) -> dict[int, EndedSessions]:
    """The ended sessions of the accounts that have a seat in a conversation."""
    query = _ENDED.join(memberships, memberships.c.account_id == accounts.c.id)
    return _ended(connection, query.where(memberships.c.conversation_id == conversation_id))


_ENDED = select(accounts.c.id, accounts.c.session_epoch, accounts.c.disabled_at).where(
    accounts.c.session_epoch > 0
)


def _ended(connection: Connection, query: Select[*tuple[Any, ...]]) -> dict[int, EndedSessions]:
    rows = connection.execute(query)
    return {id: EndedSessions(epoch, disabled_at is not None) for id, epoch, disabled_at in rows}


def _update_account(connection: Connection, account_id: int, **values: Any) -> None:
    connection.execute(update(accounts).where(accounts.c.id == account_id).values(values))
