"""Accept connections. ``limits.Doorkeeper`` admits each one, by its address, before anything is spent on it.

The servers of asyncio and uvloop do not fit. They report a TLS connection only after its handshake, so one
that never finishes it would not be counted. Without free file descriptors they close every connection, or
stop.
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
from chatroom.server.net.event_log import EventThrottle, log_event
from chatroom.server.net.limits import MINUTE, Doorkeeper

log = logging.getLogger(__name__)

BACKLOG = 1024
"""Connections that may wait to be accepted, for many users who log in at the same time."""

ACCEPTS_PER_TICK = 64
"""Connections accepted in a row before the event loop continues."""

RESERVED_FILES = 16
"""File descriptors that are kept free of connections, for the database under load."""

MACOS_OPEN_MAX = 10_240
"""The most open files that macOS grants a process whose hard limit is unlimited."""

RETRY_SECONDS = 1.0
"""Seconds until accepting is retried after an error."""

ADDRESS_ERRORS = {errno.EAFNOSUPPORT, errno.EADDRNOTAVAIL}
"""Errors of an address that this machine does not have, for example without IPv6."""

Open = Callable[[TooManyConnections | None, Callable[[], None]], asyncio.Protocol]
"""Creates a connection's protocol from the refusal, if it is refused, and a callback for when it is
closed."""


class ConnectionListener:
    """Accepts connections on the sockets of ``bind_sockets``, from ``start`` to ``close``.

    ``tls`` returns the context for a new connection; ``handshake_timeout`` is in seconds, 0 for no limit.
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
        self._events = EventThrottle(self._loop)
        self._arriving: set[asyncio.Task[None]] = set()
        self._retry: asyncio.TimerHandle | None = None
        self._logged_at = -math.inf  # when a problem was last logged

    @property
    def address(self) -> tuple[str, int]:
        """The host and port of the first socket."""
        host, port, *_ = self._sockets[0].getsockname()
        return host, port

    def start(self) -> None:
        for listening in self._sockets:
            self._loop.add_reader(listening.fileno(), self._accept_connections, listening)

    def close(self) -> None:
        """Stop accepting and cancel open handshakes. Established connections stay."""
        self._stop_accepting()
        if self._retry is not None:
            self._retry.cancel()
        for arriving in self._arriving:
            arriving.cancel()
        for listening in self._sockets:
            listening.close()

    def _stop_accepting(self) -> None:
        for listening in self._sockets:
            self._loop.remove_reader(listening.fileno())

    def _accept_connections(self, listening: socket.socket) -> None:
        for _ in range(ACCEPTS_PER_TICK):
            try:
                connected, peer = listening.accept()
            except (BlockingIOError, InterruptedError, ConnectionAbortedError):
                return
            except OSError as error:
                self._pause_accepting(error)
                return
            if connected.fileno() >= _file_limit() - RESERVED_FILES:  # the lowest free number
                connected.close()
                self._log_problem("too few file descriptors: new connections are refused until others close")
            else:
                self._admit_socket(connected, str(peer[0]))

    def _pause_accepting(self, error: OSError) -> None:
        """Pause after an error, while connections wait in the system's queue; retrying at once would only
        burn CPU."""
        self._log_problem(f"cannot accept connections: {error.strerror}")
        self._stop_accepting()
        self._retry = self._loop.call_later(RETRY_SECONDS, self.start)

    def _log_problem(self, problem: str) -> None:
        now = time.monotonic()
        if now - self._logged_at >= MINUTE:
            self._logged_at = now
            log.warning("%s", problem)

    def _admit_socket(self, connected: socket.socket, address: str) -> None:
        now = time.monotonic()
        wait = self._door.admit_connection(address, now)
        if wait is None:
            self._begin_connection(connected, address, None, self._door.release_connection)
            return
        self._events.log_event(
            logging.WARNING, "connection_refused", address, {"code": TooManyConnections.code}
        )
        if self._door.may_send_refusal(address):
            refusal = TooManyConnections(retry_after=round(wait, 3))
            self._begin_connection(connected, address, refusal, self._door.refusal_sent)
        else:
            connected.close()

    def _begin_connection(
        self,
        connected: socket.socket,
        address: str,
        refusal: TooManyConnections | None,
        uncount: Callable[[str], None],
    ) -> None:
        opening = self._open_connection(connected, address, refusal, partial(uncount, address))
        arriving = background.start_task(self._loop, opening)
        self._arriving.add(arriving)
        arriving.add_done_callback(self._arriving.discard)

    async def _open_connection(
        self,
        connected: socket.socket,
        address: str,
        refusal: TooManyConnections | None,
        on_close: Callable[[], None],
    ) -> None:
        """Create the connection of a socket, after the TLS handshake if there is one."""
        try:
            connected.setblocking(False)
            await self._loop.connect_accepted_socket(
                partial(self._open, refusal, on_close),
                connected,
                ssl=self._tls() if self._tls else None,
                ssl_handshake_timeout=self._handshake_timeout,
            )
        except (OSError, asyncio.CancelledError) as error:  # no TLS, a handshake timeout, or a shutdown
            log_event(logging.DEBUG, "handshake_failed", {"address": address, "error": str(error)})
            on_close()
            connected.close()
        except Exception:  # a bug must not leave the address counted for ever
            on_close()
            connected.close()
            raise


async def bind_sockets(host: str, port: int) -> list[socket.socket]:
    """Return listening sockets for every address of a host, all on one port. An empty host or ``::`` means
    all addresses, IPv4 too. Raises ``OSError``, and ``UnicodeError`` for an invalid host name."""
    name = None if host in ("", "::") else host
    addresses = await asyncio.get_running_loop().getaddrinfo(
        name, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
    )
    addresses.sort(key=lambda entry: entry[4][0] != host)  # the first one is printed at the start
    sockets: list[socket.socket] = []
    missing: OSError | None = None
    try:
        for family, _, _, _, address in dict.fromkeys(addresses):
            try:
                sockets.append(_bind_address(family, (address[0], port, *address[2:])))
            except OSError as error:
                if error.errno not in ADDRESS_ERRORS:
                    raise
                missing = error
            else:
                port = sockets[0].getsockname()[1]
        if missing is not None and not sockets:
            raise missing
    except OSError:
        for listening in sockets:
            listening.close()
        raise
    return sockets


def _bind_address(family: int, address: tuple[str | int, ...]) -> socket.socket:
    listening = socket.create_server(address, family=family, backlog=BACKLOG)
    listening.setblocking(False)
    return listening


def allow_many_files() -> None:
    """Raise the limit of open files to the maximum; the default is often too low for many connections."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    for limit in (hard, MACOS_OPEN_MAX):
        try:
            resource.setrlimit(resource.RLIMIT_NOFILE, (limit, hard))
        except (ValueError, OSError):  # macOS refuses its own unlimited hard limit
            continue
        return
    log.warning("the limit of open files stays at %d", soft)


def _file_limit() -> float:
    """Return how many file descriptors this process may have."""
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return math.inf if soft == resource.RLIM_INFINITY else soft
