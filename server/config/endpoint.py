"""Where a server can be reached: the line that it tells at its start, and the invitation that leads there.

The counterpart is the client's ``address``.
"""

import socket
from dataclasses import dataclass

from chatroom.protocol.address import host_and_port
from chatroom.protocol.invitation import Invitation

EVERYWHERE = ("", "0.0.0.0", "::")
"""What a server that listens on every address of its machine calls that."""

ELSEWHERE = ("192.0.2.1", 9)
"""Somewhere beyond this network, of which nobody will ever hear (RFC 5737)."""


@dataclass(frozen=True, slots=True)
class ServerEndpoint:
    """``fingerprint`` (hex) is that of the certificate; empty for plain TCP."""

    host: str
    port: int
    fingerprint: str = ""

    def __str__(self) -> str:
        where = f"listening on {host_and_port(self.host, self.port)}"
        return f"{where} tls sha256:{self.fingerprint}" if self.fingerprint else where

    def invitation(self, room: str = "", code: str = "") -> Invitation:
        host = _own_address() if self.host in EVERYWHERE else self.host
        return Invitation(host, self.port, self.fingerprint, room, code)


def _own_address() -> str:
    """The address by which this machine would talk to others. Nothing is sent to find it out."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(ELSEWHERE)
        except OSError:
            return socket.gethostname()
        host: str = probe.getsockname()[0]
        return host
