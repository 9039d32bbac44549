"""Bind Unix sockets: their mode is right from the start, and the file of a dead server is replaced."""

import logging
import os
import socket
from pathlib import Path

from chatroom.db import files

log = logging.getLogger(__name__)

PRIVATE = 0o600
ALL_USERS = 0o666
"""For sockets with a login. The folder of the socket may limit who reaches it."""


def bind_unix_socket(file: Path, mode: int, *, purpose: str) -> socket.socket:
    """Return a bound socket. A stale socket file is replaced; another file is renamed. Raises ``OSError``,
    also if another server listens there, for the same ``purpose``."""
    with files.locked(file):
        if is_served(file):
            raise OSError(f"another server {purpose} at {file}")
        _remove_stale_socket(file)
        return _open_socket(file, mode)


def _remove_stale_socket(file: Path) -> None:
    if file.is_socket():
        file.unlink()
    elif os.path.lexists(file):
        log.warning("%s is not a socket; renamed to %s", file, files.set_aside(file).name)


def _open_socket(file: Path, mode: int) -> socket.socket:
    listening = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    mask = os.umask(0o777 & ~mode)  # right from the start; a chmod would be too late
    try:
        listening.bind(str(file))
    except OSError:
        listening.close()
        raise
    finally:
        os.umask(mask)
    return listening


def is_served(file: Path) -> bool:
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        return probe.connect_ex(str(file)) == 0
