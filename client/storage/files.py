"""The user's own files: where they are, and how they are read, locked and written.

The rules for every file that the client keeps:

* It is written beside, flushed and renamed, so a crash or a full disk leaves the old one.
* It is changed under a lock (``locked``), and only by what this process has changed.
* A damaged one is set aside under another name (``client.json.damaged-20261130-150501``), and the user is
  told once (``FileNotices``). The client goes on without it.
* A disk that takes nothing costs the change and no more; that is told once, too.

Everything here is for the user's eyes alone: folders are made 0700, files 0600.
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

LOCK_WAIT = 2.0
"""Seconds to wait for another process that changes the same file, which takes it milliseconds."""

DAMAGES = frozenset({errno.EISDIR, errno.EACCES, errno.EPERM, errno.ELOOP, errno.ENXIO, errno.EEXIST})
"""Errors that say what stands at a path, and not how the disk or the process is doing."""

UNLOCKABLE = frozenset({errno.ENOLCK, errno.ENOSYS, errno.EOPNOTSUPP, errno.EINVAL})
"""Errors of a file system that knows no locks."""

SQLITE_DAMAGES = frozenset({sqlite3.SQLITE_ERROR, sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB})
"""The same of SQLite; ``SQLITE_ERROR`` is a table that lacks our columns."""

COMPANIONS = ("-wal", "-shm", "-journal")
"""What SQLite keeps beside a file."""

Parsed = TypeVar("Parsed")


class FileNotices:
    """What the user is to be told about files, each thing once. It waits until a front end listens."""

    def __init__(self) -> None:
        self._told: set[tuple[str, str]] = set()
        self._waiting: list[tuple[str, dict[str, object]]] = []
        self._listener: Callable[[str, dict[str, object]], None] | None = None

    def tell(self, key: str, path: Path, **facts: object) -> None:
        """``key`` names the words; the path is one of their facts."""
        if (key, str(path)) in self._told:
            return
        self._told.add((key, str(path)))
        self._waiting.append((key, {"path": str(path), **facts}))
        self._flush()

    def listen(self, listener: Callable[[str, dict[str, object]], None]) -> None:
        """Tell what waits, and from now on whatever comes."""
        self._listener = listener
        self._flush()

    def _flush(self) -> None:
        while self._listener is not None and self._waiting:
            self._listener(*self._waiting.pop(0))


def config_folder() -> Path:
    """Where settings and known certificates live."""
    return Path(platformdirs.user_config_dir(APP))


def state_folder() -> Path:
    """Where outboxes and drafts live."""
    return Path(platformdirs.user_state_dir(APP))


# Reading


class Damaged(ValueError):
    """A text that no client has written. ``rest`` is what is still good of it, as a text of its own."""

    def __init__(self, why: str, rest: str = "") -> None:
        super().__init__(why)
        self.rest = rest


def read_text(
    path: Path, parse: Callable[[str], Parsed], notices: FileNotices, *, errors: str = "strict"
) -> Parsed | None:
    """What a kept text file holds, or ``None`` if there is no such file.

    ``parse`` raises ``ValueError`` for a damaged text. A damaged file is set aside, and what is good of it
    (``Damaged.rest``) takes its place.
    """
    try:
        return _parsed(path, parse, errors)
    except (OSError, ValueError, RecursionError) as error:
        if _is_missing(error):
            return None
    with suppress(OSError), locked(path):
        return read_locked(path, parse, notices, errors=errors)
    return read_locked(path, parse, notices, errors=errors)  # a folder in which nothing can be changed


def read_strictly(path: Path, parse: Callable[[str], Parsed]) -> Parsed | None:
    """``read_text`` for a file that stays as it is, however damaged. Raises ``OSError`` or ``ValueError``."""
    try:
        return _parsed(path, parse, "strict")
    except OSError as error:
        if _is_missing(error):
            return None
        raise


def read_locked(
    path: Path, parse: Callable[[str], Parsed], notices: FileNotices, *, errors: str = "strict"
) -> Parsed | None:
    """``read_text``, for whoever holds the lock."""
    try:
        return _parsed(path, parse, errors)
    except (OSError, ValueError, RecursionError) as error:
        if _is_missing(error):
            return None
        if not is_damage(error):
            notices.tell("file_unreadable", path, reason=reason(error))
            return None
        free = set_aside(path, reason(error), notices)
        rest = error.rest if isinstance(error, Damaged) else ""
    if free and rest:
        with suppress(OSError):
            replace_text(path, rest)
    return parse(rest) if rest else None


def _parsed(path: Path, parse: Callable[[str], Parsed], errors: str) -> Parsed:
    return parse(_bytes(path).decode("utf-8-sig", errors=errors))


def _bytes(path: Path) -> bytes:
    """What a regular file holds. A pipe or a device is not waited for."""
    descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0))
    with open(descriptor, "rb") as file:
        mode = os.fstat(file.fileno()).st_mode
        if not (stat.S_ISREG(mode) or stat.S_ISCHR(mode)):  # some link a file to /dev/null, and mean it
            raise _not_regular(path)
        return file.read() if stat.S_ISREG(mode) else b""


def _is_missing(error: Exception) -> bool:
    return isinstance(error, FileNotFoundError | NotADirectoryError)


def is_damage(error: Exception) -> bool:
    """Whether an error says that a file is damaged, and not that a disk is full or a file in use."""
    if isinstance(error, OSError):
        return error.errno in DAMAGES
    if isinstance(error, sqlite3.Error):
        code = getattr(error, "sqlite_errorcode", None)  # none: a text that is no UTF-8
        return code is None or code & 0xFF in SQLITE_DAMAGES
    return True


def is_busy(error: Exception) -> bool:
    """Whether another process has the file, or is writing it."""
    code: int = getattr(error, "sqlite_errorcode", None) or 0
    return code & 0xFF in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED)


def reason(error: Exception) -> str:
    """Why something failed, without the path, which is told anyway."""
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    return "not UTF-8" if isinstance(error, UnicodeError) else str(error) or type(error).__name__


# Setting aside


def set_aside(path: Path, why: str, notices: FileNotices) -> bool:
    """Give a damaged file, with what SQLite keeps beside it, another name. Says whether the path is free."""
    aside = _free_name(path)
    try:
        path.rename(aside)
    except FileNotFoundError:
        return True
    except OSError as error:
        notices.tell("file_unreadable", path, reason=f"{why}; {reason(error)}")
        return False
    for suffix in COMPANIONS:
        with suppress(OSError):
            path.with_name(path.name + suffix).rename(aside.with_name(aside.name + suffix))
    notices.tell("file_damaged", path, reason=why, aside=aside.name)
    return True


def _free_name(path: Path) -> Path:
    name = f"{path.name}.damaged-{time.strftime('%Y%m%d-%H%M%S')}"
    names = (name, *(f"{name}-{number}" for number in range(2, 100)))
    return next(aside for each in names if not os.path.lexists(aside := path.with_name(each)))


# Writing


def make_folder(path: Path) -> None:
    if not path.parent.exists():
        make_folder(path.parent)
    path.mkdir(mode=0o700, exist_ok=True)


def make_private_file(path: Path) -> None:
    """An empty file, if there is none: SQLite by itself would let others read it. Raises ``OSError``."""
    if path.is_symlink() and not path.exists():
        raise OSError(errno.ELOOP, "Symlink to nowhere", str(path))
    if os.path.exists(path) and not path.is_file():
        raise _not_regular(path)
    os.close(os.open(path, os.O_RDWR | os.O_CREAT, 0o600))


def _not_regular(path: Path) -> OSError:
    return FileExistsError(errno.EEXIST, "Not a regular file", str(path))


@contextmanager
def locked(path: Path) -> Iterator[None]:
    """Keep other processes from changing a file. They find the lock beside it. Raises ``OSError``."""
    make_folder(path.parent)
    lock = path.with_name(f"{path.name}.lock")
    held = _acquired(lock)
    try:
        yield
    finally:
        if held is not None:
            held.release()


def _acquired(lock: Path) -> FileLock | None:
    """``None`` where the file system knows no locks. A lock file of no use is replaced."""
    for attempt in range(2):
        held = FileLock(lock, timeout=LOCK_WAIT, mode=0o600, thread_local=False)
        try:
            held.acquire()
        except Timeout:
            raise OSError(errno.EBUSY, "In use by another process", str(lock)) from None
        except NotImplementedError:
            return None
        except OSError as error:
            if error.errno in UNLOCKABLE:
                return None
            if attempt or error.errno not in DAMAGES or not _moved(lock):
                raise
        else:
            return held
    return None


def _moved(lock: Path) -> bool:
    """There is nothing in a lock file that anybody could miss, so it is not told of."""
    try:
        lock.rename(_free_name(lock))
    except OSError:
        return False
    return True


def replace_text(path: Path, text: str) -> None:
    """Write a whole text file. Raises ``OSError``, and then the old one stands as it was."""
    make_folder(path.parent)
    with replacing_file(path) as file:
        file.write(text.encode(errors="backslashreplace"))


@contextmanager
def replacing_file(path: Path) -> Iterator[BinaryIO]:
    """A new file in the same folder that takes the path's place at the end, unless something is raised.

    It is flushed to disk before it is renamed. If a symlink stands at the path, the link is replaced and
    nothing is written to where it leads. A device or a pipe is not replaced, that is an ``OSError`` too.
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
