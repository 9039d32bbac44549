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
import struct
import time
from collections.abc import Callable, Coroutine
from functools import partial
from typing import Any

from chatroom.db import background
from chatroom.protocol.errors import TooManyConnections
from chatroom.server.config.trusted_proxies import TrustedProxies
from chatroom.server.net.event_log import EventThrottle, log_event
from chatroom.server.net.limits import MINUTE, UNIX_PEER, Doorkeeper
from chatroom.server.net.proxy_header import ProxyHeaderError, read_proxy_header

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

Open = Callable[[TooManyConnections | None, Callable[[], None], str], asyncio.Protocol]
"""Creates a connection's protocol from the refusal, if it is refused, a callback for when it is closed, and
the client's address."""


class ConnectionListener:
    """Accepts connections on the sockets of ``bind_sockets``, from ``start`` to ``close``.

    ``tls`` returns the context for a new connection on a socket, or ``None`` for plain text;
    ``handshake_timeout`` is in seconds, 0 for no limit. Connections of ``proxies`` begin with a PROXY header.
    """

    def __init__(
        self,
        sockets: list[socket.socket],
        door: Doorkeeper,
        open: Open,
        *,
        tls: Callable[[socket.socket], ssl.SSLContext | None],
        handshake_timeout: float,
        proxies: TrustedProxies,
    ) -> None:
        self._sockets = sockets
        self._door = door
        self._open = open
        self._tls = tls
        self.handshake_timeout = handshake_timeout
        self._proxies = proxies
        self._loop = asyncio.get_running_loop()
        self._events = EventThrottle(self._loop)
        self._arriving: set[asyncio.Task[None]] = set()
        self._retry: asyncio.TimerHandle | None = None
        self._logged_at = -math.inf  # when a problem was last logged

    @property
    def address(self) -> tuple[str, int]:
        """The host and port of the first socket; of a Unix socket its path and 0."""
        name = self._sockets[0].getsockname()
        return (name, 0) if isinstance(name, str) else (name[0], name[1])

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
                self._accept_peer(listening, connected, peer)

    def _accept_peer(self, listening: socket.socket, connected: socket.socket, peer: Any) -> None:
        is_unix = connected.family == socket.AF_UNIX
        address = _unix_peer(connected) if is_unix else str(peer[0])
        if self._proxies.includes(address, is_unix=is_unix):
            self._begin_task(self._admit_proxied(listening, connected, address))
        else:
            self._admit_socket(listening, connected, address)

    async def _admit_proxied(self, listening: socket.socket, connected: socket.socket, proxy: str) -> None:
        """Admit a connection by the address in its proxy header."""
        try:
            connected.setblocking(False)
            address = await read_proxy_header(connected, self.handshake_timeout or None)
        except (OSError, ProxyHeaderError, asyncio.CancelledError) as error:
            connected.close()
            if not isinstance(error, asyncio.CancelledError):
                self._events.log_event(logging.WARNING, "proxy_header_invalid", proxy, {})
        else:
            self._admit_socket(listening, connected, address or proxy)

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

    def _admit_socket(self, listening: socket.socket, connected: socket.socket, address: str) -> None:
        now = time.monotonic()
        wait = self._door.admit_connection(address, now)
        if wait is None:
            opening = self._open_connection(
                listening, connected, address, None, partial(self._door.release_connection, address)
            )
            self._begin_task(opening)
            return
        self._events.log_event(
            logging.WARNING, "connection_refused", address, {"code": TooManyConnections.code}
        )
        if self._door.may_send_refusal(address):
            refusal = TooManyConnections(retry_after=round(wait, 3))
            opening = self._open_connection(
                listening, connected, address, refusal, partial(self._door.refusal_sent, address)
            )
            self._begin_task(opening)
        else:
            connected.close()

    def _begin_task(self, work: Coroutine[Any, Any, None]) -> None:
        arriving = background.start_task(self._loop, work)
        self._arriving.add(arriving)
        arriving.add_done_callback(self._arriving.discard)

    async def _open_connection(
        self,
        listening: socket.socket,
        connected: socket.socket,
        address: str,
        refusal: TooManyConnections | None,
        on_close: Callable[[], None],
    ) -> None:
        """Create the connection of a socket, after the TLS handshake if there is one."""
        try:
            connected.setblocking(False)
            context = self._tls(listening)
            await self._loop.connect_accepted_socket(
                partial(self._open, refusal, on_close, address),
                connected,
                ssl=context,
                ssl_handshake_timeout=(self.handshake_timeout or math.inf) if context else None,
            )
        except (OSError, asyncio.CancelledError) as error:  # no TLS, a handshake timeout, or a shutdown
            log_event(logging.DEBUG, "handshake_failed", {"address": address, "error": str(error)})
            on_close()
            connected.close()
        except Exception:  # a bug must not leave the address counted for ever
            on_close()
            connected.close()
            raise


def _unix_peer(connected: socket.socket) -> str:
    """Return the address of a peer on a Unix socket: the number of its user."""
    if not hasattr(socket, "SO_PEERCRED"):
        return UNIX_PEER
    credentials = connected.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, struct.calcsize("3i"))
    _, user, _ = struct.unpack("3i", credentials)
    return f"{UNIX_PEER}:{user}"


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
