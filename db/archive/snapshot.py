"""Reads every table of a database as it was at one moment, while servers may be using it.

* SQLite: one read transaction. The file is opened read-only.
* MySQL and MariaDB: a transaction with a consistent snapshot. Rows are streamed, not buffered.
"""

import sqlite3
from collections.abc import Generator, Iterator, Sequence
from contextlib import closing, contextmanager
from operator import itemgetter
from pathlib import Path
from typing import Any, NamedTuple

import msgspec
from pymysql.cursors import SSCursor
from sqlalchemy import URL, Connection, Engine, create_engine, inspect
from sqlalchemy.pool import NullPool

from chatroom.db.engine import is_sqlite, open_engine, open_migration_engine
from chatroom.db.errors import DatabaseUnusable
from chatroom.db.migrate import known_revisions, present_revisions
from chatroom.db.preflight import errors_as_unusable
from chatroom.db.schema import attendances, indexed, metadata, news, servers

BLOCK_ROWS = 500
"""Rows that are read, packed and inserted together. A block of the longest messages has a few MiB."""

COPIED_TABLES = tuple(
    str(table.name) for table in metadata.sorted_tables if table not in (attendances, indexed, news, servers)
)
"""The tables of a copy; one that refers to another comes after it."""

Cell = int | str | bytes | None
Rows = Sequence[Sequence[Cell]]


class TableShape(msgspec.Struct, frozen=True):
    """A table of a snapshot. ``binary`` names the columns with bytes, ``key`` those of the primary key."""

    name: str
    columns: tuple[str, ...]
    key: tuple[str, ...]
    binary: tuple[str, ...]
    rows: int


class TableBlock(NamedTuple):
    """Some rows of a table, in the order of its primary key."""

    table: str
    rows: Rows


class DatabaseSnapshot:
    """One moment of a database: its revision and its tables."""

    def __init__(self, connection: Connection, revision: str) -> None:
        self._connection = connection
        self.revision = revision
        present = set(inspect(connection).get_table_names())
        self.tables = tuple(read_shape(connection, name) for name in COPIED_TABLES if name in present)

    def read_blocks(self) -> Generator[TableBlock]:
        """Yield all rows of all tables. Raises ``DatabaseUnusable``."""
        for table in self.tables:
            query = f"SELECT {', '.join(table.columns)} FROM {table.name} ORDER BY {', '.join(table.key)}"
            with closing(_streaming_cursor(self._connection)) as cursor:
                with errors_as_unusable(self._connection.engine):
                    cursor.execute(query)
                while rows := self._fetch_rows(cursor):
                    yield TableBlock(table.name, rows)

    def _fetch_rows(self, cursor: Any) -> Rows:
        with errors_as_unusable(self._connection.engine):
            rows: Rows = cursor.fetchmany(BLOCK_ROWS)
            return rows


@contextmanager
def open_snapshot(url: URL) -> Iterator[DatabaseSnapshot]:
    """Read a database as it is now. Raises ``DatabaseUnusable``, also for a database that is not a
    server's, or a newer server's.
    """
    engine = _read_only_sqlite(Path(str(url.database))) if is_sqlite(url) else _streaming_mysql(url)
    try:
        with errors_as_unusable(engine):
            connection = engine.connect()
        with closing(connection):
            with errors_as_unusable(engine):
                _begin_snapshot(connection)
                snapshot = DatabaseSnapshot(connection, _checked_revision(connection, url))
            yield snapshot
    finally:
        engine.dispose()


def read_shape(connection: Connection, name: str) -> TableShape:
    """Return the columns of a table as they are in the database, and the number of its rows."""
    inspector = inspect(connection)
    columns = sorted(inspector.get_columns(name), key=itemgetter("name"))  # the order of every engine
    binary = tuple(str(column["name"]) for column in columns if column["type"].python_type is bytes)
    key = tuple(map(str, inspector.get_pk_constraint(name)["constrained_columns"]))
    rows = connection.exec_driver_sql(f"SELECT COUNT(*) FROM {name}").scalar_one()
    return TableShape(name, tuple(str(column["name"]) for column in columns), key, binary, rows)


def _read_only_sqlite(file: Path) -> Engine:
    if not file.exists():
        raise DatabaseUnusable(f"there is no database at {file}")

    def connect() -> sqlite3.Connection:
        return sqlite3.connect(f"{file.as_uri()}?mode=ro", uri=True, isolation_level=None)

    return create_engine(f"sqlite:///{file}", creator=connect, poolclass=NullPool)


def _streaming_mysql(url: URL) -> Engine:
    engine = open_engine(url)
    try:
        return open_migration_engine(engine)
    finally:
        engine.dispose()


def _begin_snapshot(connection: Connection) -> None:
    if is_sqlite(connection.engine.url):
        connection.exec_driver_sql("BEGIN")
        return
    connection.execution_options(isolation_level="AUTOCOMMIT")
    connection.exec_driver_sql("SET SESSION TRANSACTION ISOLATION LEVEL REPEATABLE READ")
    connection.exec_driver_sql("START TRANSACTION WITH CONSISTENT SNAPSHOT")


def _checked_revision(connection: Connection, url: URL) -> str:
    """The first read of the snapshot."""
    present = present_revisions(connection)
    if len(present) != 1:
        raise DatabaseUnusable(f"the database {url.database} holds no data of a chat-server")
    (revision,) = present
    if revision not in known_revisions():
        raise DatabaseUnusable(f"the database is at revision {revision}, of a newer chat-server")
    return revision


def _streaming_cursor(connection: Connection) -> Any:
    driver: Any = connection.connection.driver_connection
    return driver.cursor() if isinstance(driver, sqlite3.Connection) else driver.cursor(SSCursor)
