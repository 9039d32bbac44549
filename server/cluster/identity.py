"""The id of this server process in the database: another one at each start.

Files in the data folder keep the ids of the processes that ran before. While a process runs, it holds a lock
on its file. So its successor knows which ones have ended, and takes over their accounts at once. Several
processes with one data folder use several files.
"""

import hashlib
import secrets
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path

from filelock import FileLock, Timeout

from chatroom.db import files

ID_BYTES = 32


@dataclass(frozen=True, slots=True)
class ServerIdentity:
    """The id of this process, and the ids of processes with the same data folder that have ended."""

    id: bytes
    earlier: frozenset[bytes] = frozenset()
    lock: FileLock | None = field(default=None, repr=False)  # held for as long as this object exists


LONE_ID = hashlib.sha256(b"'alone'").digest()  # as in earlier releases
LONE_IDENTITY = ServerIdentity(LONE_ID, frozenset({LONE_ID}))
"""The only process on a SQLite file, which has a lock of its own."""


def claim_identity(folder: Path) -> ServerIdentity:
    """Return a new identity. In a folder that cannot be written, the earlier processes stay unknown."""
    new, earlier, own = secrets.token_bytes(ID_BYTES), set[bytes](), None
    try:
        files.make_folder(folder)
        for number in count():
            file = folder / f"process-{number}"
            if own is not None and not file.exists():
                break
            lock = _try_lock(file)
            if lock is None:
                continue  # that process runs
            earlier |= _read_id(file)
            if own is None:
                own = lock
                files.write(file, new)
            else:
                lock.release()
    except (OSError, NotImplementedError):  # the latter: a file system without locks
        pass
    return ServerIdentity(new, frozenset(earlier), own)


def _try_lock(file: Path) -> FileLock | None:
    lock = FileLock(f"{file}.lock", timeout=0, mode=0o600, thread_local=False)
    try:
        lock.acquire()
    except Timeout:
        return None
    return lock


def _read_id(file: Path) -> set[bytes]:
    content = file.read_bytes() if file.exists() else b""
    return {content} if len(content) == ID_BYTES else set()
