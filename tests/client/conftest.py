"""Tests of the client may be coroutines: each runs in a loop of its own, and fails rather than hang."""

import asyncio
import inspect
from pathlib import Path

import pytest

from client import words
from client.app import App
from client.config import Config
from client.link import Pace
from client.trust import Trust
from tests.client.fake_server import FakeServer

PATIENCE = 30.0
"""Seconds. Nothing depends on it while the code is right."""

BRISK = Pace(first=0.01, longest=0.01)
"""No test waits for a back-off."""


@pytest.hookimpl(tryfirst=True)
def pytest_pyfunc_call(pyfuncitem: pytest.Function) -> bool | None:
    if not inspect.iscoroutinefunction(pyfuncitem.obj):
        return None
    names = pyfuncitem._fixtureinfo.argnames
    arguments = {name: pyfuncitem.funcargs[name] for name in names}

    async def story() -> None:
        async with asyncio.timeout(PATIENCE):
            await pyfuncitem.obj(**arguments)

    asyncio.run(story())
    return True


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


def new_app(home: Path, *, pace: Pace = BRISK, fill: bool = False) -> App:
    """A client as it is after its start, with everything that it keeps in ``home``."""
    config = Config(home / "client.json")
    return App(config, Trust(home / "known_servers"), home, pace=pace, fill=fill)
