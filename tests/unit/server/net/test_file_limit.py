"""The limit of open files, also on a system that refuses its own hard limit."""

import resource

import pytest

from chatroom.server.net import listener

UNLIMITED = resource.RLIM_INFINITY


def test_limit_is_raised_to_the_hard_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    limits: list[tuple[int, int]] = []
    monkeypatch.setattr(resource, "getrlimit", lambda resource_id: (256, 4096))
    monkeypatch.setattr(resource, "setrlimit", lambda resource_id, both: limits.append(both))
    listener.allow_many_files()
    assert limits == [(4096, 4096)]


@pytest.mark.parametrize("error", [ValueError, OSError])
def test_refused_unlimited_limit_is_replaced(monkeypatch: pytest.MonkeyPatch, error: type[Exception]) -> None:
    limits: list[tuple[int, int]] = []

    def set_limit(resource_id: int, both: tuple[int, int]) -> None:
        if both[0] == UNLIMITED:
            raise error
        limits.append(both)

    monkeypatch.setattr(resource, "getrlimit", lambda resource_id: (256, UNLIMITED))
    monkeypatch.setattr(resource, "setrlimit", set_limit)
    listener.allow_many_files()
    assert limits == [(listener.MACOS_OPEN_MAX, UNLIMITED)]


def test_limit_that_cannot_be_raised_is_logged(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def refuse(resource_id: int, both: tuple[int, int]) -> None:
        raise OSError

    monkeypatch.setattr(resource, "setrlimit", refuse)
    listener.allow_many_files()
    assert "the limit of open files stays at" in caplog.text
