"""Coming in: who counts for an address and from when, also with TLS, and what happens with no file descriptor
left."""

import os
import resource
import socket
from contextlib import suppress
from pathlib import Path

import pytest

from chatroom.server.net.limits import MAX_REFUSALS
from chatroom.server.net.listener import RESERVED_FILES
from tests.conftest import Serve
from tests.contract.test_hostile_peers import in_room, is_well, raw, speaks_tls, until_closed
from tests.support.processes import Json, Server, Wire
from tests.unit.server.net.test_tls import trusting

ROOM = "#thuhole"


def frames_over_tls(server: Server) -> list[Json]:
    """Return what a new TLS connection receives until the server closes it."""
    with Wire(server.host, server.port, trusting()) as wire:
        return [wire.welcome, *wire.rest()]


def is_turned_away(server: Server) -> bool:
    (only,) = frames_over_tls(server)
    return bool(only["code"] == "too_many_connections" and only["details"]["retry_after"] > 0)


def test_unfinished_handshake_counts_as_a_connection(serve: Serve) -> None:
    server = serve("--tls", settings=("limits.connections_per_address=2",))
    silent = [raw(server), raw(server)]
    assert is_turned_away(server)
    silent.pop().close()
    wait_until_accepted(server)
    silent.pop().close()


def test_unfinished_handshake_counts_as_a_new_connection(serve: Serve) -> None:
    server = serve("--tls", settings=("limits.new_connections_per_minute=2",))
    for _ in range(2):
        raw(server).close()
    assert is_turned_away(server)


def test_handshake_timeout_frees_the_connection_slot(serve: Serve) -> None:
    server = serve("--tls", settings=("limits.connections_per_address=2", "limits.handshake_timeout=0.3"))
    for silent in [raw(server), raw(server)]:
        assert until_closed(silent) == b""
        silent.close()
    wait_until_accepted(server)


def wait_until_accepted(server: Server) -> None:
    """Connect again until the server has noticed that the earlier connections are closed."""
    answer = ""
    while answer != "welcome":
        with Wire(server.host, server.port, trusting()) as wire:
            answer = wire.welcome["type"]


def test_refusals_of_one_address_over_tls_are_limited(serve: Serve) -> None:
    """A refusal over TLS takes a handshake, so the refusals of one address at a time are limited."""
    server = serve("--tls", settings=("limits.connections_per_address=1", "limits.handshake_timeout=0"))
    flood = [raw(server) for _ in range(1 + MAX_REFUSALS)]
    with raw(server) as one_more:
        assert until_closed(one_more) == b""
    flood.pop().close()
    while not is_refused(server):
        pass
    for line in flood:
        line.close()


def is_refused(server: Server) -> bool:
    with suppress(OSError, EOFError):
        return is_turned_away(server)
    return False


def test_handshake_timeout_of_0_is_off(serve: Serve) -> None:
    server = serve("--tls", settings=("limits.handshake_timeout=0",))
    with raw(server) as silent:
        assert speaks_tls(server)
        silent.setblocking(False)
        with pytest.raises(BlockingIOError):
            silent.recv(1)


# File descriptors


def allow_files(server: Server, more: int) -> None:
    """Let the running server open so many more files than it has."""
    held = len(os.listdir(f"/proc/{server.process.pid}/fd"))
    _, most = resource.prlimit(server.process.pid, resource.RLIMIT_NOFILE)
    resource.prlimit(server.process.pid, resource.RLIMIT_NOFILE, (held + more, most))


@pytest.mark.parametrize(
    ("more", "words"), [(RESERVED_FILES + 10, "too few file descriptors"), (0, "cannot accept connections: ")]
)
def test_server_without_file_descriptors_keeps_its_connections(serve: Serve, more: int, words: str) -> None:
    """The last few descriptors are reserved for the database; without any, new connections wait."""
    server = serve()
    alice, bob = in_room(server, "Alice"), in_room(server, "Bob")
    allow_files(server, more)
    flood = [raw(server) for _ in range(100)]
    alice.request("send", to=ROOM, text="still here")
    assert bob.message(kind="text")["text"] == "still here"
    assert len(bob.request("history", conversation=ROOM)["messages"]) == 3
    for line in flood:
        line.close()
    allow_files(server, 2 * RESERVED_FILES)
    while True:
        with suppress(EOFError, OSError):
            if is_well(server):
                break
    assert server.log.count(words) == 1
    assert server.log.count("WARNING") == 1


def test_server_raises_its_file_descriptor_limit(server: Server) -> None:
    limits = Path(f"/proc/{server.process.pid}/limits").read_text()
    (line,) = (line for line in limits.splitlines() if line.startswith("Max open files"))
    soft, hard = line.split()[3:5]
    assert soft == hard


# Addresses


def test_host_name_with_several_addresses_listens_on_all(serve: Serve) -> None:
    """All addresses use the same port, also if the system chose it."""
    server = serve("--host", "", "--insecure")
    for host in ("127.0.0.1", "::1"):
        with suppress(OSError), socket.create_connection((host, server.port), timeout=30) as line:
            assert line.recv(1) == b"{"


def test_all_ipv6_addresses_include_all_ipv4_addresses(serve: Serve) -> None:
    server = serve("--host", "::", "--insecure")
    assert server.announcement.startswith("listening on [::]:") or not has_ipv6()
    for host in ("127.0.0.1", "::1") if has_ipv6() else ("127.0.0.1",):
        with socket.create_connection((host, server.port), timeout=10) as connected:
            assert connected.recv(1) == b"{"


def has_ipv6() -> bool:
    """Whether this machine has an IPv6 address of its own."""
    with suppress(OSError), socket.create_server(("::1", 0), family=socket.AF_INET6):
        return True
    return False
