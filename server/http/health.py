"""Answers whether the server is alive (``/healthz``) and whether it can serve clients (``/readyz``)."""

import asyncio
import math
import time

from sqlalchemy import Engine, text

from chatroom.db import background
from chatroom.db.engine import begin_read
from chatroom.server.http.sources import ServerPhase, ServerSources

PROBE_TIMEOUT_SECONDS = 2.0
"""A database that does not answer a query within this time counts as away."""

PROBE_VALID_SECONDS = 1.0
"""Seconds for which a result is used again, so that frequent checks cost nothing."""


class HealthChecks:
    """Runs on the loop of the HTTP thread."""

    def __init__(self, sources: ServerSources) -> None:
        self._sources = sources
        self._parts = sources.parts
        self._probe: asyncio.Task[None] | None = None
        self._probed_at = -math.inf  # end of the last probe
        self._has_answered = False

    def life_problem(self) -> str:
        """Return why the process should be restarted, or ``""``."""
        if seconds := self._parts.loop_monitor.stalled_seconds():
            return f"the event loop has not run for {seconds:.0f} s"
        if not self._parts.writer.current_state().is_alive:
            return "the writer has ended: nothing can be stored any more"
        return ""

    async def service_problem(self) -> str:
        """Return why clients cannot be served now, or ``""``."""
        phase = self._sources.phase()
        if phase is not ServerPhase.SERVING:
            return str(phase.value)
        if problem := self.life_problem():
            return problem
        if self._parts.writer.current_state().is_down or not await self._database_answers():
            return "the database is away"
        return ""

    async def _database_answers(self) -> bool:
        """Whether the database answers a query. At most one query runs, however long it takes."""
        if time.monotonic() - self._probed_at < PROBE_VALID_SECONDS:
            return self._has_answered
        if self._probe is None or self._probe.done():
            self._probe = background.start_task(asyncio.get_running_loop(), self._run_probe())
        done, _ = await asyncio.wait([self._probe], timeout=PROBE_TIMEOUT_SECONDS)
        return bool(done) and self._has_answered

    async def _run_probe(self) -> None:
        self._has_answered = await asyncio.to_thread(probe_database, self._parts.engine)
        self._probed_at = time.monotonic()


def probe_database(engine: Engine) -> bool:
    """Return whether the database answers a query."""
    try:
        with begin_read(engine) as connection:
            connection.execute(text("SELECT 1 FROM servers LIMIT 1")).all()
    except Exception:
        return False
    return True
