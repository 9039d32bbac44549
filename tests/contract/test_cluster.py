"""Server processes connected by NATS: hints shorten delays, and correctness does not depend on them."""

import asyncio
import threading
import time
from collections.abc import Coroutine, Iterator
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

import nats as nats_client
import pytest
from nats.aio.client import Client
from nats.aio.msg import Msg

from tests.conftest import Serve
from tests.contract.test_start_failures import failure
from tests.support.database import DatabaseServer, fresh_database
from tests.support.nats import NatsServer
from tests.support.processes import PATIENCE, Server, Wire

ROOM = "#thuhole"
QUIET = ("--log-level", "error")
T = TypeVar("T")


class Site(NamedTuple):
    east: Server
    west: Server
    nats: NatsServer


@pytest.fixture
def site(serve: Serve, mariadb: DatabaseServer, nats: NatsServer) -> Iterator[Site]:
    with fresh_database(mariadb) as url:
        arguments = ("--database", url, "--cluster", nats.url)
        hours = ("limits.linger=3600",)
        yield Site(serve(*arguments, settings=hours), serve(*arguments, settings=hours), nats)


@pytest.fixture
def people(site: Site) -> tuple[Wire, Wire]:
    """Alice in the east and Bob in the west, in one room."""
    alice, bob = site.east.user("Alice"), site.west.user("Bob")
    alice.request("create_room", room=ROOM, capacity=5)
    for wire in (alice, bob):
        wire.request("enter_room", room=ROOM, nickname=wire.username.upper())
    alice.message(kind="enter", username="Bob")
    return alice, bob


def wait_for_log(server: Server, text: str, times: int = 1) -> None:
    deadline = threading.Event()
    for _ in range(3000):
        if server.log.count(text) >= times:
            return
        deadline.wait(0.02)
    raise AssertionError(f"no {text!r} in the log:\n{server.log}")


def exchange(alice: Wire, bob: Wire, count: int = 20) -> None:
    """Both send, and both receive everything once and in order."""
    for wire in (alice, bob):
        for number in range(count):
            wire.start("send", to=ROOM, text=f"{wire.username} {number}")
    streams = [read_texts(wire, 2 * count) for wire in (alice, bob)]
    first = streams[0][0]
    assert streams[0] == streams[1] == list(range(first, first + 2 * count))


def read_texts(wire: Wire, count: int) -> list[int]:
    """The seqs of the next texts."""
    seqs: list[int] = []
    while len(seqs) < count:
        frame = wire.events.pop(0) if wire.events else wire.read()
        assert frame["type"] != "error", frame
        if frame["type"] == "message" and frame["message"]["kind"] == "text":
            seqs.append(frame["message"]["seq"])
    return seqs


def test_messages_arrive_while_nats_is_lost_and_after_it_is_back(
    site: Site, people: tuple[Wire, Wire]
) -> None:
    exchange(*people)
    site.nats.kill()
    for server in (site.east, site.west):
        wait_for_log(server, "is lost: changes of other server processes are polled")
    exchange(*people)
    site.nats.start()
    for server in (site.east, site.west):
        wait_for_log(server, "NATS is back")
    exchange(*people)
    for server in (site.east, site.west):
        assert server.log.count("is lost") == 1


def test_messages_arrive_while_nats_is_stopped(site: Site, people: tuple[Wire, Wire]) -> None:
    site.nats.pause()
    exchange(*people)
    site.nats.resume()
    exchange(*people)


def test_process_starts_while_nats_is_lost(site: Site, people: tuple[Wire, Wire]) -> None:
    """NATS that has worked for this database before is an outage, not a wrong URL."""
    alice, bob = people
    site.nats.kill()
    site.west.restart()
    bob = site.west.connect().login("Bob")
    exchange(alice, bob)
    site.nats.start()
    for server in (site.east, site.west):
        wait_for_log(server, "NATS is back")
    exchange(alice, bob)


def test_typing_is_shown_on_the_other_process(people: tuple[Wire, Wire]) -> None:
    alice, bob = people
    alice.request("typing", conversation=ROOM)
    assert bob.event("typing") == {
        "type": "typing", "conversation": ROOM, "username": "Alice", "nickname": "ALICE",
    }  # fmt: skip


def test_typing_in_private_chat_is_shown_on_the_other_process(people: tuple[Wire, Wire]) -> None:
    alice, bob = people
    alice.request("add_friend", username="Bob")
    bob.event("friend")
    alice.request("typing", conversation="@Bob")
    assert bob.event("typing")["conversation"] == "@Alice"


def test_away_message_is_shown_on_the_other_process(site: Site, people: tuple[Wire, Wire]) -> None:
    alice, bob = people
    alice.request("set_away", text="lunch")
    assert bob.event("presence", username="Alice", away="lunch")["online"] is True
    assert bob.request("whois", username="Alice")["user"]["away"] == "lunch"
    second = site.west.connect().login("Alice")
    second.request("set_away", text="")
    assert "away" not in alice.event("presence", username="Alice")
    assert "away" not in bob.request("whois", username="Alice")["user"]


def test_process_that_comes_later_learns_who_is_away(
    site: Site, people: tuple[Wire, Wire], serve: Serve
) -> None:
    alice, _ = people
    alice.request("set_away", text="lunch")
    site.west.restart()
    bob = site.west.connect().login("Bob")
    if "away" not in bob.request("whois", username="Alice")["user"]:
        bob.event("presence", username="Alice", away="lunch")
    assert bob.request("whois", username="Alice")["user"]["away"] == "lunch"


def test_wrong_passwords_count_on_all_processes(
    serve: Serve, mariadb: DatabaseServer, nats: NatsServer
) -> None:
    with fresh_database(mariadb) as url:
        arguments = ("--database", url, "--cluster", nats.url)
        east, west = (serve(*arguments, settings=("limits.password_attempts=5",)) for _ in range(2))
        east.user("Alice")
        for server in (east, west, east, west, east):
            wire = server.connect()
            assert wire.refusal("login", username="Alice", password="wrong one") == "wrong_password"
        for server in (east, west):
            wire = server.connect()
            while (code := wire.refusal("login", username="Alice", password="wrong one")) == "wrong_password":
                pass  # the hint of the last attempt may still arrive; later attempts count too
            assert code == "too_many_attempts"


class Eavesdropper:
    """Another client of NATS, which receives all frames and can publish them again."""

    def __init__(self, nats: NatsServer) -> None:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()
        self.received: list[Msg] = []
        self.client: Client = self._do(nats_client.connect(nats.url))
        self._do(self.client.subscribe("chatroom.>", cb=self._receive))
        self._do(self.client.flush())

    def _do(self, work: Coroutine[Any, Any, T]) -> T:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(60)

    async def _receive(self, message: Msg) -> None:
        self.received.append(message)

    def wait_for(self, text: bytes) -> None:
        """Wait until a frame with this text was received."""
        deadline = time.monotonic() + PATIENCE
        while not any(text in message.data for message in self.received):
            assert time.monotonic() < deadline, "NATS carries no hints"
            time.sleep(0.01)

    def publish(self, subject: str, data: bytes) -> None:
        self._do(self.client.publish(subject, data))
        self._do(self.client.flush())

    def close(self) -> None:
        self._do(self.client.close())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()


@pytest.fixture
def eavesdropper(site: Site) -> Iterator[Eavesdropper]:
    foreign = Eavesdropper(site.nats)
    yield foreign
    foreign.close()


def test_forged_and_repeated_hints_change_nothing(
    people: tuple[Wire, Wire], eavesdropper: Eavesdropper
) -> None:
    alice, bob = people
    alice.request("send", to=ROOM, text="the truth")
    for wire in (alice, bob):
        wire.message(text="the truth")
    eavesdropper.wait_for(b"the truth")
    frames = [each for each in eavesdropper.received if b"the truth" in each.data]
    assert frames
    for frame in frames:
        eavesdropper.publish(frame.subject, frame.data)
        eavesdropper.publish(frame.subject, frame.data.replace(b"the truth", b"forgeries"))
        eavesdropper.publish(frame.subject, frame.data[16:])
        eavesdropper.publish(frame.subject, b"")
    exchange(alice, bob)
    texts = [event["message"]["text"] for event in bob.events if event["type"] == "message"]
    assert "forgeries" not in texts
    assert "the truth" not in texts


# Configuration errors are reported in one line


def test_unreachable_nats_is_one_line(tmp_path: Path, mariadb: DatabaseServer) -> None:
    with fresh_database(mariadb) as url:
        line = failure(tmp_path, *QUIET, "--database", url, "--cluster", "nats://127.0.0.1:1")
        assert "cannot reach NATS at 127.0.0.1:1" in line


def test_wrong_nats_credentials_are_one_line(tmp_path: Path, mariadb: DatabaseServer) -> None:
    nats = NatsServer(tmp_path, "--user", "chat", "--pass", "right").start()
    try:
        with fresh_database(mariadb) as url:
            where = f"127.0.0.1:{nats.port}"
            line = failure(tmp_path, *QUIET, "--database", url, "--cluster", f"nats://chat:secret@{where}")
            assert f"NATS at {where} refuses" in line
            assert "secret" not in line
            server = Server(tmp_path / "right", "--database", url, "--cluster", f"nats://chat:right@{where}")
            server.start()
            server.close()
    finally:
        nats.kill()


@pytest.mark.parametrize(
    "url", ["http://localhost", "nats://", "nats://host:port", "nats://a,,b", "nats://h:0", "nats://h/x"]
)
def test_invalid_nats_url_is_one_line(tmp_path: Path, url: str) -> None:
    assert "NATS URL" in failure(
        tmp_path, "--data", "x", "--database", "mysql://127.0.0.1:1/chat", "--cluster", url
    )


def test_cluster_on_sqlite_is_refused(tmp_path: Path) -> None:
    line = failure(tmp_path, "--data", str(tmp_path), "--cluster", "nats://127.0.0.1:1")
    assert "--cluster needs a MySQL or MariaDB database" in line


def test_missing_extra_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "nats").mkdir()
    (tmp_path / "nats" / "__init__.py").write_text("raise ImportError")
    line = failure(tmp_path, "--database", "mysql://127.0.0.1:1/chat", "--cluster", "nats://127.0.0.1:1",
                   environment={"PYTHONPATH": str(tmp_path)})  # fmt: skip
    assert "pip install 'chatroom[cluster]'" in line
