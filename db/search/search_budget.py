"""Bounds the work of one search. When its budget is used up, a search returns what it has found, and a cursor
to continue it.
"""

import sqlite3
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from sqlalchemy import Connection

CPU_SECONDS = 0.3
"""CPU time of its thread for one search. An ordinary one takes some milliseconds."""

TOTAL_SECONDS = 1.5
"""Seconds for one search, with all waiting."""

BURST_SECONDS = 0.01
REST_SECONDS = 0.005
"""A long search rests after each burst: Python runs one thread at a time, and the event loop and the writer
must not wait for it.
"""

STATEMENT_SECONDS = 2.0
"""Seconds after which the database interrupts a statement of a search."""

STEPS_PER_CHECK = 20_000
"""Steps of SQLite between two looks at the clock: about 1 ms."""


class SearchBudget:
    """``cpu`` returns the CPU seconds of this thread, ``clock`` seconds."""

    def __init__(
        self,
        cpu_seconds: float = CPU_SECONDS,
        total_seconds: float = TOTAL_SECONDS,
        *,
        cpu: Callable[[], float] = time.thread_time,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._cpu, self._clock, self._sleep = cpu, clock, sleep
        self._rest_at = cpu() + BURST_SECONDS
        self._cpu_end = cpu() + cpu_seconds
        self._end = clock() + total_seconds

    def is_spent(self) -> bool:
        """Whether the search must end. Called for each message; a long search sleeps here."""
        used = self._cpu()
        if used >= self._rest_at:
            self._sleep(REST_SECONDS)
            self._rest_at = self._cpu() + BURST_SECONDS
        return used >= self._cpu_end or self._clock() >= self._end


@contextmanager
def limited_statements(connection: Connection) -> Iterator[None]:
    """Let SQLite interrupt statements that run too long. A connection to MySQL has its own timeout."""
    driver: Any = connection.connection.dbapi_connection
    if not isinstance(driver, sqlite3.Connection):
        yield
        return
    end = time.monotonic() + STATEMENT_SECONDS
    driver.set_progress_handler(lambda: time.monotonic() > end, STEPS_PER_CHECK)
    try:
        yield
    finally:
        driver.set_progress_handler(None, 0)
