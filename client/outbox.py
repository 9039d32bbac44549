"""What was written here and is not confirmed yet, on disk. The counterpart is the unique (account, cid) of
the server.

A message is put in before it is first sent and taken out once the server has answered, so a client that is
killed sends it again, under the same cid, at the account's next login. Each process has a file of its own and
holds a lock on it as long as it lives (SQLite's, which works alike everywhere); the files of the dead are
taken over. So two clients of one account never send each other's lines.
"""

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from urllib.parse import quote

from client import files
from client.model.state import Pending
from protocol.cids import new_cid

_SCHEMA = """
CREATE TABLE IF NOT EXISTS messages (
    cid TEXT PRIMARY KEY,
    conversation TEXT NOT NULL,
    kind TEXT NOT NULL,
    text TEXT NOT NULL,
    target INTEGER NOT NULL,
    written_at INTEGER NOT NULL
)
"""

_PUT = "INSERT OR IGNORE INTO messages VALUES (?, ?, ?, ?, ?, ?)"
_ALL = "SELECT cid, conversation, kind, text, target, written_at FROM messages ORDER BY rowid"


class OutboxFailed(Exception):
    """The disk does not take it. What was written is not promised, and so must not be sent."""


class Outbox:
    """The unconfirmed messages of one account on one server, the oldest first.

    Raises ``OutboxFailed`` anywhere.
    """

    def __init__(self, folder: Path, username: str, server: str) -> None:
        self._folder = folder / "outbox" / quote(f"{username}@{server}", safe="@")
        try:
            files.make_folder(self._folder)
            self._path = self._folder / f"{new_cid()}.sqlite"
            with _alone(self._folder):
                self._file = _open(self._path)
                self._adopt()
        except (OSError, sqlite3.Error) as error:
            raise OutboxFailed(str(error)) from None

    def put(self, pending: Pending) -> None:
        """Keep a message. When this returns, it is on the disk."""
        about = (pending.text, pending.target, pending.written_at)
        try:
            self._file.execute(_PUT, (pending.cid, pending.conversation, pending.kind, *about))
        except sqlite3.Error as error:
            raise OutboxFailed(str(error)) from None

    def remove(self, cid: str) -> None:
        """The server has answered for it."""
        with suppress(sqlite3.Error):  # then it is sent once more, and answered as a duplicate
            self._file.execute("DELETE FROM messages WHERE cid = ?", (cid,))

    def load(self) -> list[Pending]:
        """Everything in it, in the order in which it was written."""
        rows = self._file.execute(_ALL)
        return [
            Pending(cid, conversation, text, kind=kind, target=target, written_at=written_at)
            for cid, conversation, kind, text, target, written_at in rows
        ]

    def close(self) -> None:
        """Let go of it. What is still in it is the next client's to send."""
        empty = not self.load()
        self._file.close()
        if empty:
            _delete(self._path)

    def _adopt(self) -> None:
        """Take over what the dead have left.

        Killed in between, we leave some of it twice, which does no harm.
        """
        for path in sorted(self._folder.glob("*.sqlite")):
            if path == self._path:
                continue
            try:
                theirs = _open(path)
            except sqlite3.OperationalError:
                continue  # its owner lives
            self._file.executemany(
                _PUT,
                theirs.execute(_ALL),
            )
            theirs.close()
            _delete(path)


@contextmanager
def _alone(folder: Path) -> Iterator[None]:
    """While a file is made and others are looked at, no other process does the same here."""
    files.make(folder / "lock")
    lock = sqlite3.connect(folder / "lock", timeout=5, isolation_level=None)
    try:
        lock.execute("BEGIN EXCLUSIVE")
        yield
    finally:
        lock.close()


def _open(path: Path) -> sqlite3.Connection:
    """Open a file and lock it for as long as it is open.

    Raises ``sqlite3.OperationalError`` if somebody else has.
    """
    files.make(path)
    file = sqlite3.connect(path, timeout=0, isolation_level=None)
    try:
        file.execute("PRAGMA locking_mode = EXCLUSIVE")
        file.execute("PRAGMA journal_mode = WAL")
        file.execute("PRAGMA synchronous = FULL")
        file.execute("BEGIN IMMEDIATE")
        file.execute(_SCHEMA)
        file.execute("COMMIT")
    except sqlite3.Error:
        file.close()
        raise
    return file


def _delete(path: Path) -> None:
    for leftover in (path, path.with_name(f"{path.name}-wal"), path.with_name(f"{path.name}-shm")):
        leftover.unlink(missing_ok=True)
