"""The server processes on this database, and on which of them an account has sessions.

With this, no process makes an account leave that is still here through another one. A process that has not
renewed its row for a while counts as dead, and its attendances with it.
"""

from collections.abc import Collection, Iterable

from chatroom.db.queries import changefeed
from chatroom.db.schema import attendances, servers
from sqlalchemy import Connection, delete, insert, select, update

HEARTBEAT_SECONDS = 10.0
"""Seconds between two signs of life of a process."""

DEAD_AFTER_SECONDS = 3 * HEARTBEAT_SECONDS
"""Seconds after its last sign of life for which a process counts as running."""


def alive_since(now: int) -> int:
    """Since when a process must have been seen, to count as running."""
    return now - round(DEAD_AFTER_SECONDS * 1000)


def record_heartbeat(connection: Connection, server_id: bytes, now: int) -> bool:
    """This process lives. ``True`` when its row was not there: at start, or when it had been taken for dead;
    then who attends here must be told again."""
    renewed = connection.execute(update(servers).where(servers.c.id == server_id).values(seen_at=now))
    if renewed.rowcount:
        return False
    connection.execute(insert(servers).values(id=server_id, seen_at=now))
    return True


def remove_instance(connection: Connection, server_id: bytes) -> None:
    """This process ends, and nobody attends there any more."""
    connection.execute(delete(servers).where(servers.c.id == server_id))
    changefeed.delete_changes(connection, server_id)


def remove_dead_instances(connection: Connection, alive_since: int) -> None:
    """Remove processes that were last seen before a time."""
    query = select(servers.c.id).where(servers.c.seen_at < alive_since)
    for server_id in connection.scalars(query).all():
        remove_instance(connection, server_id)


def has_live_instance(connection: Connection, alive_since: int) -> bool:
    """Whether a server process was seen since a time."""
    query = select(servers.c.id).where(servers.c.seen_at >= alive_since).limit(1)
    return connection.execute(query).one_or_none() is not None


def other_instances(connection: Connection, server_id: bytes, alive_since: int) -> set[bytes]:
    """The other processes that were seen since a time."""
    query = select(servers.c.id).where(servers.c.id != server_id, servers.c.seen_at >= alive_since)
    return set(connection.scalars(query))


def last_heartbeats(connection: Connection, server_ids: Iterable[bytes]) -> dict[bytes, int]:
    """When each of these processes gave its last sign of life, as far as it has a row."""
    query = select(servers.c.id, servers.c.seen_at).where(servers.c.id.in_(server_ids))
    return {row.id: row.seen_at for row in connection.execute(query)}


def add_attendance(connection: Connection, server_id: bytes, account_id: int) -> bool:
    """The account has a session on this process. ``False`` when that was known."""
    row = attendances.c
    query = select(row.account_id).where(row.server_id == server_id, row.account_id == account_id)
    if connection.execute(query).one_or_none() is not None:
        return False
    connection.execute(insert(attendances).values(server_id=server_id, account_id=account_id))
    return True


def remove_attendance(connection: Connection, server_id: bytes, account_id: int) -> None:
    """The account has no session on this process any more."""
    row = attendances.c
    connection.execute(delete(attendances).where(row.server_id == server_id, row.account_id == account_id))


def attended_elsewhere(connection: Connection, server_id: bytes, account_id: int, alive_since: int) -> bool:
    """Whether the account has a session on another process that was seen since a time."""
    row = attendances.c
    query = select(row.account_id).join(servers, servers.c.id == row.server_id).limit(1)
    query = query.where(row.account_id == account_id, row.server_id != server_id)
    return connection.execute(query.where(servers.c.seen_at >= alive_since)).one_or_none() is not None


def attending_elsewhere(
    connection: Connection, server_id: bytes, alive_since: int, account_ids: Collection[int] | None = None
) -> set[int]:
    """Of these accounts, or of all, those that have a session on another process seen since a time."""
    row = attendances.c
    query = select(row.account_id).join(servers, servers.c.id == row.server_id)
    query = query.where(row.server_id != server_id, servers.c.seen_at >= alive_since)
    return set(
        connection.scalars(query if account_ids is None else query.where(row.account_id.in_(account_ids)))
    )


def attended_accounts(connection: Connection, alive_since: int) -> set[int]:
    """Every account that has a session on a process seen since a time."""
    query = select(attendances.c.account_id).join(servers, servers.c.id == attendances.c.server_id)
    return set(connection.scalars(query.where(servers.c.seen_at >= alive_since)))
