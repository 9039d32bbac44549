"""Every test of the view stands in one place and reads one clock."""

import time
from collections.abc import Iterator

import pytest

from client.view.messages import message_rows, message_time


@pytest.fixture(autouse=True)
def greenwich(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """UTC, whatever the machine's zone; nothing worked out elsewhere is remembered."""
    yield from _stand_in("UTC", monkeypatch)


@pytest.fixture
def beijing(greenwich: None, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    yield from _stand_in("Asia/Shanghai", monkeypatch)


def _stand_in(zone: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("TZ", zone)
    _look_at_the_clock()
    yield
    monkeypatch.undo()
    _look_at_the_clock()


def _look_at_the_clock() -> None:
    time.tzset()
    message_rows.cache_clear()
    message_time.cache_clear()
