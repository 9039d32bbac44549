"""The headers of the PROXY protocol: valid, truncated and forged ones."""

import asyncio
import socket
import struct
from ipaddress import ip_address

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chatroom.server.config.trusted_proxies import TrustedProxies
from chatroom.server.net.proxy_header import (
    SIGNATURE_2,
    ProxyHeaderError,
    parse_proxy_header,
    read_proxy_header,
)

MESSAGE = b'{"type":"ping","id":1}\n'


def version_1(address: str, family: str = "TCP4", to: str = "192.0.2.9") -> bytes:
    return f"PROXY {family} {address} {to} 40000 7878\r\n".encode()


def version_2(address: str, *, command: int = 1, extra: bytes = b"") -> bytes:
    packed = ip_address(address).packed
    body = packed * 2 + struct.pack("!HH", 40000, 7878) + extra
    family = 0x11 if len(packed) == 4 else 0x21
    return SIGNATURE_2 + struct.pack("!BBH", 0x20 | command, family, len(body)) + body


GOOD = [
    (version_1("198.51.100.7"), "198.51.100.7"),
    (version_1("2001:db8::7", "TCP6", "2001:db8::9"), "2001:db8::7"),
    (b"PROXY UNKNOWN\r\n", ""),
    (b"PROXY UNKNOWN ffff:f...f ffff 1 2\r\n", ""),
    (version_2("198.51.100.7"), "198.51.100.7"),
    (version_2("2001:db8::7"), "2001:db8::7"),
    (version_2("198.51.100.7", extra=b"\x04\x00\x03abc"), "198.51.100.7"),
    (version_2("198.51.100.7", command=0), ""),
    (SIGNATURE_2 + struct.pack("!BBH", 0x20, 0, 0), ""),
    (SIGNATURE_2 + struct.pack("!BBH", 0x21, 0x31, 216) + b"/run/a".ljust(216, b"\0"), ""),
]

BAD = [
    MESSAGE,
    b"GET / HTTP/1.1\r\n\r\n",
    b"\x16\x03\x01\x00\xa5",
    b"PROXY \r\n",
    b"PROXY TCP4 198.51.100.7\r\n",
    b"PROXY TCP4 198.51.100.7 192.0.2.9 1 2 3\r\n",
    b"PROXY TCP4  198.51.100.7 192.0.2.9 1\r\n",
    b"PROXY TCP4 2001:db8::7 2001:db8::9 1 2\r\n",
    b"PROXY TCP6 fe80::1%eth0 fe80::2 1 2\r\n",
    b"PROXY TCP4 198.51.100.256 192.0.2.9 1 2\r\n",
    b"PROXY TCP5 198.51.100.7 192.0.2.9 1 2\r\n",
    b"PROXY TCP4 \xff 192.0.2.9 1 2\r\n",
    b"PROXY TCP4 " + b"1" * 120,
    b"PROXY TCP4 " + b"1" * 120 + b"\r\n",
    SIGNATURE_2 + struct.pack("!BBH", 0x11, 0x11, 12) + bytes(12),
    SIGNATURE_2 + struct.pack("!BBH", 0x22, 0x11, 12) + bytes(12),
    SIGNATURE_2 + struct.pack("!BBH", 0x21, 0x11, 11) + bytes(11),
    SIGNATURE_2 + struct.pack("!BBH", 0x21, 0x21, 12) + bytes(12),
    SIGNATURE_2 + struct.pack("!BBH", 0x21, 0x41, 12) + bytes(12),
    SIGNATURE_2 + struct.pack("!BBH", 0x21, 0x11, 65535),
]


@pytest.mark.parametrize(("header", "address"), GOOD)
def test_header_gives_the_address_of_the_client(header: bytes, address: str) -> None:
    assert parse_proxy_header(header) == parse_proxy_header(header + MESSAGE) == (len(header), address)


@pytest.mark.parametrize(("header", "address"), GOOD)
def test_cut_header_gives_no_address(header: bytes, address: str) -> None:
    assert {parse_proxy_header(header[:length])[1] for length in range(len(header))} == {None}


@pytest.mark.parametrize("header", BAD)
def test_invalid_header_is_refused(header: bytes) -> None:
    with pytest.raises(ProxyHeaderError):
        parse_proxy_header(header)


STARTS = [b"", b"PROXY ", b"PROXY TCP4 ", SIGNATURE_2, SIGNATURE_2 + b"\x21"]


@given(st.binary(max_size=200), st.sampled_from(STARTS))
def test_any_bytes_are_parsed_or_refused(data: bytes, start: bytes) -> None:
    try:
        length, address = parse_proxy_header(start + data)
    except ProxyHeaderError:
        return
    assert address is None or (length <= len(start + data) and (not address or ip_address(address)))


@pytest.mark.parametrize(("header", "address"), GOOD)
@pytest.mark.parametrize("piece", [1, 7, 5000])
async def test_header_is_read_in_pieces_and_nothing_after_it(header: bytes, address: str, piece: int) -> None:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        ours.setblocking(False)
        reading = asyncio.create_task(read_proxy_header(ours, 60))
        for start in range(0, len(header) + len(MESSAGE), piece):
            theirs.send((header + MESSAGE)[start : start + piece])
            await asyncio.sleep(0)
        assert await reading == address
        assert ours.recv(4096) == MESSAGE


async def test_connection_that_ends_within_the_header_is_refused() -> None:
    ours, theirs = socket.socketpair()
    with ours:
        ours.setblocking(False)
        with theirs:
            theirs.send(b"PROXY TCP4 198")
        with pytest.raises(ProxyHeaderError):
            await read_proxy_header(ours, 60)


async def test_header_that_does_not_arrive_times_out() -> None:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        ours.setblocking(False)
        with pytest.raises(TimeoutError):
            await read_proxy_header(ours, 0.01)


def test_only_named_proxies_are_trusted() -> None:
    proxies = TrustedProxies(["10.1.0.0/16", "2001:db8::5", "127.0.0.1"])
    trusted = ["10.1.2.3", "::ffff:10.1.2.3", "2001:db8::5", "127.0.0.1"]
    assert [proxies.includes(address, is_unix=False) for address in trusted] == [True] * 4
    others = ["10.2.0.1", "2001:db8::6", "::1", "fe80::1%eth0"]
    assert [proxies.includes(address, is_unix=False) for address in others] == [False] * 4
    assert not proxies.includes("", is_unix=True)
    assert TrustedProxies(["unix"]).includes("", is_unix=True)
    with pytest.raises(ValueError, match="example"):
        TrustedProxies(["proxy.example.org"])
