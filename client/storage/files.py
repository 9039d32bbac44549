"""Finds, reads, locks and writes the user's files.

The rules for every file of the client:

* A new version is written to a temporary file, flushed and renamed, so a crash or a full disk leaves the old
  file intact.
* A process changes a file under a lock (``locked``), and writes only its own changes.
* A damaged file is renamed (``client.json.damaged-20261130-150501``), and the client continues without it.
  The user is notified once (``FileNotices``).
* If a file cannot be written, the client continues, and the user is notified once.

Only the user can read the files: folders have the mode 0700, files 0600.
"""

import errno
import os
import sqlite3
import stat
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO, TypeVar

import platformdirs
from filelock import FileLock, Timeout

APP = "chatroom"

LOCK_TIMEOUT = 2.0
"""Seconds to wait for another process that changes the same file, which takes milliseconds."""

DAMAGE_ERRNOS = frozenset({errno.EISDIR, errno.EACCES, errno.EPERM, errno.ELOOP, errno.ENXIO, errno.EEXIST})
"""Errors caused by the file itself, and not by the disk or the process."""

NO_LOCK_ERRNOS = frozenset({errno.ENOLCK, errno.ENOSYS, errno.EOPNOTSUPP, errno.EINVAL})
"""Errors of a file system without locks."""

SQLITE_DAMAGE_CODES = frozenset({sqlite3.SQLITE_ERROR, sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB})
"""The same for SQLite. ``SQLITE_ERROR`` means that a table lacks expected columns."""

SQLITE_SUFFIXES = ("-wal", "-shm", "-journal")
"""Of the files that SQLite writes next to a database."""

Parsed = TypeVar("Parsed")


class FileNotices:
    """Collects notices about files for the user, each once. They wait until a front end listens."""

    def __init__(self) -> None:
        self._reported: set[tuple[str, str]] = set()
        self._waiting: list[tuple[str, dict[str, object]]] = []
        self._listener: Callable[[str, dict[str, object]], None] | None = None

    def tell(self, key: str, path: Path, **facts: object) -> None:
        """Add a notice. ``key`` is its message id; ``path`` and ``facts`` are the parameters."""
        if (key, str(path)) in self._reported:
            return
        self._reported.add((key, str(path)))
        self._waiting.append((key, {"path": str(path), **facts}))
        self._flush()

    def listen(self, listener: Callable[[str, dict[str, object]], None]) -> None:
        """Pass the waiting notices, and all later ones, to ``listener``."""
        self._listener = listener
        self._flush()

    def _flush(self) -> None:
        while self._listener is not None and self._waiting:
            self._listener(*self._waiting.pop(0))


def config_folder(profile: str = "") -> Path:
    """Return the folder of the settings and, without a profile, the known servers."""
    return _profile_folder(Path(platformdirs.user_config_dir(APP)), profile)


def state_folder(profile: str = "") -> Path:
    """Return the folder of the outboxes, the drafts, the kept logins and, without a profile, the log."""
    return _profile_folder(Path(platformdirs.user_state_dir(APP)), profile)


def _profile_folder(folder: Path, profile: str) -> Path:
    return folder / "profiles" / profile if profile else folder


# Reading


class DamagedFile(ValueError):
    """A text file with wrong content. ``rest`` is a text with the valid part of the content."""

    def __init__(self, reason: str, rest: str = "") -> None:
        super().__init__(reason)
        self.rest = rest


def read_text(
    path: Path, parse: Callable[[str], Parsed], notices: FileNotices, *, errors: str = "strict"
) -> Parsed | None:
    """Read and parse a text file. Return ``None`` if it does not exist.

    ``parse`` raises ``ValueError`` for a damaged text. A damaged file is set aside and replaced by its valid
    part (``DamagedFile.rest``).
    """
    try:
        return _read_and_parse(path, parse, errors)
    except (OSError, ValueError, RecursionError) as error:
        if _is_missing(error):
            return None
    with suppress(OSError), locked(path):
        return read_locked(path, parse, notices, errors=errors)
    return read_locked(path, parse, notices, errors=errors)  # the folder is read-only


def read_strictly(path: Path, parse: Callable[[str], Parsed]) -> Parsed | None:
    """As ``read_text``, but never change a damaged file: raises ``OSError`` or ``ValueError`` instead."""
    try:
        return _read_and_parse(path, parse, "strict")
    except OSError as error:
        if _is_missing(error):
            return None
        raise


def read_locked(
    path: Path, parse: Callable[[str], Parsed], notices: FileNotices, *, errors: str = "strict"
) -> Parsed | None:
    """As ``read_text``, for a caller that holds the lock."""
    try:
        return _read_and_parse(path, parse, errors)
    except (OSError, ValueError, RecursionError) as error:
        if _is_missing(error):
            return None
        if not is_damage(error):
            notices.tell("file_unreadable", path, reason=reason(error))
            return None
        is_free = set_aside(path, reason(error), notices)
        rest = error.rest if isinstance(error, DamagedFile) else ""
    if is_free and rest:
        with suppress(OSError):
            replace_text(path, rest)
    return parse(rest) if rest else None


def _read_and_parse(path: Path, parse: Callable[[str], Parsed], errors: str) -> Parsed:
    return parse(_read_bytes(path).decode("utf-8-sig", errors=errors))


def _read_bytes(path: Path) -> bytes:
    """Read a regular file. Never waits for a pipe or a device."""
    descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0))
    with open(descriptor, "rb") as file:
        mode = os.fstat(file.fileno()).st_mode
        if not (stat.S_ISREG(mode) or stat.S_ISCHR(mode)):  # a user may link a file to /dev/null
            raise _not_regular(path)
        return file.read() if stat.S_ISREG(mode) else b""


def _is_missing(error: Exception) -> bool:
    return isinstance(error, FileNotFoundError | NotADirectoryError)


def is_damage(error: Exception) -> bool:
    """Whether an error means that a file is damaged, and not that the disk is full or the file in use."""
    if isinstance(error, OSError):
        return error.errno in DAMAGE_ERRNOS
    if isinstance(error, sqlite3.Error):
        code = getattr(error, "sqlite_errorcode", None)  # None for a text that is not UTF-8
        return code is None or code & 0xFF in SQLITE_DAMAGE_CODES
    return True


def is_busy(error: Exception) -> bool:
    """Whether another process has locked the file."""
    code: int = getattr(error, "sqlite_errorcode", None) or 0
    return code & 0xFF in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED)


def reason(error: Exception) -> str:
    """Return the reason of an error without the path, which the notice contains anyway."""
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    return "not UTF-8" if isinstance(error, UnicodeError) else str(error) or type(error).__name__


# Setting aside


def set_aside(path: Path, cause: str, notices: FileNotices) -> bool:
    """Rename a damaged file and the files of SQLite next to it. Return whether the path is free now."""
    aside = _free_name(path)
    try:
        path.rename(aside)
    except FileNotFoundError:
        return True
    except OSError as error:
        notices.tell("file_unreadable", path, reason=f"{cause}; {reason(error)}")
        return False
    for suffix in SQLITE_SUFFIXES:
        with suppress(OSError):
            path.with_name(path.name + suffix).rename(aside.with_name(aside.name + suffix))
    notices.tell("file_damaged", path, reason=cause, aside=aside.name)
    return True


def _free_name(path: Path) -> Path:
    name = f"{path.name}.damaged-{time.strftime('%Y%m%d-%H%M%S')}"
    names = (name, *(f"{name}-{number}" for number in range(2, 100)))
    return next(free for other in names if not os.path.lexists(free := path.with_name(other)))


# Writing


def make_folder(path: Path) -> None:
    """Create a folder and its parents with the mode 0700."""
    if not path.parent.exists():
        make_folder(path.parent)
    path.mkdir(mode=0o700, exist_ok=True)


def make_private_file(path: Path) -> None:
    """Create an empty file if it is missing: SQLite would make it readable to others. Raises ``OSError``."""
    if path.is_symlink() and not path.exists():
        raise OSError(errno.ELOOP, "Symlink to nowhere", str(path))
    if os.path.exists(path) and not path.is_file():
        raise _not_regular(path)
    os.close(os.open(path, os.O_RDWR | os.O_CREAT, 0o600))


def _not_regular(path: Path) -> OSError:
    return FileExistsError(errno.EEXIST, "Not a regular file", str(path))


@contextmanager
def locked(path: Path) -> Iterator[None]:
    """Lock a file against changes by other processes, with a lock file next to it. Raises ``OSError``."""
    make_folder(path.parent)
    lock = path.with_name(f"{path.name}.lock")
    file_lock = _acquire(lock)
    try:
        yield
    finally:
        if file_lock is not None:
            file_lock.release()


def _acquire(lock: Path) -> FileLock | None:
    """Return the acquired lock, ``None`` on a file system without locks. A damaged lock file is replaced."""
    for attempt in range(2):
        file_lock = FileLock(lock, timeout=LOCK_TIMEOUT, mode=0o600, thread_local=False)
        try:
            file_lock.acquire()
        except Timeout:
            raise OSError(errno.EBUSY, "In use by another process", str(lock)) from None
        except NotImplementedError:
            return None
        except OSError as error:
            if error.errno in NO_LOCK_ERRNOS:
                return None
            if attempt or error.errno not in DAMAGE_ERRNOS or not _set_lock_aside(lock):
                raise
        else:
            return file_lock
    return None


def _set_lock_aside(lock: Path) -> bool:
    """Rename a damaged lock file. The user is not notified, because a lock file has no content."""
    try:
        lock.rename(_free_name(lock))
    except OSError:
        return False
    return True


def replace_text(path: Path, text: str) -> None:
    """Replace the content of a text file. On ``OSError``, the old file is unchanged."""
    make_folder(path.parent)
    with replacing_file(path) as file:
        file.write(text.encode(errors="backslashreplace"))


@contextmanager
def replacing_file(path: Path) -> Iterator[BinaryIO]:
    """Open a temporary file in the same folder that replaces ``path`` at the end, unless an error is raised.

    It is flushed to disk before it is renamed. A symbolic link is replaced, and its target is not written. A
    device or a pipe is not replaced: that raises ``OSError``.
    """
    if path.exists() and not (path.is_file() or path.is_symlink()):
        raise _not_regular(path)
    descriptor, name = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)  # 0600
    try:
        with open(descriptor, "wb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        os.replace(name, path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise
