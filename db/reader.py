"""Runs reads: a query function runs on a small pool of threads, so that the event loop never waits.

``writer`` does the same for changes. A read sees one snapshot, committed before it began.
"""

import asyncio
import time
from asyncio import Future
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Concatenate, ParamSpec, TypeVar

from sqlalchemy import Connection, Engine

from chatroom.db.engine import begin_read
from chatroom.db.errors import DatabaseUnavailable, is_disconnect, is_outage, is_transient
from chatroom.db.statistics import DatabaseStatistics

P = ParamSpec("P")
T = TypeVar("T")

MAX_QUEUED_READS = 1000
"""Reads that may wait for a thread. Further ones would be answered after their clients' timeout."""

RETRY_WITHIN_SECONDS = 1.0
"""A read that failed within this time is tried again: its connection was dead. If it took longer, the
database hangs, and a second attempt would only hang again.
"""


class DatabaseReader:
    """Call ``run`` and ``close`` on the loop's thread."""

    def __init__(
        self, engine: Engine, threads: int = 4, statistics: DatabaseStatistics | None = None
    ) -> None:
        self._engine = engine
        self._statistics = statistics or DatabaseStatistics()
        self._threads = ThreadPoolExecutor(threads, thread_name_prefix="reader")
        self._waiting = 0

    async def run(
        self, function: Callable[Concatenate[Connection, P], T], *args: P.args, **kwargs: P.kwargs
    ) -> T:
        """Run a query function in a read-only transaction and return its result.

        Raises ``DatabaseUnavailable`` if the database is unavailable or too many reads are waiting, and
        the exceptions of the function.
        """
        return await self.start(function, *args, **kwargs)

    def start(
        self, function: Callable[Concatenate[Connection, P], T], *args: P.args, **kwargs: P.kwargs
    ) -> Future[T]:
        """Like ``run``, without waiting for the result."""
        if self._waiting >= MAX_QUEUED_READS:
            raise DatabaseUnavailable("too many reads are waiting")
        work = partial(self._run_query, lambda connection: function(connection, *args, **kwargs))
        self._waiting += 1
        result = asyncio.get_running_loop().run_in_executor(self._threads, work)
        result.add_done_callback(self._count_done)
        return result

    def _count_done(self, result: Future[T]) -> None:
        self._waiting -= 1

    async def run_statement(
        self, function: Callable[Concatenate[Connection, P], T], *args: P.args, **kwargs: P.kwargs
    ) -> T:
        """Like ``run``, for a function that executes one statement and needs no snapshot for several."""
        work = partial(self._run_query, lambda connection: function(connection, *args, **kwargs), single=True)
        return await asyncio.get_running_loop().run_in_executor(self._threads, work)

    @property
    def queue_length(self) -> int:
        """The number of reads that wait or run."""
        return self._waiting

    def close(self) -> None:
        """Finish the running reads and cancel the waiting ones. Blocks."""
        self._threads.shutdown(cancel_futures=True)

    def _run_query(self, function: Callable[[Connection], T], *, single: bool = False) -> T:
        began = time.monotonic()
        try:
            try:
                return self._attempt_query(function, single)
            except Exception as error:
                retryable = is_disconnect(error) or is_transient(error)
                if not retryable or time.monotonic() - began > RETRY_WITHIN_SECONDS:
                    raise
                self._statistics.count_error(error)
                self._statistics.count_retry()
                return self._attempt_query(function, single)
        except Exception as error:
            if is_outage(error) or is_transient(error):
                self._statistics.count_error(error)
                raise DatabaseUnavailable(str(error)) from error
            raise

    def _attempt_query(self, function: Callable[[Connection], T], single: bool) -> T:
        with self._engine.connect() if single else begin_read(self._engine) as connection:
            return function(connection)
