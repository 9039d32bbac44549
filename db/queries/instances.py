"""The server processes on this database, and the accounts that have sessions on each.

With it a process knows that an account is still connected through another process. A process that has not
renewed its row in time counts as dead, and its attendances with it.
"""

import secrets
import time
from collections.abc import Collection, Iterable
from typing import NamedTuple

from sqlalchemy import (
    BigInteger,
    ColumnElement,
    Connection,
    Engine,
    and_,
    bindparam,
    delete,
    func,
    insert,
    literal_column,
    select,
    update,
)

from chatroom.db.engine import is_sqlite
from chatroom.db.errors import AlreadyExists, duplicates_as_already_exists
from chatroom.db.prepared import PreparedSelect, prepared_insert
from chatroom.db.queries import changefeed
from chatroom.db.schema import attendances, cluster_keys, servers

HEARTBEAT_SECONDS = 10.0
"""Interval between two heartbeats of a process."""

DEAD_AFTER_SECONDS = 3 * HEARTBEAT_SECONDS
"""Time after its last heartbeat for which a process counts as running."""


_FIND_ATTENDANCE = (
    PreparedSelect(  # no row if the process has none, a row without an account if it has no session
        select(attendances.c.account_id)
        .select_from(servers)
        .join(
            attendances,
            and_(
                attendances.c.server_id == servers.c.id, attendances.c.account_id == bindparam("account_id")
            ),
            isouter=True,
        )
        .where(servers.c.id == bindparam("server_id"))
    )
)
_ADD_ATTENDANCE = prepared_insert(attendances, "server_id", "account_id")


InstanceTime = int | ColumnElement[int]
"""Milliseconds since 1970, or an expression for it."""

MYSQL_NOW = literal_column(
    "(TIMESTAMPDIFF(MICROSECOND, '1970-01-01', UTC_TIMESTAMP(3)) DIV 1000)", BigInteger
)
"""In UTC: the local time of the database is ambiguous for an hour when summer time ends."""


def database_now(connection: Connection) -> InstanceTime:
    """The time of the database, by which the processes judge each other: their own clocks may differ."""
    return time.time_ns() // 1_000_000 if is_sqlite(connection.engine.url) else MYSQL_NOW


def database_time(connection: Connection) -> int:
    """Like ``database_now``, but read from the database."""
    now = database_now(connection)
    return now if isinstance(now, int) else connection.execute(select(now)).scalar_one()


def clock_lead(connection: Connection) -> float:
    """The seconds by which this machine's clock is ahead of the database's."""
    return time.time() - database_time(connection) / 1000


def alive_since(connection: Connection) -> InstanceTime:
    """The time at or after which a running process must have sent a heartbeat."""
    return database_now(connection) - round(DEAD_AFTER_SECONDS * 1000)


def record_heartbeat(connection: Connection, server_id: bytes, now: InstanceTime) -> bool:
    """Store a heartbeat of this process. Returns ``True`` if its row was missing or has no name: at start, or
    after another process removed it. The caller must then store its name and attendances again.
    """
    own = update(servers).where(servers.c.id == server_id).values(seen_at=now)
    if connection.execute(own.where(servers.c.name.is_not(None))).rowcount:
        return False
    if not connection.execute(own).rowcount:
        connection.execute(insert(servers).values(id=server_id, seen_at=now))
    return True


class InstanceRecord(NamedTuple):
    """A server process, and how many accounts have a session on it."""

    name: str | None
    started_at: int | None
    seen_at: int
    accounts: int


def describe_instance(connection: Connection, server_id: bytes, name: str, started_at: int) -> None:
    """Store what administrators see of this process."""
    change = update(servers).where(servers.c.id == server_id)
    connection.execute(change.values(name=name, started_at=started_at))


def list_instances(connection: Connection) -> list[InstanceRecord]:
    """All processes by name."""
    row = servers.c
    count = select(func.count()).where(attendances.c.server_id == row.id).scalar_subquery()
    query = select(row.name, row.started_at, row.seen_at, count).order_by(row.name, row.id)
    return [InstanceRecord(*record) for record in connection.execute(query)]


def remove_instance(connection: Connection, server_id: bytes) -> None:
    """Remove a process that ends, with its attendances."""
    connection.execute(delete(servers).where(servers.c.id == server_id))
    changefeed.delete_changes(connection, server_id)


def remove_dead_instances(connection: Connection, alive_since: InstanceTime) -> None:
    """Remove processes whose last heartbeat is before a time."""
    query = select(servers.c.id).where(servers.c.seen_at < alive_since)
    for server_id in connection.scalars(query).all():
        remove_instance(connection, server_id)


def has_live_instance(connection: Connection, alive_since: InstanceTime) -> bool:
    """Whether any process has sent a heartbeat since a time."""
    query = select(servers.c.id).where(servers.c.seen_at >= alive_since).limit(1)
    return connection.execute(query).one_or_none() is not None


def other_instances(connection: Connection, server_id: bytes, alive_since: InstanceTime) -> set[bytes]:
    """The other processes that have sent a heartbeat since a time."""
    query = select(servers.c.id).where(servers.c.id != server_id, servers.c.seen_at >= alive_since)
    return set(connection.scalars(query))


def last_heartbeats(connection: Connection, server_ids: Iterable[bytes]) -> dict[bytes, int]:
    """The time of the last heartbeat of each of these processes that has a row."""
    query = select(servers.c.id, servers.c.seen_at).where(servers.c.id.in_(server_ids))
    return {row.id: row.seen_at for row in connection.execute(query)}


def add_attendance(connection: Connection, server_id: bytes, account_id: int, now: InstanceTime) -> bool:
    """Record that the account has a session on this process, also if another process has removed this one as
    dead. Returns ``False`` if that was known.
    """
    known = _FIND_ATTENDANCE.row(connection, server_id=server_id, account_id=account_id)
    if known is None:  # the next heartbeat stores the other attendances of this process again
        connection.execute(insert(servers).values(id=server_id, seen_at=now))
    elif known.account_id is not None:
        return False
    _ADD_ATTENDANCE.execute(connection, server_id=server_id, account_id=account_id)
    return True


def remove_attendance(connection: Connection, server_id: bytes, account_id: int) -> None:
    """Record that the account has no session on this process any more."""
    row = attendances.c
    connection.execute(delete(attendances).where(row.server_id == server_id, row.account_id == account_id))


def attended_elsewhere(
    connection: Connection, server_id: bytes, account_id: int, alive_since: InstanceTime
) -> bool:
    """Whether the account has a session on another live process."""
    row = attendances.c
    query = select(row.account_id).join(servers, servers.c.id == row.server_id).limit(1)
    query = query.where(row.account_id == account_id, row.server_id != server_id)
    return connection.execute(query.where(servers.c.seen_at >= alive_since)).one_or_none() is not None


def attending_elsewhere(
    connection: Connection,
    server_id: bytes,
    alive_since: InstanceTime,
    account_ids: Collection[int] | None = None,
) -> set[int]:
    """The accounts, or those of ``account_ids``, that have a session on another live process."""
    row = attendances.c
    query = select(row.account_id).join(servers, servers.c.id == row.server_id)
    query = query.where(row.server_id != server_id, servers.c.seen_at >= alive_since)
    return set(
        connection.scalars(query if account_ids is None else query.where(row.account_id.in_(account_ids)))
    )


def attended_accounts(connection: Connection, alive_since: InstanceTime) -> set[int]:
    """The accounts that have a session on a live process."""
    query = select(attendances.c.account_id).join(servers, servers.c.id == attendances.c.server_id)
    return set(connection.scalars(query.where(servers.c.seen_at >= alive_since)))


# Secrets that all processes on a database share

HINT_KEY = "hints"
"""The key that authenticates hints."""

KEY_BYTES = 32


def shared_key(engine: Engine, name: str) -> bytes:
    """Return the key of this name. The first process that asks for it makes it."""
    with engine.begin() as connection:
        key = _find_key(connection, name)
    if key is not None:
        return key
    try:
        with engine.begin() as connection, duplicates_as_already_exists():
            connection.execute(insert(cluster_keys).values(name=name, value=secrets.token_bytes(KEY_BYTES)))
    except AlreadyExists:
        pass  # another process was faster
    with engine.begin() as connection:
        key = _find_key(connection, name)
    assert key is not None
    return key


def has_key(engine: Engine, name: str) -> bool:
    """Whether a key of this name was made."""
    with engine.begin() as connection:
        return _find_key(connection, name) is not None


def _find_key(connection: Connection, name: str) -> bytes | None:
    return connection.scalar(select(cluster_keys.c.value).where(cluster_keys.c.name == name))
