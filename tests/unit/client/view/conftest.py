"""Every test of the view stands in one place and reads one clock."""

import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from chatroom.client.model.state import ConnectionState
from chatroom.client.text import dates, i18n
from chatroom.client.view.history.message_rows import message_rows

from tests.unit.client.view.fake import FakeApp, friend, room


@pytest.fixture(autouse=True)
def greenwich(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """UTC, whatever the machine's zone; nothing worked out elsewhere is remembered."""
    yield from _stand_in("UTC", monkeypatch)


@pytest.fixture
def beijing(greenwich: None, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    yield from _stand_in("Asia/Shanghai", monkeypatch)


@pytest.fixture(params=["en", "zh"])
def language(request: pytest.FixtureRequest) -> str:
    i18n.use_language(request.param)
    return str(request.param)


@pytest.fixture
def english() -> None:
    i18n.use_language("en")


@pytest.fixture
def app(tmp_path: Path) -> FakeApp:
    """Nobody is logged in."""
    return FakeApp(tmp_path)


@pytest.fixture
def alice(app: FakeApp) -> FakeApp:
    """Alice is logged in; she knows two rooms and Bob, and sees the home screen."""
    room(app.state, says=200)
    room(app.state, "#zoo", says=3)
    friend(app.state)
    app.state.username, app.state.link = "Alice", ConnectionState.LOGGED_IN
    return app


def _stand_in(zone: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("TZ", zone)
    _look_at_the_clock()
    yield
    monkeypatch.undo()
    _look_at_the_clock()


def _look_at_the_clock() -> None:
    time.tzset()
    message_rows.cache_clear()
    dates._minute.cache_clear()
