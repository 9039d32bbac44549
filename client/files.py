"""The user's own files: where they are, and how they are written so that a crash or a full disk leaves the
old one.

Everything here is for the user's eyes alone: folders are made 0700, files 0600.
"""

import errno
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

import platformdirs

APP = "chatroom"


def config_folder() -> Path:
    """Where settings and known certificates live."""
    return Path(platformdirs.user_config_dir(APP))


def state_folder() -> Path:
    """Where outboxes and drafts live."""
    return Path(platformdirs.user_state_dir(APP))


def read(path: Path) -> str:
    """What stands in a text file; nothing if it is not there or cannot be read."""
    try:
        return path.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""


def make_folder(path: Path) -> None:
    if not path.parent.exists():
        make_folder(path.parent)
    path.mkdir(mode=0o700, exist_ok=True)


def make(path: Path) -> None:
    """An empty file, if there is none: SQLite by itself would let others read it."""
    os.close(os.open(path, os.O_RDWR | os.O_CREAT, 0o600))


def replace(path: Path, text: str) -> None:
    """Write a whole text file. Raises ``OSError``, and then the old one stands as it was."""
    make_folder(path.parent)
    with beside(path) as file:
        file.write(text.encode())


@contextmanager
def beside(path: Path) -> Iterator[BinaryIO]:
    """A new file in the same folder that takes the path's place at the end, unless something is raised.

    It is flushed to disk before it is renamed. If a symlink stands at the path, the link is replaced and
    nothing is written to where it leads. A device or a pipe is not replaced, that is an ``OSError`` too.
    """
    if path.exists() and not (path.is_file() or path.is_symlink()):
        raise FileExistsError(errno.EEXIST, "Not a regular file")
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
