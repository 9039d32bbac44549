"""Fixtures for tests of the view: a fixed time zone, a language, and a client."""

import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from chatroom.client.model.state import ConnectionState
from chatroom.client.text import dates, i18n
from chatroom.client.view.history.message_rows import message_rows
from tests.unit.client.view.fake import FakeApp, add_friend, add_room


@pytest.fixture(autouse=True)
def utc(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Set the time zone to UTC, and clear the caches that depend on it."""
    yield from _use_zone("UTC", monkeypatch)


@pytest.fixture
def beijing(utc: None, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    yield from _use_zone("Asia/Shanghai", monkeypatch)


@pytest.fixture(params=["en", "zh"])
def language(request: pytest.FixtureRequest) -> str:
    i18n.use_language(request.param)
    return str(request.param)


@pytest.fixture
def english() -> None:
    i18n.use_language("en")


@pytest.fixture
def app(tmp_path: Path) -> FakeApp:
    """A client that is not logged in."""
    return FakeApp(tmp_path)


@pytest.fixture
def alice(app: FakeApp) -> FakeApp:
    """A client in which Alice is logged in, with two rooms and the friend Bob, on the home screen."""
    add_room(app.state, says=200)
    add_room(app.state, "#zoo", says=3)
    add_friend(app.state)
    app.state.username, app.state.link = "Alice", ConnectionState.LOGGED_IN
    return app


def _use_zone(zone: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("TZ", zone)
    _reset_time_zone()
    yield
    monkeypatch.undo()
    _reset_time_zone()


def _reset_time_zone() -> None:
    time.tzset()
    message_rows.cache_clear()
    dates._minute.cache_clear()
