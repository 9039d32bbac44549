"""Files in the server's data folder: written atomically, changed under a lock, readable by their owner only.

``client.storage.files`` does the same for the client.
"""

import logging
import os
import secrets
import stat
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from filelock import FileLock, Timeout

log = logging.getLogger(__name__)

FILE_LOCK_SECONDS = 10.0
"""Time to wait for another process that creates the same file; a certificate takes milliseconds."""


@contextmanager
def locked(path: Path) -> Iterator[None]:
    """Hold a lock against other processes that create or replace this file. Raises ``OSError``."""
    make_folder(path.parent)
    lock = FileLock(f"{path}.lock", timeout=FILE_LOCK_SECONDS, mode=0o600, thread_local=False)
    try:
        lock.acquire()
    except Timeout:
        raise TimeoutError(f"{lock.lock_file} is locked by another process") from None
    try:
        yield
    finally:
        lock.release()


def make_folder(path: Path) -> None:
    path.mkdir(mode=0o700, parents=True, exist_ok=True)


def create(path: Path) -> None:
    """Create an empty private file and its folder if they are missing. Raises ``OSError``."""
    make_folder(path.parent)
    os.close(os.open(path, os.O_RDWR | os.O_CREAT, 0o600))
    make_private(path)


def make_private(path: Path) -> None:
    """Remove the permissions of other users from a file, for example one restored from a backup."""
    mode = stat.S_IMODE(path.stat().st_mode)
    if mode & 0o077:
        try:
            path.chmod(mode & 0o700)
        except OSError as error:
            log.warning(
                "other users may read or write %s, and that cannot be changed: %s", path, error.strerror
            )
        else:
            log.warning("other users could read or write %s (mode %o); now they cannot", path, mode)


def warn_if_open(path: Path, permissions: int) -> None:
    """Log if other users have any of these permissions for a file or folder that belongs to the operator."""
    with suppress(OSError):
        mode = stat.S_IMODE(path.stat().st_mode)
        if mode & permissions:
            log.warning("other users may read or change %s (mode %o): remove their permissions", path, mode)


def write(path: Path, content: bytes) -> None:
    """Write a private file atomically and flush it to the disk. Raises ``OSError``."""
    make_folder(path.parent)
    temporary = path.with_name(f"{path.name}.{secrets.token_hex(4)}")
    try:
        with open(os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as draft:
            draft.write(content)
            draft.flush()
            os.fsync(draft.fileno())
        temporary.replace(path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
    sync_folder(path.parent)


def set_aside(path: Path) -> Path:
    """Rename a damaged file and return its new path. Raises ``OSError``."""
    aside = path.with_name(f"{path.name}.damaged-{time.strftime('%Y%m%d-%H%M%S')}")
    return path.rename(aside)


def sync_folder(folder: Path) -> None:
    """Flush the folder entry to the disk, where the file system supports that."""
    with suppress(OSError):
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


FileNumber = tuple[int, int]
"""Device and inode of a file."""


def _file_number(path: Path) -> FileNumber | None:
    try:
        status = os.stat(path)
    except OSError:
        return None
    return status.st_dev, status.st_ino


class DatabaseFile:
    """A SQLite file and its write-ahead log, which must stay where they are while they are open: what is
    committed to a file that was moved or deleted is lost at the end of the process.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._file = _file_number(path)
        self._log: FileNumber | None = None

    def is_in_place(self) -> bool:
        log = _file_number(self.path.with_name(f"{self.path.name}-wal"))
        if _file_number(self.path) != self._file or (self._log is not None and log != self._log):
            return False
        self._log = log
        return True

    def forget_log(self) -> None:
        """All connections were closed: SQLite makes a new log."""
        self._log = None
