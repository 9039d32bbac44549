"""Where the server listens: several addresses, Unix sockets, both versions of IP, and behind proxies."""

import os
import socket
import ssl
from contextlib import suppress
from pathlib import Path

import pytest

from tests.conftest import Serve
from tests.contract.test_process import assert_one_clear_line, run
from tests.support.processes import PATIENCE, Server, Wire

HEADER_1 = b"PROXY TCP4 198.51.100.%d 192.0.2.9 40000 7878\r\n"
HEADER_2 = b"\r\n\r\n\0\r\nQUIT\n\x21\x11\x00\x0c%b\xc0\x00\x02\x09\x9c\x40\x1e\xc6" % bytes(
    (198, 51, 100, 77)
)
LOCAL_2 = b"\r\n\r\n\0\r\nQUIT\n\x20\x00\x00\x00"


def listening_lines(server: Server, count: int) -> list[str]:
    """Return the first lines on standard output."""
    stdout = server.process.stdout
    assert stdout is not None
    return [server.announcement, *(stdout.readline().decode().rstrip() for _ in range(count - 1))]


def proxied(server: Server, header: bytes, tls: ssl.SSLContext | None = None) -> Wire:
    return server.keep(Wire(server.host, server.port, tls, before=header))


def test_server_listens_on_several_addresses_and_unix_sockets(serve: Serve, tmp_path: Path) -> None:
    path = tmp_path / "chat.sock"
    server = serve("--listen", f"127.0.0.1:0, unix:{path}, 127.0.0.2:0")
    _, second, third = listening_lines(server, 3)
    assert second == f"listening on unix:{path}"
    host, port = third.removeprefix("listening on ").split(":")
    alice = server.user("Alice")
    bob = server.keep(Wire("", 0, path=path)).register("Bob")
    carol = server.keep(Wire(host, int(port))).register("Carol")
    alice.request("create_room", room="#lab", capacity=3)
    for wire in (alice, bob, carol):
        wire.request("enter_room", room="#lab", nickname=wire.username)
    bob.request("send", to="#lab", text="over a file", cid="c1")
    assert (
        alice.message(text="over a file")["username"]
        == carol.message(text="over a file")["username"]
        == "Bob"
    )
    server.wait_for_log(f"login address=unix:{os.getuid()} account=Bob")
    assert path.stat().st_mode & 0o777 == 0o666
    assert server.stop() == 0
    assert not path.exists()


def test_stale_unix_socket_is_replaced_and_a_live_one_is_refused(serve: Serve, tmp_path: Path) -> None:
    path = tmp_path / "chat.sock"
    server = serve("--listen", f"127.0.0.1:0,unix:{path}")
    finished = run("--data", str(tmp_path / "other"), "--listen", f"unix:{path}")
    assert_one_clear_line(finished)
    assert f"another server listens at {path}" in finished.stderr
    server.kill()
    server.start()
    server.keep(Wire("", 0, path=path)).register("Alice")


def test_unix_socket_is_plain_and_other_machines_get_tls(serve: Serve, tmp_path: Path) -> None:
    path = tmp_path / "chat.sock"
    server = serve("--listen", f"0.0.0.0:0,unix:{path}")
    assert " tls sha256:" in server.announcement
    server.keep(Wire("", 0, path=path)).register("Alice")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    server.keep(Wire("127.0.0.1", server.port, context)).register("Bob")


def test_empty_host_listens_on_both_versions_of_ip(serve: Serve) -> None:
    if not socket.has_dualstack_ipv6():
        pytest.skip("there is no IPv6 here")
    server = serve("--host", "", "--insecure")
    for address in ("127.0.0.1", "::1"):
        server.keep(Wire(address, server.port)).request("ping")


@pytest.mark.parametrize(
    "arguments",
    [
        ["--listen", "nowhere"],
        ["--listen", "127.0.0.1:0,127.0.0.1:0"],
        ["--listen", "unix:/nowhere/at/all/\0"],
        ["--set", "proxy.trusted=proxy.example.org"],
    ],
)
def test_wrong_address_is_one_clear_line(tmp_path: Path, arguments: list[str]) -> None:
    if "\0" in arguments[1]:
        arguments = [arguments[0], f"unix:{tmp_path / ('x' * 100)}"]
    assert_one_clear_line(run("--data", str(tmp_path), *arguments))


# Proxies


def test_address_of_the_client_counts_behind_a_named_proxy(serve: Serve) -> None:
    server = serve(settings=("proxy.trusted=127.0.0.1", "limits.connections_per_address=2"))
    first = [proxied(server, HEADER_1 % 7) for _ in range(2)]
    third = proxied(server, HEADER_1 % 7)
    assert third.welcome["code"] == "too_many_connections"
    others = [proxied(server, HEADER_1 % 8), proxied(server, HEADER_2), proxied(server, LOCAL_2)]
    for number, wire in enumerate((*first, *others)):
        wire.register(f"User{number}")
    for place in ("198.51.100.7 account=User0", "198.51.100.8 account=User2", "198.51.100.77 account=User3",
                  "127.0.0.1 account=User4"):  # fmt: skip
        server.wait_for_log(f"login address={place}")


def test_header_comes_before_tls(serve: Serve) -> None:
    server = serve("--tls", settings=("proxy.trusted=127.0.0.0/8",))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    proxied(server, HEADER_2, context).register("Alice")
    server.wait_for_log("login address=198.51.100.77 account=Alice")


@pytest.mark.parametrize(
    "header", [b'{"type":"ping","id":1}\n', b"PROXY TCP4 1.2.3.4\r\n", b"PROXY TCP4 " + b"1" * 200]
)
def test_named_proxy_without_a_valid_header_is_disconnected(serve: Serve, header: bytes) -> None:
    server = serve(settings=("proxy.trusted=127.0.0.1",))
    with socket.create_connection((server.host, server.port), timeout=PATIENCE) as connection:
        connection.sendall(header)
        with suppress(ConnectionResetError):  # it stopped reading at the limit
            assert connection.recv(1) == b""
    server.wait_for_log("proxy_header_invalid address=127.0.0.1")
    proxied(server, HEADER_1 % 7).register("Alice")


def test_named_proxy_that_sends_nothing_is_disconnected(serve: Serve) -> None:
    server = serve(settings=("proxy.trusted=127.0.0.1", "limits.handshake_timeout=0.05"))
    with socket.create_connection((server.host, server.port), timeout=PATIENCE) as connection:
        assert connection.recv(1) == b""


def test_forged_header_of_a_client_is_an_invalid_line(serve: Serve) -> None:
    server = serve(settings=("proxy.trusted=192.0.2.1",))
    forger = proxied(server, HEADER_1 % 7)
    assert forger.read()["code"] == "bad_json"
    forger.register("Mallory")
    server.wait_for_log("login address=127.0.0.1 account=Mallory")
    assert "198.51.100" not in server.log


def test_unix_socket_can_be_a_proxy(serve: Serve, tmp_path: Path) -> None:
    path = tmp_path / "chat.sock"
    server = serve("--listen", f"127.0.0.1:0,unix:{path}", settings=("proxy.trusted=unix",))
    server.keep(Wire("", 0, path=path, before=HEADER_1 % 9)).register("Alice")
    server.wait_for_log("login address=198.51.100.9 account=Alice")
