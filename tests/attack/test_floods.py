"""Floods before and after a login. Honest users must stay responsive.

The bounds are far above what is normal (a few milliseconds), and grow with the load of the machine: without
limits, these attacks stop the server for seconds.
"""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.attack.honest import Waits, measure
from tests.contract.test_hostile_peers import memory, trusting
from tests.support.processes import PATIENCE, ROOT, Server, Wire, crowding

SECONDS = 1.0
MEMORY = 250 << 20
PASSWORD = "wrong-1"

Flood = subprocess.Popen[bytes]


def attack(server: Server, kind: str, source: str, connections: int, *options: str) -> Flood:
    """Start a flood, and wait until it has a connection."""
    command = [sys.executable, "-m", "tests.attack.flood", str(server.port), kind, "--addresses", source]
    flood = subprocess.Popen(
        [*command, "--connections", str(connections), *options], cwd=ROOT, stdout=subprocess.PIPE
    )
    assert flood.stdout is not None
    assert flood.stdout.readline() == b"connected\n"
    return flood


def end(flood: Flood) -> None:
    flood.kill()
    flood.wait(PATIENCE)
    assert flood.stdout is not None
    flood.stdout.close()


class Scene:
    """A server with its default limits, and two honest users in a room."""

    def __init__(self, data: Path, *arguments: str) -> None:
        self.server = Server(data, *arguments, settings=())
        self.server.start()
        self.is_encrypted = bool(arguments)
        self.pinging, self.sending = self.connect().register("Bob"), self.connect().register("Alice")
        self.connect().register("Mallory", PASSWORD).close()
        self.sending.request("create_room", room="#lab", capacity=9)
        self.sending.request("enter_room", room="#lab", nickname="A")

    def connect(self) -> Wire:
        return Wire(self.server.host, self.server.port, trusting() if self.is_encrypted else None)

    def waits_beside(self, kind: str, source: str, connections: int, *options: str) -> Waits:
        encrypted = ("--tls",) if self.is_encrypted else ()
        flood = attack(self.server, kind, source, connections, *encrypted, *options)
        try:
            return measure(self.pinging, self.sending, "#lab", SECONDS)
        finally:
            end(flood)

    def close(self) -> None:
        self.pinging.close()
        self.sending.close()
        self.server.close()


@pytest.fixture(scope="module")
def scene(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scene]:
    scene = Scene(tmp_path_factory.mktemp("floods") / "data")
    yield scene
    scene.close()


@pytest.fixture(scope="module")
def encrypted_scene(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scene]:
    scene = Scene(tmp_path_factory.mktemp("floods-tls") / "data", "--tls")
    yield scene
    scene.close()


def assert_responsive(waits: Waits, server: Server) -> None:
    slowness = crowding()
    assert sorted(waits.pings)[len(waits.pings) // 2] < 0.1 * slowness, waits
    assert max(waits.acks) < 1.5 * slowness, waits
    assert memory(server) < MEMORY


SOURCES = (f"127.0.1.{number}" for number in range(1, 255))
"""An address for each flood, so that the connection limit does not count the previous flood."""


@pytest.mark.parametrize(
    ("kind", "connections"),
    [
        ("escaped", 1), ("escaped", 60), ("not_logged_in", 60), ("empty", 60), ("blank", 60), ("objects", 60),
        ("deep", 4), ("bytes", 4), ("no_newline", 60), ("login", 4),
    ],
)  # fmt: skip
def test_flood_before_login_leaves_honest_users_responsive(scene: Scene, kind: str, connections: int) -> None:
    waits = scene.waits_beside(kind, next(SOURCES), connections)
    assert_responsive(waits, scene.server)


@pytest.mark.parametrize("kind", ["ping", "objects", "surrogates", "typing"])
def test_flood_after_login_leaves_honest_users_responsive(scene: Scene, kind: str) -> None:
    waits = scene.waits_beside(kind, next(SOURCES), 2, "--login", f"Mallory:{PASSWORD}")
    assert_responsive(waits, scene.server)


def test_flood_that_reads_no_answers_leaves_honest_users_responsive(scene: Scene) -> None:
    waits = scene.waits_beside("ping", next(SOURCES), 60, "--deaf")
    assert_responsive(waits, scene.server)


def test_flood_from_the_address_of_honest_users_leaves_them_responsive(scene: Scene) -> None:
    waits = scene.waits_beside("escaped", "127.0.0.1", 40)
    assert_responsive(waits, scene.server)


@pytest.mark.parametrize("kind", ["escaped", "empty"])
def test_flood_over_tls_leaves_honest_users_responsive(encrypted_scene: Scene, kind: str) -> None:
    waits = encrypted_scene.waits_beside(kind, next(SOURCES), 20)
    assert_responsive(waits, encrypted_scene.server)


def test_sigterm_during_flood_ends_server_cleanly(tmp_path: Path) -> None:
    server = Server(tmp_path / "data", settings=()).start()
    flood = attack(server, "escaped", next(SOURCES), 60)
    os.kill(server.process.pid, signal.SIGTERM)
    assert server.process.wait(PATIENCE) == 0
    end(flood)
    server.close()
