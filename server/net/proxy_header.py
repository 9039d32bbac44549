"""The PROXY protocol, versions 1 and 2: a proxy writes the client's address before everything else.

https://www.haproxy.org/download/3.0/doc/proxy-protocol.txt. Only connections from named proxies are read so;
their header is required. From all others a header is an invalid line, and changes no address.
"""

import asyncio
import socket
import struct
from ipaddress import ip_address

SIGNATURE_2 = b"\r\n\r\n\0\r\nQUIT\n"
SIGNATURE_1 = b"PROXY "
MAX_LINE_1 = 107
HEAD_2 = 16
MAX_BODY_2 = 4096
"""Bytes of addresses and extensions; the longest known extensions have a few hundred."""

LOCAL, PROXY = 0, 1


class ProxyHeaderError(Exception):
    """There is no valid header."""


async def read_proxy_header(connected: socket.socket, seconds: float | None) -> str:
    """Read the header, and nothing after it. Returns the client's address, or ``""`` if the proxy connects
    for itself. Waits for at most ``seconds``. Raises ``ProxyHeaderError`` and ``OSError``."""
    received = b""
    async with asyncio.timeout(seconds):
        while True:
            length, address = parse_proxy_header(received)
            if address is not None and length == len(received):
                return address
            await _wait_readable(connected)
            ahead = connected.recv(max(length - len(received), 1) if length else MAX_LINE_1, socket.MSG_PEEK)
            if not ahead:
                raise ProxyHeaderError
            length, address = parse_proxy_header(received + ahead)
            taken = min(len(ahead), length - len(received)) if length else len(ahead)
            received += connected.recv(taken)


def parse_proxy_header(data: bytes) -> tuple[int, str | None]:
    """Return the length of the header that ``data`` begins with, 0 if it is unknown yet, and the client's
    address, ``None`` if the header is incomplete. Raises ``ProxyHeaderError``."""
    if data.startswith(SIGNATURE_1[: len(data)]):
        return _parse_version_1(data)
    if data.startswith(SIGNATURE_2[: len(data)]):
        return _parse_version_2(data)
    raise ProxyHeaderError


def _parse_version_1(data: bytes) -> tuple[int, str | None]:
    end = data.find(b"\r\n")
    if end < 0:
        if len(data) >= MAX_LINE_1:
            raise ProxyHeaderError
        return 0, None
    length = end + 2
    if length > MAX_LINE_1:
        raise ProxyHeaderError
    try:
        _, family, *rest = data[:end].decode("ascii").split(" ")
    except (UnicodeDecodeError, ValueError):
        raise ProxyHeaderError from None
    if family == "UNKNOWN":
        return length, ""
    if family not in ("TCP4", "TCP6") or len(rest) != 4:
        raise ProxyHeaderError
    return length, _checked_address(rest[0], 4 if family == "TCP4" else 6)


def _checked_address(text: str, version: int) -> str:
    try:
        address = ip_address(text)
    except ValueError:
        raise ProxyHeaderError from None
    if address.version != version or "%" in text:
        raise ProxyHeaderError
    return str(address)


def _parse_version_2(data: bytes) -> tuple[int, str | None]:
    if len(data) < HEAD_2:
        return HEAD_2 if len(data) >= len(SIGNATURE_2) else 0, None
    version_command, family, body_length = struct.unpack_from("!BBH", data, len(SIGNATURE_2))
    version, command = divmod(version_command, 16)
    if version != 2 or command not in (LOCAL, PROXY) or body_length > MAX_BODY_2:
        raise ProxyHeaderError
    length = HEAD_2 + body_length
    if len(data) < length:
        return length, None
    body = data[HEAD_2:length]
    match command, family >> 4:
        case (0, _) | (_, 0 | 3):  # for itself, unknown, or from a Unix socket
            return length, ""
        case (_, 1) if len(body) >= 12:
            return length, socket.inet_ntop(socket.AF_INET, body[:4])
        case (_, 2) if len(body) >= 36:
            return length, socket.inet_ntop(socket.AF_INET6, body[:16])
    raise ProxyHeaderError


async def _wait_readable(connected: socket.socket) -> None:
    loop = asyncio.get_running_loop()
    readable: asyncio.Future[None] = loop.create_future()
    loop.add_reader(connected.fileno(), _set_done, readable)
    try:
        await readable
    finally:
        loop.remove_reader(connected.fileno())


def _set_done(future: "asyncio.Future[None]") -> None:
    if not future.done():
        future.set_result(None)
