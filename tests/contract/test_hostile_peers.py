"""Attacks by hostile clients on a real socket affect no other client and leave no traceback in the log.

Each test has its own server; its log is checked when it is closed.
"""

import os
import signal
import socket
import ssl
from contextlib import suppress
from pathlib import Path

import pytest

from tests.conftest import Serve
from tests.support.processes import Json, Server, Wire
from tests.unit.server.net.test_tls import brought
from tests.unit.server.net.test_tls import trusting as trusting

ROOM = "#thuhole"


def in_room(server: Server, username: str, **more: str) -> Wire:
    wire = server.user(username)
    wire.ask("create_room", room=ROOM, capacity=9)
    wire.request("enter_room", room=ROOM, nickname=username, **more)
    return wire


def raw(server: Server) -> socket.socket:
    """A connection without a client."""
    return socket.create_connection((server.host, server.port), timeout=30)


def until_closed(line: socket.socket) -> bytes:
    """Everything received before the server closes the connection."""
    received = b""
    with suppress(ConnectionError):
        while data := line.recv(65536):
            received += data
    return received


def is_well(server: Server) -> bool:
    with server.connect() as wire:
        return bool(wire.ask("ping")["type"] == "pong")


# Bytes


@pytest.mark.parametrize("greeting", [
    b"GET / HTTP/1.1\r\nHost: chat\r\n\r\n", b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\n", b"\0" * 5000,
    b"\r\n" * 5000, os.urandom(4000) + b"\n", b"SSH-2.0-OpenSSH_9.6\r\n",
])  # fmt: skip
def test_other_protocol_on_plain_port_is_refused(serve: Serve, greeting: bytes) -> None:
    server = serve(settings=("limits.login_timeout=0.5",))
    with raw(server) as stranger:
        stranger.sendall(greeting)
        received = until_closed(stranger)
    assert received.startswith(b'{"type":"welcome"')
    assert received.splitlines()[-1].startswith(b'{"type":"closing"')
    assert is_well(server)


@pytest.mark.parametrize(
    "greeting", [b'{"type":"ping","id":1}\n', b"GET / HTTP/1.1\r\n\r\n", os.urandom(4000)]
)
def test_plain_bytes_on_tls_port_are_refused(serve: Serve, greeting: bytes) -> None:
    server = serve("--tls")
    with raw(server) as stranger:
        stranger.sendall(greeting)
        assert b"welcome" not in until_closed(stranger)
    assert speaks_tls(server)


def speaks_tls(server: Server) -> bool:
    with Wire(server.host, server.port, trusting()) as wire:
        return bool(wire.ask("ping")["type"] == "pong")


def test_connection_without_handshake_is_closed(serve: Serve) -> None:
    server = serve("--tls", settings=("limits.handshake_timeout=0.3",))
    with raw(server) as silent:
        assert until_closed(silent) == b""
    assert speaks_tls(server)


def test_line_of_16_mib_is_refused_after_its_first_kilobytes(server: Server) -> None:
    with raw(server) as stranger:
        with suppress(ConnectionError):
            for _ in range(256):
                stranger.sendall(b"x" * 65536)
        received = until_closed(stranger)
    assert b"line_too_long" in received or not received.endswith(b'"page":100}}\n')
    assert memory(server) < 200 << 20
    assert is_well(server)


def test_thousand_connections_with_half_a_line_use_little_memory(server: Server) -> None:
    before = memory(server)
    strangers = [raw(server) for _ in range(1000)]
    for stranger in strangers:
        stranger.sendall(b"x" * 4096)
    assert is_well(server)
    assert memory(server) - before < 1000 * (16 << 10)
    for stranger in strangers:
        stranger.close()


def memory(server: Server) -> int:
    """Bytes that the server has in use."""
    status = Path(f"/proc/{server.process.pid}/status").read_text()
    (line,) = (line for line in status.splitlines() if line.startswith("VmRSS"))
    return int(line.split()[1]) * 1024


@pytest.mark.parametrize("limit", [10**9, 2**53 - 1])
def test_oversized_limit_is_capped_at_a_page(server: Server, limit: int) -> None:
    alice = in_room(server, "Alice")
    for number in range(120):
        alice.request("send", to=ROOM, text=f"word {number}")
    assert len(alice.request("history", conversation=ROOM, limit=limit)["messages"]) == 100
    assert len(alice.request("search", query="word", limit=limit)["messages"]) == 100


# Floods


def test_requests_other_than_messages_are_rate_limited(serve: Serve) -> None:
    server = serve(settings=("limits.rate=5", "limits.requests_rate=0.01", "limits.requests_burst=5"))
    alice = server.user("Alice")
    asked = [alice.ask("list_rooms") for _ in range(6)]
    assert [answer.get("code") for answer in asked][-1] == "rate_limited"
    assert asked[-1]["details"]["retry_after"] > 0
    assert is_well(server)


def test_invalid_lines_are_rate_limited_like_requests(serve: Serve) -> None:
    server = serve(settings=("limits.rate=5", "limits.requests_rate=0.01", "limits.requests_burst=3"))
    with raw(server) as stranger:
        stranger.sendall(b"rubbish\n" * 1000)
        stranger.settimeout(0.5)
        received = b""
        with suppress(TimeoutError):
            while data := stranger.recv(65536):
                received += data
    assert received.count(b"bad_json") < 10
    assert is_well(server)


def test_connection_flood_does_not_affect_established_connections(serve: Serve) -> None:
    server = serve(settings=("limits.connections_per_address=20", "limits.new_connections_per_minute=0"))
    alice, bob = in_room(server, "Alice"), in_room(server, "Bob")
    flood = [raw(server) for _ in range(300)]
    alice.request("send", to=ROOM, text="through it all")
    assert bob.message(kind="text")["text"] == "through it all"
    for line in flood:
        line.close()


def test_client_that_does_not_read_is_not_served(server: Server) -> None:
    """Ten thousand answers of more than a megabyte each would be seen in the server's memory."""
    alice = in_room(server, "Alice")
    for _ in range(100):
        alice.request("send", to=ROOM, text="聊" * 4000)
    with server.connect().login("Alice") as greedy:
        greedy.socket.settimeout(1)
        with suppress(TimeoutError):
            for id in range(10_000):
                greedy.send(type="history", id=id, conversation=ROOM)
        assert alice.ask("ping")["type"] == "pong"
        assert memory(server) < 300 << 20


def test_slow_reader_is_not_dropped_for_a_large_answer(serve: Serve) -> None:
    server = serve(settings=("limits.outbox_bytes=1000", "limits.outbox_stall=30", "limits.answer_bytes=0"))
    alice = in_room(server, "Alice")
    for _ in range(100):
        alice.request("send", to=ROOM, text="聊" * 4000)
    ids = [alice.start("history", conversation=ROOM) for _ in range(10)]
    assert [len(alice.answer(id)["messages"]) for id in ids] == [100] * 10


# Passwords


def test_login_flood_does_not_delay_messages(serve: Serve) -> None:
    server = serve(settings=("password.bcrypt_cost=10", "password.queue=0"))
    alice, bob = in_room(server, "Alice"), in_room(server, "Bob")
    crowd = [server.connect() for _ in range(500)]
    for wire in crowd:
        wire.start("login", username="Alice", password="not this one")
    for number in range(20):
        alice.request("send", to=ROOM, text=f"{number}")
        assert bob.message(kind="text")["text"] == f"{number}"
    assert not answered(crowd[-1])


def answered(wire: Wire) -> bool:
    """Whether received bytes wait to be read."""
    wire.socket.setblocking(False)
    try:
        return bool(wire.socket.recv(1, socket.MSG_PEEK))
    except BlockingIOError:
        return False
    finally:
        wire.socket.setblocking(True)


def test_secrets_are_not_in_log_or_process_list(serve: Serve) -> None:
    server = serve("--log-level", "debug")
    alice = server.user("Alice")
    secrets = ["geheim-1", "geheim-2", "geheim-3"]
    alice.request("change_password", password="111111", new_password=secrets[0])
    server.connect().ask("login", username="Alice", password=secrets[1])
    alice.request("create_room", room="#vault", capacity=3, password=secrets[2])
    alice.ask("enter_room", room="#vault", nickname="A", password=secrets[2])
    server.connect().ask("resume", token="geheim-token")
    alice.send_bytes(b'{"type":"login","id":1,"username":"Alice","password":"geheim-4"\n')
    alice.request("ping")
    command = Path(f"/proc/{server.process.pid}/cmdline").read_text()
    for text in (server.log, command):
        assert "geheim" not in text
        assert alice.token not in text


# Names


@pytest.mark.parametrize(
    ("name", "other"), [("#lab", "#LАВ"), ("#LАВ", "#lab"), ("#lab", "#ｌab"), ("#lab", "#l\u00adab")]
)
def test_look_alike_room_is_refused_in_either_order(server: Server, name: str, other: str) -> None:
    alice = server.user("Alice")
    alice.request("create_room", room=name, capacity=2)
    assert alice.refusal("create_room", room=other, capacity=2) in ("room_exists", "bad_room")


# Signals


def test_new_certificate_is_served_after_sighup(serve: Serve, tmp_path: Path) -> None:
    cert, key = brought(tmp_path / "old")
    server = serve("--tls-cert", str(cert), "--tls-key", str(key))
    before = certificate(server)
    standing = Wire(server.host, server.port, trusting())
    for old, new in zip((cert, key), brought(tmp_path / "new"), strict=True):
        new.replace(old)
    server.process.send_signal(signal.SIGHUP)
    while certificate(server) == before:
        pass
    assert standing.ask("ping")["type"] == "pong"
    standing.close()


def certificate(server: Server) -> bytes:
    with Wire(server.host, server.port, trusting()) as wire:
        assert isinstance(wire.socket, ssl.SSLSocket)
        shown = wire.socket.getpeercert(binary_form=True)
    assert shown is not None
    return shown


def test_sighup_without_tls_is_ignored(server: Server) -> None:
    server.process.send_signal(signal.SIGHUP)
    assert is_well(server)


def test_idle_client_does_not_delay_shutdown(server: Server) -> None:
    idle = [server.connect() for _ in range(20)]
    idle += [server.connect().register(f"user{number}") for number in range(20)]
    assert server.stop() == 0
    for wire in idle:
        ends: list[Json] = wire.rest()
        assert ends[-1]["code"] == "going_away"
