"""The sockets on which the server listens for clients: those of ``listen`` or ``host`` and ``port``, or those
that a service manager or the supervisor of the workers passes on."""

import os
import socket
from pathlib import Path

from chatroom.server.config.listen_address import ListenAddress
from chatroom.server.config.settings import ServerConfig
from chatroom.server.net.listener import BACKLOG, bind_sockets
from chatroom.server.net.unix_socket import ALL_USERS, bind_unix_socket


class ListenFailed(Exception):
    """A socket cannot be opened. The message is one sentence."""


async def open_client_sockets(config: ServerConfig) -> list[socket.socket]:
    """Return listening sockets. Raises ``ListenFailed``."""
    sockets: list[socket.socket] = []
    for address in config.listen_addresses:
        try:
            sockets += await _open_sockets(address)
        except (OSError, UnicodeError) as error:
            for listening in sockets:
                listening.close()
            raise ListenFailed(f"cannot listen on {address}: {_error_text(error)}") from None
    return sockets


async def _open_sockets(address: ListenAddress) -> list[socket.socket]:
    if address.path is None:
        return await bind_sockets(address.host, address.port)
    listening = bind_unix_socket(address.path, ALL_USERS, purpose="listens")
    listening.listen(BACKLOG)
    listening.setblocking(False)
    return [listening]


def _error_text(error: OSError | UnicodeError) -> str:
    """Return why listening failed, without the event loop's own words."""
    if isinstance(error, socket.gaierror):
        return error.strerror or "no such host"
    if isinstance(error, OSError):
        return os.strerror(error.errno) if error.errno else str(error)
    return "no such host"


def socket_address(listening: socket.socket) -> ListenAddress:
    name = listening.getsockname()
    return ListenAddress(path=Path(name)) if isinstance(name, str) else ListenAddress(*name[:2])


def remove_socket_files(config: ServerConfig) -> None:
    """Remove the files of the Unix sockets that this process has created."""
    for address in config.listen_addresses:
        if address.path is not None:
            address.path.unlink(missing_ok=True)
