"""Fixtures for all tests: a running server, logged-in users, a room, a terminal."""

import logging
import os
import sys
from collections.abc import Callable, Iterator
from itertools import count
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

from tests.support.processes import QUICK, Server, Wire
from tests.support.terminal import Terminal

pytest_plugins = ["tests.support.database", "tests.support.nats"]

settings.register_profile("unhurried", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("unhurried")  # the duration of an example only depends on the load of the machine

Serve = Callable[..., Server]
Open = Callable[..., Terminal]
Unique = Callable[[str], str]


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_auto_num_workers() -> int:
    """For ``-n auto``: most tests wait for another process half of the time."""
    return 2 * (os.cpu_count() or 1)


@pytest.fixture(autouse=True)
def unchanged_logging() -> Iterator[None]:
    """The log of this process, which a command run in it sets up for itself, is as before."""
    root = logging.getLogger()
    handlers, level, raises = root.handlers[:], root.level, logging.raiseExceptions
    yield
    root.handlers[:], logging.raiseExceptions = handlers, raises
    root.setLevel(level)


@pytest.fixture
def serve(tmp_path: Path) -> Iterator[Serve]:
    """Start servers, each with a data folder of its own: ``serve("--database", url, settings=(...))``."""
    servers: list[Server] = []

    def start(*arguments: str, settings: tuple[str, ...] = ()) -> Server:
        data = tmp_path / f"server-{len(servers)}"
        servers.append(Server(data, *arguments, settings=QUICK + settings))
        return servers[-1].start()

    yield start
    for server in servers:
        server.close()


@pytest.fixture
def server(serve: Serve) -> Server:
    """A new server on SQLite for one test."""
    return serve()


@pytest.fixture(scope="session", params=["sqlite", "mariadb", "mysql"])
def shared_server(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Server]:
    """One server an engine for all the tests that can live together, each with names of its own."""
    arguments = []
    if request.param != "sqlite":
        database = request.getfixturevalue(request.param)
        name = f"chat_{os.getpid()}_contract"
        database.drop(name)
        arguments = ["--database", database.url(name)]
    server = Server(tmp_path_factory.mktemp(request.param) / "data", *arguments)
    yield server.start()
    server.close()


_numbers = count(10)


@pytest.fixture(scope="session")
def unique() -> Unique:
    """``"Alice"`` -> ``"Alice17"``: a name that no other test has."""
    return lambda name: f"{name}{next(_numbers)}"


@pytest.fixture
def alice(shared_server: Server, unique: Unique) -> Wire:
    return shared_server.user(unique("Alice"))


@pytest.fixture
def bob(shared_server: Server, unique: Unique) -> Wire:
    return shared_server.user(unique("Bob"))


@pytest.fixture
def carol(shared_server: Server, unique: Unique) -> Wire:
    return shared_server.user(unique("Carol"))


@pytest.fixture
def room_name(unique: Unique) -> str:
    """The name of a room that does not exist."""
    return unique("#thuhole")


@pytest.fixture
def room(alice: Wire, room_name: str) -> str:
    """An empty room of five seats that Alice has created."""
    alice.request("create_room", room=room_name, capacity=5)
    return room_name


@pytest.fixture
def terminal(tmp_path: Path) -> Iterator[Open]:
    """Open terminals with ``chat-client`` in them: ``terminal("alice@host/room", columns=100)``."""
    terminals: list[Terminal] = []

    def start(*arguments: str, user: str = "", columns: int = 80, lines: int = 24) -> Terminal:
        home = tmp_path / f"home-{user or len(terminals)}"
        home.mkdir(exist_ok=True)
        command = [sys.executable, "-m", "chatroom.client", *arguments]
        terminals.append(Terminal(command, home, columns, lines))
        return terminals[-1]

    yield start
    for terminal in terminals:
        terminal.close()
