"""Floods before and after a login. Honest users must stay responsive.

The bounds are far above what is normal (a few milliseconds), and grow with the load of the machine: without
limits, these attacks stop the server for seconds.
"""

import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.attack.honest import Waits
from tests.attack.scene import PASSWORD, Scene, attack, end
from tests.support.processes import PATIENCE, Server, crowding

MEMORY = 250 << 20


@pytest.fixture(scope="module")
def scene(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scene]:
    scene = Scene(tmp_path_factory.mktemp("floods") / "data")
    yield scene
    scene.close()


@pytest.fixture(scope="module")
def filled_scene(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scene]:
    scene = Scene(tmp_path_factory.mktemp("floods-filled") / "data")
    scene.fill_room()
    yield scene
    scene.close()


@pytest.fixture(scope="module")
def encrypted_scene(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scene]:
    scene = Scene(tmp_path_factory.mktemp("floods-tls") / "data", "--tls")
    yield scene
    scene.close()


def assert_responsive(waits: Waits, scene: Scene) -> None:
    slowness = crowding()
    assert sorted(waits.pings)[len(waits.pings) // 2] < 0.1 * slowness, waits
    assert max(waits.acks) < 1.5 * slowness, waits
    assert scene.memory() < MEMORY


SOURCES = (f"127.0.1.{number}" for number in range(1, 255))
"""An address for each flood, so that the connection limit does not count the previous flood."""


@pytest.mark.parametrize(
    ("kind", "connections"),
    [
        ("escaped", 1), ("escaped", 60), ("not_logged_in", 60), ("empty", 60), ("blank", 60), ("objects", 60),
        ("deep", 4), ("bytes", 4), ("no_newline", 60), ("login", 4), ("resume", 60),
    ],
)  # fmt: skip
def test_flood_before_login_leaves_honest_users_responsive(scene: Scene, kind: str, connections: int) -> None:
    waits = scene.waits_beside(kind, next(SOURCES), connections)
    assert_responsive(waits, scene)


@pytest.mark.parametrize(
    ("kind", "connections"),
    [
        ("ping", 2), ("objects", 2), ("surrogates", 2), ("typing", 2), ("send", 20), ("nick", 20),
        ("away", 20), ("create_room", 20), ("list_rooms", 20),
    ],
)  # fmt: skip
def test_flood_after_login_leaves_honest_users_responsive(scene: Scene, kind: str, connections: int) -> None:
    waits = scene.waits_beside(kind, next(SOURCES), connections, "--login", f"Mallory:{PASSWORD}")
    assert_responsive(waits, scene)


@pytest.mark.parametrize(("kind", "options"), [("search", ()), ("export", ()), ("export", ("--deaf",))])
def test_long_reads_leave_honest_users_responsive(
    filled_scene: Scene, kind: str, options: tuple[str, ...]
) -> None:
    login = ("--login", f"Mallory:{PASSWORD}")
    waits = filled_scene.waits_beside(kind, next(SOURCES), 20, *login, *options)
    assert_responsive(waits, filled_scene)


def test_flood_that_reads_no_answers_leaves_honest_users_responsive(scene: Scene) -> None:
    waits = scene.waits_beside("ping", next(SOURCES), 60, "--deaf")
    assert_responsive(waits, scene)


def test_flood_from_the_address_of_honest_users_leaves_them_responsive(scene: Scene) -> None:
    waits = scene.waits_beside("escaped", "127.0.0.1", 40)
    assert_responsive(waits, scene)


@pytest.mark.parametrize("kind", ["escaped", "empty"])
def test_flood_over_tls_leaves_honest_users_responsive(encrypted_scene: Scene, kind: str) -> None:
    waits = encrypted_scene.waits_beside(kind, next(SOURCES), 20)
    assert_responsive(waits, encrypted_scene)


def test_sigterm_during_flood_ends_server_cleanly(tmp_path: Path) -> None:
    server = Server(tmp_path / "data", settings=()).start()
    flood = attack(server, "escaped", next(SOURCES), 60)
    os.kill(server.process.pid, signal.SIGTERM)
    assert server.process.wait(PATIENCE) == 0
    end(flood)
    server.close()
