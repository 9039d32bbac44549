"""Fixtures: clients, and the scripted server that they connect to."""

from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from pathlib import Path

import pytest

from chatroom.client.app import App
from chatroom.client.net.known_servers import KnownServers
from chatroom.client.net.reconnect import Timeouts
from chatroom.client.storage.config import ClientConfig
from chatroom.client.text import i18n
from tests.unit.client.fake_front_end import FakeFrontEnd
from tests.unit.client.fake_server import TEST_TIMEOUT, FakeServer
from tests.unit.client.line_client import Client, Run

LONG_TIMEOUTS = Timeouts(greeting=TEST_TIMEOUT, dial=TEST_TIMEOUT)
"""No timeout expires on a busy machine."""

FAST_RECONNECT = replace(LONG_TIMEOUTS, first_wait=0.01, longest_wait=0.01)
"""The wait before reconnecting is short, too."""


Start = Callable[..., App]


@pytest.fixture(autouse=True)
def _english() -> None:
    i18n.use_language("en")


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """The home folder of the user."""
    return tmp_path / "home"


@pytest.fixture
def fake() -> FakeServer:
    """A scripted server, which the test starts with ``async with``."""
    return FakeServer()


@pytest.fixture
async def start(home: Path) -> AsyncIterator[Start]:
    """Create clients with their files in ``home``."""
    started: list[App] = []

    def start_app(*, timeouts: Timeouts = FAST_RECONNECT, fill: bool = False) -> App:
        config = ClientConfig(home / "client.json")
        known_servers = KnownServers(home / "known_servers")
        app = App(config, known_servers, home, FakeFrontEnd(), timeouts=timeouts, fill=fill)
        started.append(app)
        return started[-1]

    yield start_app
    for app in started:
        await app.close()


@pytest.fixture
def client(home: Path) -> Run:
    return lambda *arguments: Client(home, *arguments)
