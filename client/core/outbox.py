"""The messages that are written and not confirmed, on disk.

A message is stored before it is first sent and removed after the server has answered. A client that was
killed sends it again at the account's next login, under the same cid; the server
stores each (account, cid) once.
Each process locks a file of its own while it runs and adopts the files of processes that have ended, so two
clients of one account never send each other's messages.

If the disk is full or read-only, messages are kept in memory and sent, and the user is warned.
"""

import sqlite3
from contextlib import closing, suppress
from pathlib import Path
from typing import Any, cast, get_args
from urllib.parse import quote

from chatroom.client.model.state import PendingMessage
from chatroom.client.storage import files
from chatroom.client.storage.files import FileNotices
from chatroom.protocol.cids import new_cid
from chatroom.protocol.requests import SentKind

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

Row = tuple[str, str, SentKind, str, int, int]
"""The columns, in their order."""


class Outbox:
    """The unconfirmed messages of one account on one server, the oldest first.

    If the disk cannot be written, they are in memory only, and one note warns the user.
    """

    def __init__(self, folder: Path, username: str, server: str, notices: FileNotices | None = None) -> None:
        self._folder = folder / "outbox" / quote(f"{username}@{server}", safe="@")
        self._path = self._folder / f"{new_cid()}.sqlite"
        self._notices = notices or FileNotices()
        self._unkept: dict[str, PendingMessage] = {}  # by cid, what the disk has not taken
        try:
            files.make_folder(self._folder)
            with files.locked(self._folder / "outbox"):
                self._file = _open_locked(self._path)
                self._adopt_orphans()
        except (OSError, sqlite3.Error) as error:
            self._warn(error)
            self._file = _in_memory()

    def add_message(self, pending: PendingMessage) -> None:
        """Keep a message. When this returns, it is on the disk, or the user has been warned."""
        self._unkept[pending.cid] = pending
        try:
            self._keep()
        except sqlite3.Error as error:
            self._warn(error)

    def _keep(self) -> None:
        self._file.executemany(_PUT, [_row(pending) for pending in self._unkept.values()])
        self._unkept.clear()

    def remove_message(self, cid: str) -> None:
        """The server has answered for it."""
        self._unkept.pop(cid, None)
        with suppress(sqlite3.Error):  # then it is sent again, and answered as a duplicate
            self._file.execute("DELETE FROM messages WHERE cid = ?", (cid,))

    def rename_room(self, former: str, name: str) -> None:
        """The messages for a room that was renamed are for its new name."""
        with suppress(sqlite3.Error):  # the server knows the former name too
            self._file.execute("UPDATE messages SET conversation = ? WHERE conversation = ?", (name, former))

    def load_messages(self) -> list[PendingMessage]:
        """Everything in it, in the order in which it was written."""
        stored = {row[0]: _pending(row) for row in self._file.execute(_ALL)}
        return list((stored | self._unkept).values())

    def close(self) -> None:
        """Let go of it. What is still in it is the next client's to send."""
        empty = not self.load_messages()
        self._file.close()
        if empty:
            _delete_file(self._path)

    def _adopt_orphans(self) -> None:
        """Take over what ended processes have left. A file that is damaged is set aside.

        Killed in between, we leave some of it twice, which does no harm.
        """
        for path in sorted(self._folder.glob("*.sqlite")):
            if path == self._path:
                continue
            try:
                with closing(_open_locked(path)) as theirs:
                    self._take_over(theirs)
            except (OSError, sqlite3.Error) as error:
                self._cannot_adopt(path, error)
            else:
                _delete_file(path)

    def _take_over(self, theirs: sqlite3.Connection) -> None:
        """Raises ``sqlite3.Error`` unless all of it is ours now; what can be read of it is."""
        rows: list[Row] = []
        try:
            for row in theirs.execute(_ALL):
                rows.append(_checked(row))
        finally:
            self._unkept |= {row[0]: _pending(row) for row in rows}
            self._keep()

    def _cannot_adopt(self, path: Path, error: Exception) -> None:
        if files.is_damage(error):
            files.set_aside(path, files.reason(error), self._notices)
        elif not files.is_busy(error):
            self._warn(error)

    def _warn(self, error: Exception) -> None:
        self._notices.tell("outbox_in_memory", self._folder, reason=files.reason(error))


def _row(pending: PendingMessage) -> Row:
    about = (pending.text, pending.target, pending.written_at)
    return (pending.cid, pending.conversation, pending.kind, *about)


def _pending(row: Row) -> PendingMessage:
    cid, conversation, kind, text, target, written_at = row
    return PendingMessage(cid, conversation, text, kind=kind, target=target, written_at=written_at)


def _checked(row: Any) -> Row:
    """A row as one of ours has written it. Raises ``sqlite3.DatabaseError``."""
    if [type(value) for value in row] != [str, str, str, str, int, int] or row[2] not in get_args(SentKind):
        raise sqlite3.DatabaseError("no message of ours")
    return cast(Row, row)


def _in_memory() -> sqlite3.Connection:
    file = sqlite3.connect(":memory:", isolation_level=None)
    file.execute(_SCHEMA)
    return file


def _open_locked(path: Path) -> sqlite3.Connection:
    """Open a file and lock it for as long as it is open. Raises ``OSError`` and ``sqlite3.Error``."""
    files.make_private_file(path)
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


def _delete_file(path: Path) -> None:
    for leftover in (path, *(path.with_name(path.name + suffix) for suffix in files.SQLITE_SUFFIXES)):
        with suppress(OSError):
            leftover.unlink(missing_ok=True)
