"""Backup, restore and move of a whole database.

Each reads blocks of rows from a source and hands them on, so that memory does not grow with the database.
What a database has stored is read back and compared by count and checksum before the copy is usable.
"""

import hashlib
from collections.abc import Callable, Generator, Sequence
from contextlib import closing, suppress
from pathlib import Path
from typing import NamedTuple

from sqlalchemy import URL

from chatroom.db.archive.backup_file import BackupHeader, BackupWriter, open_backup
from chatroom.db.archive.checksums import ContentDigest
from chatroom.db.archive.mysql_target import MysqlTarget
from chatroom.db.archive.snapshot import TableBlock, TableShape, open_snapshot
from chatroom.db.archive.sqlite_target import SqliteTarget
from chatroom.db.archive.targets import CopyTarget
from chatroom.db.engine import begin_read, is_sqlite, lock_file, open_engine
from chatroom.db.errors import DatabaseUnusable
from chatroom.db.migrate import known_revisions
from chatroom.db.preflight import errors_as_unusable
from chatroom.db.queries.instances import alive_since, has_live_instance


class CopyReport(NamedTuple):
    """What was copied. Two copies with the same content have the same ``checksum``."""

    rows: dict[str, int]
    checksum: str


ShowProgress = Callable[[int, int], None]
"""Called with the number of copied rows and the number of all rows."""


def back_up(url: URL, path: Path, *, release: str, now: int, progress: ShowProgress) -> CopyReport:
    """Write a database to a new file, while servers may use it. Raises ``DatabaseUnusable``, ``OSError``."""
    if path.exists():
        raise DatabaseUnusable(f"{path} exists already: choose another name")
    with open_snapshot(url) as snapshot:
        engine = url.get_backend_name()
        header = BackupHeader(release, snapshot.revision, engine, now, snapshot.tables)
        with BackupWriter(path, header) as writer:
            content = ContentDigest(snapshot.tables)
            advance = _row_counter(snapshot.tables, progress)
            with closing(snapshot.read_blocks()) as blocks:
                for block in blocks:
                    writer.write_block(content.add_block(block))
                    advance(block)
            writer.finish(content.checksum)
    return CopyReport(content.rows, content.checksum)


def restore(path: Path, url: URL, progress: ShowProgress) -> CopyReport:
    """Write a backup to an empty database. Raises ``DatabaseUnusable``, ``OSError``."""
    with open_backup(path) as backup:
        header = backup.header
        if header.revision not in known_revisions():
            raise DatabaseUnusable(
                f"{path} is of a newer release: {header.release}, with the schema {header.revision}"
            )
        target = _open_target(url, header.revision, backup.digest)
        return _copy(header.tables, backup.read_blocks(), target, progress)


def move(source: URL, url: URL, *, progress: ShowProgress) -> CopyReport:
    """Write a database that no server uses to an empty one. The source is not changed. Raises
    ``DatabaseUnusable``, ``OSError``.
    """
    if source == url:
        raise DatabaseUnusable("both URLs name the same database")
    _check_exists(source)
    lock = lock_file(source)
    try:
        _check_unused(source)
        with open_snapshot(source) as snapshot:
            identity = hashlib.sha256(source.render_as_string(hide_password=True).encode()).hexdigest()
            target = _open_target(url, snapshot.revision, identity)
            return _copy(snapshot.tables, snapshot.read_blocks(), target, progress)
    finally:
        if lock is not None:
            lock.release()


def _check_exists(url: URL) -> None:
    if is_sqlite(url) and not Path(str(url.database)).exists():
        raise DatabaseUnusable(f"there is no database at {url.database}")


def _check_unused(url: URL) -> None:
    """Raise ``DatabaseUnusable`` if a server uses a MySQL database; an SQLite file has a lock instead."""
    if is_sqlite(url):
        return
    engine = open_engine(url)
    try:
        with errors_as_unusable(engine), begin_read(engine) as connection:
            if has_live_instance(connection, alive_since(connection)):
                raise DatabaseUnusable(f"a chat-server uses the database {url.database}: stop it first")
    finally:
        engine.dispose()


def _open_target(url: URL, revision: str, source: str) -> CopyTarget:
    return SqliteTarget(url, revision) if is_sqlite(url) else MysqlTarget(url, revision, source)


def _copy(
    tables: Sequence[TableShape], blocks: Generator[TableBlock], target: CopyTarget, progress: ShowProgress
) -> CopyReport:
    """Store all blocks, verify the copy and finish it; after a failure remove it."""
    content, shapes = ContentDigest(tables), {table.name: table for table in tables}
    advance = _row_counter(tables, progress)
    try:
        with closing(blocks):
            for block in blocks:
                content.add_block(block)
                target.store_block(shapes[block.table], block)
                advance(block)
        target.verify(tables, content)
        target.finish()
    except Exception:
        with suppress(DatabaseUnusable):
            target.discard()
        raise
    return CopyReport(content.rows, content.checksum)


def _row_counter(tables: Sequence[TableShape], progress: ShowProgress) -> Callable[[TableBlock], None]:
    """Return a function that counts the rows of each block and shows the progress."""
    done, all_rows = 0, sum(table.rows for table in tables)

    def advance(block: TableBlock) -> None:
        nonlocal done
        done += len(block.rows)
        progress(done, all_rows)

    return advance
