"""The load generators: both count sent, confirmed and received messages correctly."""

import shutil
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from bench.compiled import CompiledTalker
from bench.dialects import Chat, Irc
from bench.load import ClientPool, OpenTalker
from bench.talkers import Client, Delays, LoadError, PlainTalker
from tests.support.processes import Server, running

WINDOW = 5

needs_compiler = pytest.mark.skipif(shutil.which("cc") is None, reason="no C compiler here")


@pytest.fixture(params=[PlainTalker, pytest.param(CompiledTalker, marks=needs_compiler)])
def open_talker(
    request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> OpenTalker:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    chosen: OpenTalker = request.param
    return chosen


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    with running(tmp_path / "data") as server:
        yield server


def test_each_client_receives_each_message_of_its_room_once(server: Server, open_talker: OpenTalker) -> None:
    clients = ClientPool(Chat(), server.port, open_talker)
    members = clients.join([f"u{number}" for number in range(6)], ["room0", "room1"])  # three in each
    clients.talk(members[:4], window=WINDOW, warm_up=0, seconds=0, mark=lambda: None)
    assert [client.sent for client in members] == [WINDOW] * 4 + [0] * 2
    assert [client.confirmed for client in members] == [WINDOW] * 4 + [0] * 2
    assert [client.received for client in members] == [2 * WINDOW] * 6
    clients.close()


@pytest.fixture
def irc(open_talker: OpenTalker) -> Iterator[tuple[Client, socket.socket]]:
    """An IRC client, and the other end of its connection."""
    near, far = socket.socketpair()
    with near, far:
        client = Client("u0", near, "room0")
        client.begin(WINDOW)
        yield client, far


def test_irc_confirms_a_burst_with_a_pong(irc: tuple[Client, socket.socket], open_talker: OpenTalker) -> None:
    client, far = irc
    talker = open_talker(Irc(), [client], Delays())
    talker.listen(0, talking=True)
    assert far.recv(65536) == Irc().say("u0", "room0", WINDOW)
    far.sendall(b":u1!u1@host PRIVMSG #room0 :PONG or not?\r\n:server PONG server :5\r\n:u1 PRIV")
    while client.confirmed < WINDOW:
        talker.listen(0.01, talking=False)
    assert (client.sent, client.confirmed, client.received) == (WINDOW, WINDOW, 1)
    talker.close()


def test_confirmed_client_sends_the_next_messages(
    irc: tuple[Client, socket.socket], open_talker: OpenTalker
) -> None:
    client, far = irc
    talker = open_talker(Irc(), [client], delays := Delays())
    talker.listen(0, talking=True)
    far.recv(65536)
    far.sendall(b":server PONG server :2\r\n")
    while client.sent == WINDOW:
        talker.listen(0.01, talking=True)
    assert far.recv(65536) == Irc().say("u0", "room0", 2)
    assert client.sent == WINDOW + 2
    assert delays.within(0.5) > 0
    talker.close()


def test_closed_connection_raises_an_error(
    irc: tuple[Client, socket.socket], open_talker: OpenTalker
) -> None:
    client, far = irc
    talker = open_talker(Irc(), [client], Delays())
    far.close()
    with pytest.raises(LoadError, match="hung up on u0"):
        talker.listen(10, talking=False)
    talker.close()


def test_delays_return_the_percentile() -> None:
    delays = Delays()
    delays.add(0.001, 98)
    delays.add(0.5, 2)
    assert delays.within(0.5) == pytest.approx(0.001, abs=2e-5)
    assert delays.within(0.99) == pytest.approx(0.5, abs=2e-5)
    delays.clear()
    assert delays.within(0.5) == 0
