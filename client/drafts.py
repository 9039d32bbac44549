"""What is half written, on disk: the drafts of one account on one server. The counterpart is the composer.

They outlive the client, but not at any price: a disk that does not take them costs the drafts and nothing
else, and what looks like a password on its way is not kept at all. All clients of the account share one file;
of two that write in one conversation, the later one is kept.
"""

import sqlite3
from collections.abc import Iterable, Mapping
from contextlib import closing, suppress
from pathlib import Path
from urllib.parse import quote

from client import files

TELLING = 4
"""Characters. A text that ends with so many of a password's first ones may be on the way to the rest."""

_SCHEMA = "CREATE TABLE IF NOT EXISTS drafts (conversation TEXT PRIMARY KEY, text TEXT NOT NULL)"


class Drafts:
    """Keeps what has changed since it was last asked to; ``load`` comes first."""

    def __init__(self, folder: Path, username: str, server: str) -> None:
        self._path = folder / "drafts" / f"{quote(f'{username}@{server}', safe='@')}.sqlite"
        self._kept: dict[str, str] = {}

    def load(self) -> Mapping[str, str]:
        """The drafts that there are, by conversation."""
        with suppress(OSError, sqlite3.Error), closing(self._open()) as file:
            self._kept = dict(file.execute("SELECT conversation, text FROM drafts"))
        return self._kept

    def keep(self, drafts: Mapping[str, str]) -> None:
        """So they stand now; an empty one is none."""
        changes = {name: text for name, text in drafts.items() if text != self._kept.get(name, "")}
        if changes:
            with suppress(OSError, sqlite3.Error), closing(self._open()) as file:
                _write(file, changes.items())
            self._kept = {**self._kept, **changes}

    def _open(self) -> sqlite3.Connection:
        files.make_folder(self._path.parent)
        files.make(self._path)
        file = sqlite3.connect(self._path, timeout=0, isolation_level=None)
        try:
            file.execute("PRAGMA synchronous = OFF")  # nobody at the keyboard is to wait for a disk
            file.execute(_SCHEMA)
        except sqlite3.Error:
            file.close()
            raise
        return file


def _write(file: sqlite3.Connection, changes: Iterable[tuple[str, str]]) -> None:
    file.execute("BEGIN IMMEDIATE")
    for name, text in changes:
        if text:
            file.execute("INSERT OR REPLACE INTO drafts VALUES (?, ?)", (name, text))
        else:
            file.execute("DELETE FROM drafts WHERE conversation = ?", (name,))
    file.execute("COMMIT")


def is_secret(text: str, password: str) -> bool:
    """Whether a password stands in the text, or may be about to: this one, or those behind ``/passwd``."""
    begun = (password[:length] for length in range(TELLING, len(password)))
    return "/passwd" in text or password in text or any(map(text.endswith, begun))
