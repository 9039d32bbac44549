"""Where connections come in. Each counts for its address from the moment in which the system hands it over,
before anything is spent on it. The counterparts are ``limits.Doorkeeper``, who decides, and ``connection``.

The event loop's own servers will not do: of a connection with TLS they tell only after its handshake, so that
one that never finishes it would count for nobody; and with no file descriptor left they hang up on everybody,
or end for good.
"""

import asyncio
import errno
import logging
import math
import resource
import socket
import ssl
import time
from collections.abc import Callable
from functools import partial

from chatroom.db import background
from chatroom.protocol.errors import TooManyConnections
from chatroom.server.net.limits import MINUTE, Doorkeeper

log = logging.getLogger(__name__)

BACKLOG = 1024
"""Connections that may wait to be accepted: a class logs in at the same minute."""

AT_ONCE = 64
"""Connections that are accepted before those who are here have their turn."""

RESERVE = 16
"""File descriptors that no connection gets: the database opens its own when there is much to do."""

REST = 1.0
"""Seconds until it is tried again to accept what the system could not give."""

NOT_HERE = {errno.EAFNOSUPPORT, errno.EADDRNOTAVAIL}
"""Why an address cannot be listened on that a name stands for: this machine has no IPv6, for one."""

Open = Callable[[TooManyConnections | None, Callable[[], None]], asyncio.Protocol]
"""Makes the protocol of a connection from why it may not come in, if so, and what to call when it is gone."""


class ConnectionListener:
    """Takes connections on sockets that ``bind_sockets`` made, from ``start`` to ``close``.

    ``tls`` tells the context for a new connection; ``handshake_timeout`` is in seconds, 0 for any time.
    """

    def __init__(
        self,
        sockets: list[socket.socket],
        door: Doorkeeper,
        open: Open,
        *,
        tls: Callable[[], ssl.SSLContext] | None,
        handshake_timeout: float,
    ) -> None:
        self._sockets = sockets
        self._door = door
        self._open = open
        self._tls = tls
        self._handshake_timeout = (handshake_timeout or math.inf) if tls else None
        self._loop = asyncio.get_running_loop()
        self._arriving: set[asyncio.Task[None]] = set()
        self._resting: asyncio.TimerHandle | None = None
        self._told = -math.inf  # when it was last in the log that there are no more file descriptors

    @property
    def address(self) -> tuple[str, int]:
        """The host and port of the first socket."""
        host, port, *_ = self._sockets[0].getsockname()
        return host, port

    def start(self) -> None:
        for listening in self._sockets:
            self._loop.add_reader(listening.fileno(), self._accept_connections, listening)

    def close(self) -> None:
        """Let nobody in any more, not even those who still shake hands. Whoever is in stays."""
        self._stop_accepting()
        if self._resting is not None:
            self._resting.cancel()
        for arriving in self._arriving:
            arriving.cancel()
        for listening in self._sockets:
            listening.close()

    def _stop_accepting(self) -> None:
        for listening in self._sockets:
            self._loop.remove_reader(listening.fileno())

    def _accept_connections(self, listening: socket.socket) -> None:
        for _ in range(AT_ONCE):
            try:
                connected, peer = listening.accept()
            except (BlockingIOError, InterruptedError, ConnectionAbortedError):
                return
            except OSError as error:
                self._pause_accepting(error)
                return
            if connected.fileno() >= _most_files() - RESERVE:  # the system gives the lowest number there is
                connected.close()
                self._log_problem("hardly a file descriptor is left: nobody is let in until somebody leaves")
            else:
                self._admit_socket(connected, str(peer[0]))

    def _pause_accepting(self, error: OSError) -> None:
        """What cannot be accepted waits in the system's queue; asking for it all the time gives nobody
        anything."""
        self._log_problem(f"nobody can be let in: {error.strerror}")
        self._stop_accepting()
        self._resting = self._loop.call_later(REST, self.start)

    def _log_problem(self, what: str) -> None:
        now = time.monotonic()
        if now - self._told >= MINUTE:
            self._told = now
            log.warning("%s", what)

    def _admit_socket(self, connected: socket.socket, address: str) -> None:
        now = time.monotonic()
        wait = self._door.admit_connection(address, now)
        if wait is None:
            self._begin_connection(connected, None, partial(self._door.release_connection, address))
        elif self._door.may_send_refusal(address):
            refusal = TooManyConnections(retry_after=round(wait, 3))
            self._begin_connection(connected, refusal, partial(self._door.refusal_sent, address))
        else:
            connected.close()

    def _begin_connection(
        self, connected: socket.socket, refusal: TooManyConnections | None, gone: Callable[[], None]
    ) -> None:
        arriving = background.start_task(self._loop, self._open_connection(connected, refusal, gone))
        self._arriving.add(arriving)
        arriving.add_done_callback(self._arriving.discard)

    async def _open_connection(
        self, connected: socket.socket, refusal: TooManyConnections | None, gone: Callable[[], None]
    ) -> None:
        """Make a connection of a socket, after the handshake if there is to be one."""
        try:
            connected.setblocking(False)
            await self._loop.connect_accepted_socket(
                partial(self._open, refusal, gone),
                connected,
                ssl=self._tls() if self._tls else None,
                ssl_handshake_timeout=self._handshake_timeout,
            )
        except (OSError, asyncio.CancelledError):  # it was no TLS, took too long, or the server ends
            gone()
            connected.close()
        except Exception:  # a mistake of ours must not count for the address for ever
            gone()
            connected.close()
            raise


async def bind_sockets(host: str, port: int) -> list[socket.socket]:
    """Sockets for every address that a host's name stands for (an empty one or ``::`` for all there are, IPv4
    too), all with one port. Raises ``OSError``, and ``UnicodeError`` for what can be no name."""
    name = None if host in ("", "::") else host
    found = await asyncio.get_running_loop().getaddrinfo(
        name, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
    )
    found.sort(key=lambda entry: entry[4][0] != host)  # the first one is announced
    sockets: list[socket.socket] = []
    missing: OSError | None = None
    try:
        for family, _, _, _, address in dict.fromkeys(found):
            try:
                sockets.append(_bind_address(family, (address[0], port, *address[2:])))
            except OSError as error:
                if error.errno not in NOT_HERE:
                    raise
                missing = error
            else:
                port = sockets[0].getsockname()[1]
        if missing is not None and not sockets:
            raise missing
    except OSError:
        for one in sockets:
            one.close()
        raise
    return sockets


def _bind_address(family: int, address: tuple[str | int, ...]) -> socket.socket:
    listening = socket.create_server(address, family=family, backlog=BACKLOG)
    listening.setblocking(False)
    return listening


def allow_many_files() -> None:
    """Take as many file descriptors as we may have: what a process begins with is often not enough for a
    school."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))


def _most_files() -> float:
    """How many file descriptors this process may have."""
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return math.inf if soft == resource.RLIM_INFINITY else soft
