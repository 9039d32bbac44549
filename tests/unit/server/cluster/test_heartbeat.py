"""The log lines of a heartbeat about this process."""

from typing import Any
from unittest.mock import Mock

import pytest

from chatroom.server.cluster.heartbeat import Heartbeat, HeartbeatResult
from chatroom.server.cluster.identity import ServerIdentity

COUNTED_AS_DEAD = "the other server processes counted this one as dead: no heartbeat for 30 s"


@pytest.fixture
def heartbeat() -> Heartbeat:
    parts: Any = Mock()
    return Heartbeat(ServerIdentity(b"E" * 32), parts, parts, parts)


def beat(heartbeat: Heartbeat, *, was_missing: bool = False, lead: float = 0.0) -> None:
    heartbeat._apply_result(HeartbeatResult([], {}, was_missing, lead))


def test_clock_that_differs_is_logged_once(heartbeat: Heartbeat, caplog: pytest.LogCaptureFixture) -> None:
    for lead in (0.0, 4.9, -120.2, -119.8, 0.1, -0.1):
        beat(heartbeat, lead=lead)
    assert caplog.messages == [
        "the clock of this machine differs from the database's by -120 s",
        "the clock of this machine agrees with the database's",
    ]


def test_process_that_was_counted_as_dead_logs_it(
    heartbeat: Heartbeat, caplog: pytest.LogCaptureFixture
) -> None:
    beat(heartbeat)
    assert not caplog.messages
    beat(heartbeat, was_missing=True)
    assert caplog.messages == [COUNTED_AS_DEAD]
