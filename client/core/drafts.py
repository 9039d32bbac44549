"""What is half written, on disk: the drafts of one account on one server. The counterpart is the composer.

They outlive the client, but not at any price: a disk that does not take them costs the drafts and nothing
else, and what looks like a password on its way is not kept at all. All clients of the account share one file;
of two that write in one conversation, the later one is kept.
"""

import sqlite3
from collections.abc import Iterable, Iterator, Mapping
from contextlib import closing, contextmanager
from pathlib import Path
from urllib.parse import quote

from chatroom.client.storage import files
from chatroom.client.storage.files import FileNotices

TELLING = 4
"""Characters. A text that ends with so many of a password's first ones may be on the way to the rest."""

_SCHEMA = "CREATE TABLE IF NOT EXISTS drafts (conversation TEXT PRIMARY KEY, text TEXT NOT NULL)"


class DraftStore:
    """Keeps what has changed since it was last asked to; ``load_drafts`` comes first."""

    def __init__(self, folder: Path, username: str, server: str, notices: FileNotices | None = None) -> None:
        self._path = folder / "drafts" / f"{quote(f'{username}@{server}', safe='@')}.sqlite"
        self._notices = notices or FileNotices()
        self._kept: dict[str, str] = {}

    def load_drafts(self) -> Mapping[str, str]:
        """The drafts that there are, by conversation."""
        with self._warning(), closing(self._opened()) as file:
            self._kept = _drafts(file)
        return self._kept

    def save_drafts(self, drafts: Mapping[str, str]) -> None:
        """So they stand now; an empty one is none. What cannot be written now is written the next time."""
        changes = {name: text for name, text in drafts.items() if text != self._kept.get(name, "")}
        if changes:
            with self._warning(), closing(self._opened()) as file:
                _write_changes(file, changes.items())
                self._kept = {**self._kept, **changes}

    @contextmanager
    def _warning(self) -> Iterator[None]:
        """What the disk does not take is told once, and otherwise costs nothing."""
        try:
            yield
        except (OSError, sqlite3.Error) as error:
            if not files.is_busy(error):
                self._notices.tell("file_unsaved", self._path, reason=files.reason(error))

    def _opened(self) -> sqlite3.Connection:
        """Opened, and known to hold drafts. A damaged file is set aside."""
        files.make_folder(self._path.parent)
        try:
            return _open(self._path)
        except (OSError, sqlite3.Error) as error:
            if not files.is_damage(error) or not files.set_aside(
                self._path, files.reason(error), self._notices
            ):
                raise
        return _open(self._path)


def _open(path: Path) -> sqlite3.Connection:
    files.make_private_file(path)
    file = sqlite3.connect(path, timeout=0, isolation_level=None)
    try:
        file.execute("PRAGMA synchronous = OFF")  # nobody at the keyboard is to wait for a disk
        file.execute(_SCHEMA)
        _drafts(file)
    except sqlite3.Error:
        file.close()
        raise
    return file


def _drafts(file: sqlite3.Connection) -> dict[str, str]:
    """Raises ``sqlite3.DatabaseError`` for what is not ours."""
    drafts = dict(file.execute("SELECT conversation, text FROM drafts"))
    if not all(isinstance(part, str) for draft in drafts.items() for part in draft):
        raise sqlite3.DatabaseError("not text")
    return drafts


def _write_changes(file: sqlite3.Connection, changes: Iterable[tuple[str, str]]) -> None:
    file.execute("BEGIN IMMEDIATE")
    for name, text in changes:
        if text:
            file.execute("INSERT OR REPLACE INTO drafts VALUES (?, ?)", (name, text))
        else:
            file.execute("DELETE FROM drafts WHERE conversation = ?", (name,))
    file.execute("COMMIT")


def holds_password(text: str, password: str) -> bool:
    """Whether a password stands in the text, or may be about to: this one, or those behind ``/passwd``."""
    begun = (password[:length] for length in range(TELLING, len(password)))
    return "/passwd" in text or password in text or any(map(text.endswith, begun))
