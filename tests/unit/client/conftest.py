"""A client as a test wants it, and a server that plays its part."""

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

UNHURRIED = Timeouts(greeting=TEST_TIMEOUT, dial=TEST_TIMEOUT)
"""Nobody takes a busy machine for a server that speaks TLS, or for one that is dead."""

BRISK = replace(UNHURRIED, first=0.01, longest=0.01)
"""No test waits for a back-off."""


Start = Callable[..., App]


@pytest.fixture(autouse=True)
def _english() -> None:
    i18n.use_language("en")


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """The user's folder."""
    return tmp_path / "home"


@pytest.fixture
def fake() -> FakeServer:
    """A server that plays what the test says; the test begins it with ``async with``."""
    return FakeServer()


@pytest.fixture
async def start(home: Path) -> AsyncIterator[Start]:
    """Start clients, each as it is after its start, with everything that it keeps in ``home``."""
    started: list[App] = []

    def one(*, timeouts: Timeouts = BRISK, fill: bool = False) -> App:
        config = ClientConfig(home / "client.json")
        known_servers = KnownServers(home / "known_servers")
        app = App(config, known_servers, home, FakeFrontEnd(), timeouts=timeouts, fill=fill)
        started.append(app)
        return started[-1]

    yield one
    for app in started:
        await app.close()


@pytest.fixture
def client(home: Path) -> Run:
    return lambda *arguments: Client(home, *arguments)
