"""Starts the HTTP endpoint, if there is one. The libraries that it needs are imported only then."""

import logging
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

from chatroom.server.config.listen_address import ListenAddress, parse_listen_address
from chatroom.server.config.settings import HttpSettings
from chatroom.server.http.sources import ServerSources
from chatroom.server.net.listener import bind_sockets
from chatroom.server.net.unix_socket import PRIVATE, bind_unix_socket

log = logging.getLogger(__name__)

MISSING = "http.listen needs more packages: pip install 'chatroom[http]'"


class HttpUnavailable(Exception):
    """The HTTP endpoint cannot start: one sentence for the operator."""


async def bind_http_sockets(settings: HttpSettings, worker: int = 1) -> list[socket.socket]:
    """Return the listening sockets of the endpoint; none if it is off. Raises ``HttpUnavailable``."""
    if not settings.listen:
        return []
    try:
        import chatroom.server.http.endpoint  # noqa: F401  # only whether it can be imported
    except ImportError:
        raise HttpUnavailable(MISSING) from None
    return await bind_listener(_address_of_worker(parse_listen_address(settings.listen), worker))


def _address_of_worker(address: ListenAddress, worker: int) -> ListenAddress:
    """Return the address of a worker: the first one has the given address, each other the next port."""
    if worker == 1:
        return address
    if address.path is not None:
        return replace(address, path=address.path.with_name(f"{address.path.name}-{worker}"))
    return replace(address, port=address.port + worker - 1 if address.port else 0)


async def bind_listener(address: ListenAddress) -> list[socket.socket]:
    """Return listening sockets. Raises ``HttpUnavailable``."""
    try:
        if address.path is None:
            return await bind_sockets(address.host, address.port)
        listening = bind_unix_socket(address.path, PRIVATE, purpose="serves HTTP")
        listening.listen()
    except (OSError, UnicodeError) as error:
        reason = (isinstance(error, OSError) and error.strerror) or str(error)
        raise HttpUnavailable(f"cannot serve HTTP on {address}: {reason}") from None
    return [listening]


@contextmanager
def serve_http(
    settings: HttpSettings, sockets: list[socket.socket], sources: ServerSources
) -> Iterator[None]:
    """Serve on a thread of its own, so that a scrape never delays the event loop."""
    if not sockets:
        yield
        return
    from chatroom.server.http.endpoint import HttpThread

    thread = HttpThread(sockets, sources, settings.token)
    log.info("http on %s: /healthz, /readyz, /metrics", _address_of(sockets[0]))
    try:
        yield
    finally:
        thread.close()
        if path := parse_listen_address(settings.listen).path:
            path.unlink(missing_ok=True)


def _address_of(listening: socket.socket) -> ListenAddress:
    name = listening.getsockname()
    return parse_listen_address(f"unix:{name}") if isinstance(name, str) else ListenAddress(*name[:2])
