"""The command ``chat-server admin export``: everything that is kept about an account, as JSON lines.

It reads one snapshot of the database beside a running server.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
from sqlalchemy import Connection

from chatroom.db.account_erasure import erased_names
from chatroom.db.archive.account_rows import AccountReferences, AccountRow, read_account_rows
from chatroom.db.engine import begin_read, is_sqlite, normalise_url, open_engine, open_migration_engine
from chatroom.db.errors import DatabaseUnusable
from chatroom.db.migrate import newest_revision, present_revisions
from chatroom.db.preflight import errors_as_unusable
from chatroom.db.records import AccountRecord
from chatroom.protocol import names
from chatroom.protocol.errors import UnknownUser
from chatroom.protocol.safe import json_text
from chatroom.protocol.values import format_time
from chatroom.server.auth import permissions
from chatroom.server.config.settings import ServerConfig

TIME_SUFFIXES = ("_at", "since")
"""Ends of the names of columns with times."""


class AccountErased(Exception):
    """There is nothing to export under this name. The message is one sentence."""


def export_lines(config: ServerConfig, username: str) -> Iterator[str]:
    """Yield a JSON line for each row that refers to an account. Raises ``DatabaseUnusable``,
    ``UnknownUser`` and ``AccountErased``.
    """
    url = normalise_url(config.database_url, config.database.password or None)
    if is_sqlite(url) and not Path(str(url.database)).exists():
        raise DatabaseUnusable(f"there is no database at {url.database}")
    pool = open_engine(url, readers=1)
    engine = open_migration_engine(pool)  # without a time limit: an account may have many messages
    try:
        with errors_as_unusable(engine), begin_read(engine) as connection, begin_read(pool) as lookups:
            if present_revisions(connection) != {newest_revision()}:
                raise DatabaseUnusable("the database is of another release: start its server first")
            account = _find_account(connection, username)
            references = AccountReferences(lookups, account.id)
            for row in read_account_rows(connection, account.id, references):
                yield _as_line(row)
    finally:
        engine.dispose()
        pool.dispose()


def _find_account(connection: Connection, username: str) -> AccountRecord:
    """Return an account, also an erased one by its neutral name. Raises ``UnknownUser``, or
    ``AccountErased`` for the name that an erased account had.
    """
    try:
        return permissions.find_author(connection, username)
    except UnknownUser:
        erased_at = erased_names.erasure_time(connection, names.name_key(username))
        if erased_at is None:
            raise
        raise AccountErased(
            f"{username} was erased on {format_time(erased_at)[:10]}; only a digest of the name is kept"
        ) from None


def _as_line(row: AccountRow) -> str:
    values = {name: _shown_value(name, value) for name, value in row.values.items()}
    return json_text(msgspec.json.encode({"table": row.table, **values}).decode())


def _shown_value(name: str, value: Any) -> Any:
    """Return times as text, everything else unchanged."""
    return format_time(value) if name.endswith(TIME_SUFFIXES) and isinstance(value, int) else value
