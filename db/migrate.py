"""Brings a database to the schema of this program, whatever it held before. The steps are in ``migrations``,
and ``steps`` runs them.

Two servers that start at once agree: the second waits, and then finds nothing to do. It may be killed
anywhere and run again: SQLite does all of it in one transaction, and on MySQL, which knows none for DDL,
every statement commits by itself and each step first looks what is there already.
"""

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from chatroom.db import schema
from chatroom.db.engine import begin_write, is_sqlite, open_migration_engine
from chatroom.db.errors import DatabaseUnusable
from chatroom.db.preflight import as_unusable
from sqlalchemy import Connection, Engine, func, inspect, select, text
from sqlalchemy.exc import DBAPIError

MIGRATIONS = Path(__file__).with_name("migrations")

UPGRADE_LOCK_SECONDS = 60
"""Seconds that a server waits for another one to finish upgrading the same database."""


def upgrade_schema(engine: Engine) -> None:
    """Create or upgrade the schema. Raises ``DatabaseUnusable`` for a database of a stranger or a newer
    server."""
    own = open_migration_engine(engine)
    try:
        with _schema_lock(own) as connection:
            _run_missing_migrations(connection)
    except DBAPIError as error:
        raise as_unusable(engine.url, error) from error
    finally:
        own.dispose()


def _run_missing_migrations(connection: Connection) -> None:
    present = _present_revisions(connection)
    if present != {_newest_revision()}:
        from chatroom.db.migrations import runner

        runner.run_migrations(connection, MIGRATIONS, present)


def _newest_revision() -> str:
    """The last step, which is the first word of its file's name."""
    return max(file.name.partition("_")[0] for file in (MIGRATIONS / "versions").glob("[0-9]*.py"))


def _present_revisions(connection: Connection) -> set[str]:
    """The step that the database is at; none if it is empty, or if the first step was killed."""
    tables = set(inspect(connection).get_table_names())
    if "alembic_version" in tables:
        return set(connection.scalars(text("SELECT version_num FROM alembic_version")))
    if ours := tables & set(schema.metadata.tables):
        raise DatabaseUnusable(f"the database holds tables of another program: {', '.join(sorted(ours))}")
    return set()


@contextmanager
def _schema_lock(engine: Engine) -> Iterator[Connection]:
    """A connection whose holder is the only one to change the schema."""
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
        yield connection  # the lock goes with the connection, which is not used again


def _lock_name(connection: Connection) -> str:
    """The MySQL lock of this database: lock names are shared by all databases of a server.

    The digest is computed here because MySQL 9.6 has no MD5() any more. It is still MD5, so that servers of
    earlier releases, which asked MySQL for it, take the same lock.
    """
    database = str(connection.scalar(select(func.database())))
    return f"chatroom upgrade {hashlib.md5(database.encode(), usedforsecurity=False).hexdigest()}"
