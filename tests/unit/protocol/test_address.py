"""Host addresses are written with brackets for IPv6, and loopback hosts are recognised."""

import pytest

from chatroom.protocol.address import host_and_port, is_loopback


@pytest.mark.parametrize(
    ("host", "text"),
    [("example.org", "example.org:7878"), ("127.0.0.1", "127.0.0.1:7878"), ("::1", "[::1]:7878")],
)
def test_host_and_port_brackets_ipv6_only(host: str, text: str) -> None:
    assert host_and_port(host, 7878) == text


@pytest.mark.parametrize("host", ["127.0.0.1", "127.1.2.3", "::1", "localhost", "LocalHost"])
def test_host_of_this_machine_is_loopback(host: str) -> None:
    assert is_loopback(host)


@pytest.mark.parametrize("host", ["", "0.0.0.0", "::", "192.168.1.1", "127.0.0.1.example.org", "example.org"])
def test_other_host_is_not_loopback(host: str) -> None:
    assert not is_loopback(host)
