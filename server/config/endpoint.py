"""The server's address: the line printed at the start, and the invitation to the server."""

import socket
from dataclasses import dataclass

from chatroom.protocol.address import host_and_port
from chatroom.protocol.invitation import Invitation
from chatroom.server.config.listen_address import ListenAddress

ALL_ADDRESSES = ("", "0.0.0.0", "::")
"""Hosts that mean all addresses of the machine."""

PROBE_ADDRESS = ("192.0.2.1", 9)
"""An unused address outside of this network (RFC 5737)."""


@dataclass(frozen=True, slots=True)
class ServerEndpoint:
    """``fingerprint`` (hex) is the certificate's; empty for plain text. A Unix socket has only a ``path``.
    ``others`` are further addresses of the same server."""

    host: str
    port: int
    fingerprint: str = ""
    path: str = ""
    others: tuple["ServerEndpoint", ...] = ()

    def __str__(self) -> str:
        where = f"listening on {f'unix:{self.path}' if self.path else host_and_port(self.host, self.port)}"
        return f"{where} tls sha256:{self.fingerprint}" if self.fingerprint else where

    def reachable(self) -> "ServerEndpoint | None":
        """Return the first address that an invitation can name."""
        return next((each for each in (self, *self.others) if not each.path), None)

    def invitation(self, room: str = "", code: str = "") -> Invitation:
        host = _own_address() if self.host in ALL_ADDRESSES else self.host
        return Invitation(host, self.port, self.fingerprint, room, code)


def endpoint_of(address: ListenAddress, fingerprint: str) -> ServerEndpoint:
    return ServerEndpoint(address.host, address.port, fingerprint, str(address.path or ""))


def _own_address() -> str:
    """Return the address that this machine uses towards other machines. No packet is sent."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(PROBE_ADDRESS)
        except OSError:
            return socket.gethostname()
        host: str = probe.getsockname()[0]
        return host
