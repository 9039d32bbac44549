"""The proxies whose PROXY header is believed (``proxy.trusted``)."""

from collections.abc import Iterable
from ipaddress import IPv4Network, IPv6Network, ip_address, ip_network

UNIX_NAME = "unix"
"""Names all Unix sockets of the server."""


class TrustedProxies:
    """The proxies whose header is believed: addresses, networks (``10.0.0.0/8``), and ``unix``. The
    constructor raises ``ValueError``."""

    def __init__(self, names: Iterable[str]) -> None:
        names = list(names)
        self._unix = UNIX_NAME in names
        self._networks: list[IPv4Network | IPv6Network] = [
            ip_network(name, strict=False) for name in names if name != UNIX_NAME
        ]

    def includes(self, address: str, *, is_unix: bool) -> bool:
        if is_unix:
            return self._unix
        if not self._networks:
            return False
        host = ip_address(address.partition("%")[0])
        host = getattr(host, "ipv4_mapped", None) or host
        return any(host in network for network in self._networks)
