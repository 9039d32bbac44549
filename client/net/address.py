"""Parses the address of a server: ``[USER@]HOST[:PORT][/ROOM]``, ``[USER@]unix:PATH[#ROOM]``, or ``[USER@]``
and an invitation.
"""

import ipaddress
import os
import re
import socket
from dataclasses import dataclass, field, replace

from chatroom.protocol import invitation
from chatroom.protocol.address import host_and_port, is_loopback

DEFAULT_HOST = "127.0.0.1"
DEFAULT_PORT = 7878
LOCALHOST = "127.0.0.1"

UNIX_PREFIX = "unix:"
"""Begins the address of a server's Unix socket, as the server prints it."""

_HOST = re.compile(r"[a-z0-9_-]{1,63}(?:\.[a-z0-9_-]{1,63})*")
_OLD_IPV4 = re.compile(r"(?:0x[0-9a-f]+|\d+)(?:\.(?:0x[0-9a-f]+|\d+)){0,3}", re.ASCII)


_UNIX = re.compile(rf"(?:[^@\s]*@)?{UNIX_PREFIX}(?!\d+(?:/|$)|$)")
"""``unix:7878`` is a host and its port."""


class AddressError(ValueError):
    """The text is not the address of a server."""


@dataclass(frozen=True, slots=True)
class ServerAddress:
    """A server, with the account to use and the conversation to open, if they are given."""

    host: str = DEFAULT_HOST
    port: int = DEFAULT_PORT
    username: str = ""
    conversation: str = ""  # "#thuhole", "@Bob"
    fingerprint: str = ""  # in hex, of the certificate that an invitation names
    invited: bool = False
    code: str = field(default="", repr=False)  # the invite code of the invitation
    path: str = ""  # of a Unix socket, in place of host and port

    @property
    def server(self) -> str:
        """``host:port`` as typed, IPv6 in brackets, or ``unix:PATH``. Outboxes are stored under this name."""
        if self.path:
            return f"{UNIX_PREFIX}{self.path}"
        return host_and_port(self.host, self.port)

    @property
    def canonical(self) -> str:
        """``host:port``, the same for every spelling of the host: the name of a known server."""
        if self.path:
            return self.server
        return host_and_port(canonical_host(self.host), self.port)

    @property
    def loopback(self) -> bool:
        """Whether the server is on this machine."""
        if self.path:
            return True
        try:
            return is_loopback(canonical_host(self.host))
        except AddressError:
            return False


def canonical_host(host: str) -> str:
    """Return the canonical spelling of a host: lower case, IDNA, no final dot, shortest form of addresses.

    ``localhost`` and ``::1`` become ``127.0.0.1``. Raises ``AddressError`` for an invalid host.
    """
    name = host.strip().lower().removesuffix(".")
    if (address := _ip_address(name)) is not None:
        return LOCALHOST if address == "::1" else address
    try:
        name = name.encode("idna").decode().lower().removesuffix(".")
    except UnicodeError:
        raise AddressError(host) from None
    if (address := _ip_address(name)) is not None:  # it was written with digits of another script
        return address
    if not _HOST.fullmatch(name):
        raise AddressError(host)
    return LOCALHOST if name == "localhost" or name.endswith(".localhost") else name


def _ip_address(host: str) -> str | None:
    """Return an IP address in its shortest form. ``127.1`` and ``0x7f000001`` are addresses too."""
    plain_host, percent, zone = host.partition("%")
    try:
        address = ipaddress.ip_address(plain_host)
    except ValueError:
        return _old_ipv4_address(host)
    if isinstance(address, ipaddress.IPv6Address) and address.ipv4_mapped:
        return str(address.ipv4_mapped)
    return f"{address}{percent}{zone}"


def _old_ipv4_address(host: str) -> str | None:
    if not _OLD_IPV4.fullmatch(host):
        return None
    try:
        return socket.inet_ntoa(socket.inet_aton(host))
    except OSError:
        return None


def parse_address(text: str) -> ServerAddress:
    """Parse an address that the user typed. Missing parts have their defaults.

    Raises ``AddressError``, or ``InvitationError`` for a damaged invitation.
    """
    username, _, token = text.strip().rpartition("@")
    if invitation.looks_like_invitation(token):
        return replace(_from_invitation(invitation.read_invitation(token)), username=username)
    if _UNIX.match(text.strip()):
        return _parse_unix_address(text.strip())
    location, _, conversation = text.strip().partition("/")
    username, _, server = location.rpartition("@")
    host, port = _split_port(server)
    if "@" in username or any(character.isspace() for character in host + username):
        raise AddressError(text)
    canonical_host(host or DEFAULT_HOST)
    if conversation and conversation[0] not in "#@":
        conversation = f"#{conversation}"
    return ServerAddress(host or DEFAULT_HOST, port, username, conversation)


def _parse_unix_address(text: str) -> ServerAddress:
    """Parse ``[USER@]unix:PATH[#ROOM]``. The path becomes absolute; ``~`` is the user's home."""
    before, _, rest = text.partition(UNIX_PREFIX)
    path, _, room = rest.partition("#")
    if not path:
        raise AddressError(text)
    path = os.path.abspath(os.path.expanduser(path))
    return ServerAddress(path=path, username=before.rstrip("@"), conversation=f"#{room}" if room else "")


def _from_invitation(parsed: invitation.Invitation) -> ServerAddress:
    address = parse_address(ServerAddress(parsed.host, parsed.port).server)
    conversation = f"#{parsed.room}" if parsed.room else ""
    return replace(
        address, conversation=conversation, fingerprint=parsed.fingerprint, invited=True, code=parsed.code
    )


def _split_port(server: str) -> tuple[str, int]:
    """Split ``host:port``. IPv6 is in brackets, or has no port."""
    if server.startswith("["):
        host, bracket, rest = server[1:].partition("]")
        if not bracket or (rest and not rest.startswith(":")) or not _is_ipv6(host):
            raise AddressError(server)
        return host, _parse_port(rest[1:])
    if server.count(":") > 1:
        if not _is_ipv6(server):
            raise AddressError(server)
        return server, DEFAULT_PORT
    host, _, port = server.partition(":")
    return host, _parse_port(port)


def _parse_port(digits: str) -> int:
    if not digits:
        return DEFAULT_PORT
    if not (digits.isascii() and digits.isdecimal() and 0 < int(digits) < 65536):
        raise AddressError(digits)
    return int(digits)


def _is_ipv6(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).version == 6
    except ValueError:
        return False
