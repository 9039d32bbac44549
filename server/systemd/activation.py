"""Listening sockets that the service manager has opened and passes on, see sd_listen_fds(3)."""

import os
import socket
from collections.abc import Iterable, MutableMapping

FIRST_DESCRIPTOR = 3
VARIABLES = ("LISTEN_PID", "LISTEN_FDS", "LISTEN_FDNAMES")


def take_passed_sockets(environment: MutableMapping[str, str]) -> list[socket.socket]:
    """Return the passed sockets, once: the variables are removed. Children do not inherit the sockets."""
    pid, count, _ = (environment.pop(variable, "") for variable in VARIABLES)
    if pid != str(os.getpid()) or not (count.isascii() and count.isdecimal()):
        return []
    return adopt_sockets(range(FIRST_DESCRIPTOR, FIRST_DESCRIPTOR + int(count)))


def adopt_sockets(descriptors: Iterable[int]) -> list[socket.socket]:
    """Return inherited listening sockets. Children do not inherit them."""
    sockets = [socket.socket(fileno=descriptor) for descriptor in descriptors]
    for listening in sockets:
        listening.setblocking(False)
        listening.set_inheritable(False)
    return sockets
