"""The drafts of one account on one server, on disk.

A disk that cannot store them costs the drafts and nothing else. A text that may be part of a password is not
stored. All clients of the account share one file; if two write a draft for one conversation, the later one
stays.
"""

import asyncio
import sqlite3
import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import closing, contextmanager
from pathlib import Path
from urllib.parse import quote

from chatroom.client.core.session import Session
from chatroom.client.core.tasks import GuardedTasks
from chatroom.client.model import apply
from chatroom.client.model.state import ClientState
from chatroom.client.storage import files
from chatroom.client.storage.files import FileNotices
from chatroom.protocol.cids import new_cid

PASSWORD_PREFIX = 4
"""Characters. A text that ends with this many of a password's first ones may become the password."""

SAVE_DELAY = 1.0
"""Seconds after a change until the drafts are written to the disk."""

RECENT_MESSAGES = 50
"""Messages among which a draft is searched that another client may have sent."""

MAX_CLAIM_AGE = 30 * 24 * 3600
"""Seconds after which the claim of a sent draft is forgotten."""

CLAIM_LOCK_TIMEOUT = 1.0
"""Seconds to wait for another client that writes the file while a draft is claimed."""

_SCHEMA = (
    "CREATE TABLE IF NOT EXISTS drafts (conversation TEXT PRIMARY KEY, text TEXT NOT NULL)",
    # Each draft has an id, so that it is sent once, whichever of the clients that show it sends it.
    "CREATE TABLE IF NOT EXISTS draft_ids"
    " (conversation TEXT PRIMARY KEY, text TEXT NOT NULL, id TEXT NOT NULL)",
    "CREATE TABLE IF NOT EXISTS sent_drafts (id TEXT PRIMARY KEY, sent_at INTEGER NOT NULL)",
)


class DraftStore:
    """Writes the drafts that have changed since the last time; ``load_drafts`` comes first."""

    def __init__(self, folder: Path, username: str, server: str, notices: FileNotices | None = None) -> None:
        self._path = folder / "drafts" / f"{quote(f'{username}@{server}', safe='@')}.sqlite"
        self._notices = notices or FileNotices()
        self._stored: dict[str, str] = {}
        self._ids: dict[str, str] = {}  # of the stored drafts, by conversation

    def load_drafts(self) -> Mapping[str, str]:
        """Return the stored drafts by conversation."""
        with self._warning(), closing(self._opened()) as file:
            self._stored, self._ids = _drafts(file), _ensure_ids(file)
        return dict(self._stored)

    def save_drafts(self, drafts: Mapping[str, str]) -> None:
        """Store the drafts; an empty text deletes one. What cannot be written is written the next time."""
        changes = {name: text for name, text in drafts.items() if text != self._stored.get(name, "")}
        if changes:
            with self._warning(), closing(self._opened()) as file:
                self._ids |= _write_changes(file, changes.items())
                self._stored = {**self._stored, **changes}

    def claim_draft(self, name: str, text: str) -> bool:
        """Claim the right to send a draft. Returns ``False`` if another client of the account has claimed the
        same draft; one that was typed anew is another draft.
        """
        draft_id = self._ids.get(name, "")
        if not draft_id or self._stored.get(name) != text:
            return True
        is_first = True
        with self._warning(), closing(self._opened()) as file:
            file.execute(f"PRAGMA busy_timeout = {round(1000 * CLAIM_LOCK_TIMEOUT)}")
            is_first = _claim(file, name, text, draft_id)
            self._ids.pop(name, None)
            self._stored.pop(name, None)
        return is_first

    def names(self) -> list[str]:
        """Return the conversations that have a stored draft."""
        return [name for name, text in self._stored.items() if text]

    def take_draft(self, name: str) -> str:
        """Return a stored draft, and delete it."""
        text = self._stored.get(name, "")
        self.save_drafts({name: ""})
        return text

    def is_deleted(self, name: str, text: str) -> bool:
        """Whether another client has deleted this stored draft."""
        if self._stored.get(name) != text:
            return False
        with self._warning(), closing(self._opened()) as file:
            if name not in _drafts(file):
                del self._stored[name]
                return True
        return False

    @contextmanager
    def _warning(self) -> Iterator[None]:
        """Warn the user once about an error of the disk."""
        try:
            yield
        except (OSError, sqlite3.Error) as error:
            if not files.is_busy(error):
                self._notices.tell("file_unsaved", self._path, reason=files.reason(error))

    def _opened(self) -> sqlite3.Connection:
        """Open the file. A damaged file is set aside."""
        files.make_folder(self._path.parent)
        try:
            return _open(self._path)
        except (OSError, sqlite3.Error) as error:
            if not files.is_damage(error) or not files.set_aside(
                self._path, files.reason(error), self._notices
            ):
                raise
        return _open(self._path)


class DraftKeeper:
    """Loads the drafts at login and saves them while the user writes."""

    def __init__(
        self, state: ClientState, session: Session, tasks: GuardedTasks, folder: Path, notices: FileNotices
    ) -> None:
        self._state = state
        self._session = session
        self._tasks = tasks
        self._folder = folder
        self._notices = notices
        self._store: DraftStore | None = None  # while an account is logged in
        self._saving: asyncio.Task[None] | None = None

    def open(self) -> None:
        """Load the account's drafts into the state."""
        self._store = DraftStore(self._folder, self._state.username, self._state.server, self._notices)
        for name, text in self._store.load_drafts().items():
            if name in self._state.conversations:
                apply.set_draft(self._state, name, text)

    def unknown_rooms(self) -> set[str]:
        """Return the rooms with a stored draft that the state does not have."""
        names = [] if self._store is None else self._store.names()
        return {name for name in names if name.startswith("#") and name not in self._state.conversations}

    def rename_room(self, former: str, name: str) -> None:
        """Move the draft of a room that was renamed."""
        room = self._state.conversations.find(name)
        if self._store is None or room is None:
            return
        text = self._store.take_draft(former)
        if text and not room.draft:
            apply.set_draft(self._state, room.name, text)
        self.save()

    def input_changed(self, conversation: str, draft: str) -> None:
        """Set a draft, and save all soon; at once if it was sent or deleted, so that it does not reappear."""
        apply.set_draft(self._state, conversation, draft)
        if not draft:
            self.save()
        elif self._saving is None or self._saving.done():
            self._saving = self._tasks.start(self._save_soon())

    def drop_sent(self, name: str) -> bool:
        """Delete a draft that another client of the account has sent. Return whether there was one."""
        chat = self._state.conversations.find(name)
        if self._store is None or chat is None or not chat.draft:
            return False
        recent = chat.timeline.messages[-RECENT_MESSAGES:]
        is_sent = (self._state.username, chat.draft) in {
            (message.username, message.text) for message in recent
        }
        if not (is_sent and self._store.is_deleted(name, chat.draft)):
            return False
        apply.set_draft(self._state, name, "")
        return True

    def claim_draft(self, name: str) -> bool:
        """Claim the right to send the draft of a conversation. Return ``False``, and delete the draft, if
        another client of the account sends it, perhaps while this one is offline.
        """
        chat = self._state.conversations.get(name)
        if self._store is None or chat is None or self._store.claim_draft(name, chat.draft):
            return True
        apply.set_draft(self._state, name, "")
        return False

    def save(self) -> None:
        """Save the drafts, without those that may contain the password."""
        if self._store is not None:
            drafts = {name: chat.draft for name, chat in self._state.conversations.items()}
            password = self._session.password
            secret = {name: "" for name, text in drafts.items() if holds_password(text, password)}
            self._store.save_drafts(drafts | secret)

    def close(self) -> None:
        """Save the drafts; the session of the account ends."""
        self.save()
        self._store = None

    async def _save_soon(self) -> None:
        await asyncio.sleep(SAVE_DELAY)
        self.save()


def _open(path: Path) -> sqlite3.Connection:
    files.make_private_file(path)
    file = sqlite3.connect(path, timeout=0, isolation_level=None)
    try:
        file.execute("PRAGMA synchronous = OFF")  # typing must not wait for the disk
        for statement in _SCHEMA:
            file.execute(statement)
        _drafts(file)
    except sqlite3.Error:
        file.close()
        raise
    return file


def _drafts(file: sqlite3.Connection) -> dict[str, str]:
    """Read all drafts. Raises ``sqlite3.DatabaseError`` for a file of another kind."""
    drafts = dict(file.execute("SELECT conversation, text FROM drafts"))
    if not all(isinstance(part, str) for draft in drafts.items() for part in draft):
        raise sqlite3.DatabaseError("not text")
    return drafts


def _write_changes(file: sqlite3.Connection, changes: Iterable[tuple[str, str]]) -> dict[str, str]:
    """Write drafts. Returns their new ids; that of a deleted one is empty."""
    ids = {}
    file.execute("BEGIN IMMEDIATE")
    for name, text in changes:
        ids[name] = new_cid() if text else ""
        if text:
            file.execute("INSERT OR REPLACE INTO drafts VALUES (?, ?)", (name, text))
            file.execute("INSERT OR REPLACE INTO draft_ids VALUES (?, ?, ?)", (name, text, ids[name]))
        else:
            file.execute("DELETE FROM drafts WHERE conversation = ?", (name,))
    file.execute("COMMIT")
    return ids


def _ensure_ids(file: sqlite3.Connection) -> dict[str, str]:
    """Return the ids of the drafts by conversation. One that an earlier release has stored gets an id."""
    file.execute("BEGIN IMMEDIATE")
    query = "SELECT conversation, text, id FROM drafts LEFT JOIN draft_ids USING (conversation, text)"
    ids = {}
    for name, text, draft_id in file.execute(query).fetchall():
        ids[name] = draft_id or new_cid()
        if draft_id is None:
            file.execute("INSERT OR REPLACE INTO draft_ids VALUES (?, ?, ?)", (name, text, ids[name]))
    file.execute("COMMIT")
    return ids


def _claim(file: sqlite3.Connection, name: str, text: str, draft_id: str) -> bool:
    """Note that a draft is sent, and delete it. Returns whether no other client has done so."""
    now = round(time.time())
    file.execute("BEGIN IMMEDIATE")
    file.execute("DELETE FROM sent_drafts WHERE sent_at < ?", (now - MAX_CLAIM_AGE,))
    claim = file.execute("INSERT OR IGNORE INTO sent_drafts VALUES (?, ?)", (draft_id, now))
    if claim.rowcount:
        file.execute("DELETE FROM drafts WHERE conversation = ? AND text = ?", (name, text))
    file.execute("COMMIT")
    return bool(claim.rowcount)


def holds_password(text: str, password: str) -> bool:
    """Whether a text contains the password, ends with a part of it, or contains ``/passwd``.

    The password is empty, because it is unknown, in a kept login.
    """
    prefixes = (password[:length] for length in range(PASSWORD_PREFIX, len(password)))
    known = bool(password) and password in text
    return "/passwd" in text or known or any(map(text.endswith, prefixes))
