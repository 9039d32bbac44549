"""Addresses to listen on, as settings name them: ``HOST:PORT``, ``[IPV6]:PORT`` or ``unix:PATH``."""

from dataclasses import dataclass
from pathlib import Path

from chatroom.protocol.address import host_and_port, is_loopback

UNIX_PREFIX = "unix:"

MAX_PATH_BYTES = 100
"""The kernel allows 107 bytes on Linux and 103 on macOS."""


@dataclass(frozen=True, slots=True)
class ListenAddress:
    """A Unix socket at ``path``, or else a host and port. An empty host means all addresses."""

    host: str = ""
    port: int = 0
    path: Path | None = None

    def __str__(self) -> str:
        return f"{UNIX_PREFIX}{self.path}" if self.path else host_and_port(self.host, self.port)

    @property
    def is_local(self) -> bool:
        """Whether only programs on this machine can connect."""
        return self.path is not None or is_loopback(self.host)


def parse_listen_address(text: str) -> ListenAddress:
    """Parse an address. Raises ``ValueError`` with a description of what is expected."""
    if text.startswith(UNIX_PREFIX):
        return ListenAddress(path=_socket_path(text.removeprefix(UNIX_PREFIX)))
    host, colon, port = text.rpartition(":")
    if host.startswith("[") and host.endswith("]"):
        host = host[1:-1]
    elif ":" in host:
        raise ValueError(f"{text!r} needs brackets: [IPV6]:PORT")
    if not (colon and port.isascii() and port.isdecimal() and int(port) < 65536):
        raise ValueError(f"{text!r} is not HOST:PORT or unix:PATH")
    return ListenAddress(host, int(port))


def _socket_path(text: str) -> Path:
    path = Path(text)
    if not text or not path.is_absolute():
        raise ValueError(f"the path of a Unix socket must begin with /, not {text!r}")
    if len(text.encode()) > MAX_PATH_BYTES:
        raise ValueError(f"the path of a Unix socket is too long: {text}")
    return path
