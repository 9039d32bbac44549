"""A client as a test wants it, and a server that plays its part."""

from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from pathlib import Path

import pytest

from client import words
from client.app import App
from client.config import Config
from client.link import Pace
from client.trust import Trust
from tests.client.fake_server import PATIENCE, FakeServer

UNHURRIED = Pace(greeting=PATIENCE, dial=PATIENCE)
"""Nobody takes a busy machine for a server that speaks TLS, or for one that is dead."""

BRISK = replace(UNHURRIED, first=0.01, longest=0.01)
"""No test waits for a back-off."""


Start = Callable[..., App]


@pytest.fixture(autouse=True)
def _english() -> None:
    words.use("en")


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

    def one(*, pace: Pace = BRISK, fill: bool = False) -> App:
        config = Config(home / "client.json")
        started.append(App(config, Trust(home / "known_servers"), home, pace=pace, fill=fill))
        return started[-1]

    yield one
    for app in started:
        await app.close()
