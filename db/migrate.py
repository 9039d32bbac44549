"""Brings a database to the schema of this release. The migrations are in ``migrations``;
``migrations.runner`` runs them.

If two servers start at once, the second waits and then finds nothing to do. The upgrade may be interrupted
anywhere and repeated: SQLite does all of it in one transaction; MySQL commits every DDL statement by itself,
and each migration first checks what exists already.
"""

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from sqlalchemy import Connection, Engine, func, inspect, select, text
from sqlalchemy.exc import DBAPIError

from chatroom.db import schema
from chatroom.db.engine import begin_write, is_sqlite, open_migration_engine
from chatroom.db.errors import DatabaseUnusable
from chatroom.db.preflight import as_unusable, errors_as_unusable

MIGRATIONS = Path(__file__).with_name("migrations")

UPGRADE_LOCK_SECONDS = 60
"""Time that a server waits for another one to finish upgrading the same database."""


RESTORING_TABLE = "restoring"
"""Exists in a MySQL database while a copy into it is incomplete: no server may use it."""


def upgrade_schema(engine: Engine) -> None:
    """Create or upgrade the schema. Raises ``DatabaseUnusable`` if the database belongs to another program or
    to a newer server.
    """
    own = open_migration_engine(engine)
    try:
        with _schema_lock(own) as connection:
            _run_missing_migrations(connection)
    except DBAPIError as error:
        raise as_unusable(engine.url, error) from error
    finally:
        own.dispose()


def create_schema(engine: Engine, revision: str) -> None:
    """Create the schema of a revision in a database for a copy, or go on where an earlier run ended."""
    _run_migrations_to(engine, revision)


def finish_schema(engine: Engine) -> None:
    """Upgrade a database with an incomplete copy to the schema of this release."""
    _run_migrations_to(engine, newest_revision())


def _run_migrations_to(engine: Engine, revision: str) -> None:
    own = open_migration_engine(engine)
    try:
        with errors_as_unusable(own), _schema_lock(own) as connection:
            present = _stored_revisions(connection, set(inspect(connection).get_table_names()))
            if max(present, default="") < revision:
                _run_migrations(connection, present, revision)
    finally:
        own.dispose()


def _run_missing_migrations(connection: Connection) -> None:
    present = present_revisions(connection)
    if present != {newest_revision()}:
        _run_migrations(connection, present, "head")


def _run_migrations(connection: Connection, present: set[str], target: str) -> None:
    from chatroom.db.migrations import runner

    runner.run_migrations(connection, MIGRATIONS, present, target)


def newest_revision() -> str:
    """The revision of the last migration."""
    return max(known_revisions())


def known_revisions() -> set[str]:
    """The revisions of all migrations: the numbers at the start of their file names."""
    return {file.name.partition("_")[0] for file in (MIGRATIONS / "versions").glob("[0-9]*.py")}


def present_revisions(connection: Connection) -> set[str]:
    """The revision of the database. Empty if the database is empty or the first migration was interrupted."""
    tables = set(inspect(connection).get_table_names())
    if RESTORING_TABLE in tables:
        raise DatabaseUnusable("a copy into this database is incomplete: run its restore or move again")
    return _stored_revisions(connection, tables)


def _stored_revisions(connection: Connection, tables: set[str]) -> set[str]:
    if "alembic_version" in tables:
        return set(connection.scalars(text("SELECT version_num FROM alembic_version")))
    if ours := tables & set(schema.metadata.tables):
        raise DatabaseUnusable(f"the database holds tables of another program: {', '.join(sorted(ours))}")
    return set()


@contextmanager
def _schema_lock(engine: Engine) -> Iterator[Connection]:
    """Yield a connection that holds the lock for schema changes."""
    if is_sqlite(engine.url):
        with begin_write(engine) as connection:
            yield connection
        return
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        got = connection.scalar(select(func.get_lock(_lock_name(connection), UPGRADE_LOCK_SECONDS)))
        if not got:
            raise DatabaseUnusable(
                "another chat-server is upgrading this database; try again when it is done"
            )
        yield connection  # the lock ends with the connection, which is not reused


def _lock_name(connection: Connection) -> str:
    """The name of the MySQL lock for this database: all databases of a server share the lock names.

    The digest is computed here because MySQL 9.6 has no MD5() any more. It remains MD5, so that servers of
    earlier releases, which used MySQL's MD5(), take the same lock.
    """
    database = str(connection.scalar(select(func.database())))
    return f"chatroom upgrade {hashlib.md5(database.encode(), usedforsecurity=False).hexdigest()}"
