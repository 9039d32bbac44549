"""Health and readiness in states that a running server is in only for a moment."""

from pathlib import Path
from unittest.mock import Mock

import pytest

from chatroom.db.engine import open_engine
from chatroom.db.migrate import upgrade_schema
from chatroom.db.writer.writer import WriterState
from chatroom.server.http import health
from chatroom.server.http.health import HealthChecks
from chatroom.server.http.sources import ServerPhase, ServerSources

HEALTHY = WriterState(True, False, 0)


def checks(
    *,
    phase: ServerPhase = ServerPhase.SERVING,
    stalled: float = 0.0,
    writer: WriterState = HEALTHY,
    engine: object = None,
) -> HealthChecks:
    parts = Mock(engine=engine)
    parts.loop_monitor.stalled_seconds.return_value = stalled
    parts.writer.current_state.return_value = writer
    return HealthChecks(ServerSources(parts, lambda: phase, list, None))


@pytest.mark.parametrize("phase", [ServerPhase.STARTING, ServerPhase.STOPPING])
async def test_server_that_starts_or_stops_lives_and_is_not_ready(phase: ServerPhase) -> None:
    starting = checks(phase=phase)
    assert starting.life_problem() == ""
    assert await starting.service_problem() == phase.value


async def test_stalled_loop_is_reported() -> None:
    stalled = checks(stalled=7.4)
    assert stalled.life_problem() == "the event loop has not run for 7 s"
    assert await stalled.service_problem() == stalled.life_problem()


async def test_ended_writer_is_reported() -> None:
    assert "the writer has ended" in checks(writer=WriterState(False, False, 0)).life_problem()


async def test_writer_without_database_is_not_ready() -> None:
    away = checks(writer=WriterState(True, True, 0))
    assert away.life_problem() == ""
    assert await away.service_problem() == "the database is away"


async def test_database_is_probed_and_the_result_is_used_for_a_while(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    engine = open_engine(f"sqlite:///{tmp_path / 'chat.db'}")
    upgrade_schema(engine)
    ready = checks(engine=engine)
    assert await ready.service_problem() == ""
    monkeypatch.setattr(health, "probe_database", lambda _: False)
    assert await ready.service_problem() == ""
    monkeypatch.setattr(health, "PROBE_VALID_SECONDS", 0.0)
    assert await ready.service_problem() == "the database is away"
    engine.dispose()
