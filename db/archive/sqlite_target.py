"""Fills a new SQLite file. It is built beside its place, and renamed when it is complete.

A killed process leaves a file ``….restoring``, which the next run replaces.
"""

import os
import sqlite3
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path

from sqlalchemy import URL

from chatroom.db.archive.checksums import ContentDigest, read_digest
from chatroom.db.archive.snapshot import TableBlock, TableShape, open_snapshot
from chatroom.db.archive.targets import CopyDiffers
from chatroom.db.engine import lock_file, open_engine
from chatroom.db.errors import DatabaseUnusable
from chatroom.db.migrate import create_schema, upgrade_schema

BUILD_PRAGMAS = ("journal_mode = MEMORY", "synchronous = OFF", "foreign_keys = OFF", "cache_size = -65536")
"""For a file that nothing else uses, and that is flushed at the end."""


class SqliteTarget:
    """The database is locked against servers until ``finish`` or ``discard``. The constructor raises
    ``DatabaseUnusable`` if the database is in use or not empty.
    """

    def __init__(self, url: URL, revision: str) -> None:
        self._file = Path(str(url.database))
        self._building = self._file.with_name(f"{self._file.name}.restoring")
        existed = self._file.exists()
        self._indexes: list[str] = []
        self._lock = lock_file(url)
        try:
            self._is_created = not existed
            _check_is_empty(self._file)
            self._remove_parts()
            self._url = URL.create("sqlite", database=str(self._building))
            engine = open_engine(self._url)
            try:
                create_schema(engine, revision)
            finally:
                engine.dispose()
            self._connection = sqlite3.connect(self._building, isolation_level=None)
            for pragma in BUILD_PRAGMAS:
                self._connection.execute(f"PRAGMA {pragma}").close()
            self._connection.execute("BEGIN")
            self._indexes = _drop_indexes(self._connection)
        except BaseException:
            self._release()
            raise

    def store_block(self, table: TableShape, block: TableBlock) -> None:
        marks = ", ".join("?" * len(table.columns))
        statement = f"INSERT INTO {table.name} ({', '.join(table.columns)}) VALUES ({marks})"
        self._connection.executemany(statement, block.rows)

    def verify(self, tables: Sequence[TableShape], content: ContentDigest) -> None:
        for statement in self._indexes:
            self._connection.execute(statement)
        self._connection.execute("COMMIT")
        self._connection.close()
        with open_snapshot(self._url) as snapshot:
            stored = read_digest(tables, snapshot.read_blocks())
        if (stored.rows, stored.checksum) != (content.rows, content.checksum):
            raise CopyDiffers

    def finish(self) -> None:
        engine = open_engine(self._url)
        try:
            upgrade_schema(engine)
            with engine.connect() as connection:
                connection.exec_driver_sql("PRAGMA wal_checkpoint(TRUNCATE)").close()
        finally:
            engine.dispose()
        with self._building.open("rb") as file:
            os.fsync(file.fileno())
        for part in ("-wal", "-shm"):
            self._file.with_name(self._file.name + part).unlink(missing_ok=True)
        self._building.replace(self._file)
        self._is_created = False
        self._release()

    def discard(self) -> None:
        self._connection.close()
        self._release()

    def _release(self) -> None:
        """Remove what is not complete, and release the lock."""
        self._remove_parts()
        if self._lock is not None:
            if self._is_created:
                self._file.unlink(missing_ok=True)
            self._lock.release()

    def _remove_parts(self) -> None:
        for part in ("", "-journal", "-wal", "-shm"):
            self._building.with_name(self._building.name + part).unlink(missing_ok=True)


def _drop_indexes(connection: sqlite3.Connection) -> list[str]:
    """Drop the indexes, which are built faster in the end, and return the statements that create them."""
    query = "SELECT name, sql FROM sqlite_master WHERE type = 'index' AND sql IS NOT NULL"
    indexes = connection.execute(query).fetchall()
    for name, _ in indexes:
        connection.execute(f"DROP INDEX {name}")
    return [statement for _, statement in indexes]


def _check_is_empty(file: Path) -> None:
    """Raise ``DatabaseUnusable`` unless the file has no tables, or a server's without an account."""
    try:
        with closing(sqlite3.connect(f"{file.as_uri()}?mode=ro", uri=True)) as connection:
            tables = {name for (name,) in connection.execute("SELECT name FROM sqlite_master")}
            if tables and "alembic_version" not in tables:
                raise DatabaseUnusable(f"the file {file} holds tables of another program")
            for table in ("accounts", "conversations"):
                if table in tables and connection.execute(f"SELECT 1 FROM {table} LIMIT 1").fetchone():
                    raise DatabaseUnusable(f"the database {file} holds data: name an empty one")
    except sqlite3.Error as error:
        raise DatabaseUnusable(f"cannot use the database file {file}: {error}") from None
