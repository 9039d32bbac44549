"""Door 1: reads. A query function runs on a small pool of threads; the loop never waits.

The counterpart is ``writer``, the door for changes. What a read returns was committed before it began, all of
it as of one moment.
"""

import asyncio
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Concatenate, ParamSpec, TypeVar

from chatroom.db.engine import begin_read
from chatroom.db.errors import DatabaseUnavailable, is_disconnect, is_outage, is_transient
from sqlalchemy import Connection, Engine

P = ParamSpec("P")
T = TypeVar("T")

MAX_QUEUED_READS = 1000
"""Reads that may wait for a thread. More would be answered after their clients have lost patience."""

RETRY_WITHIN_SECONDS = 1.0
"""Seconds. A connection that was found dead is replaced; a database that hangs would only hang again."""


class DatabaseReader:
    """``run`` and ``close`` belong to the loop's thread."""

    def __init__(self, engine: Engine, threads: int = 4) -> None:
        self._engine = engine
        self._threads = ThreadPoolExecutor(threads, thread_name_prefix="store")
        self._waiting = 0
        self._long = asyncio.Semaphore()

    async def run(
        self, function: Callable[Concatenate[Connection, P], T], *args: P.args, **kwargs: P.kwargs
    ) -> T:
        """What the query function returns, in a transaction of its own that only reads.

        Raises ``DatabaseUnavailable`` when the database is away or too many reads wait, and whatever the
        function raises.
        """
        if self._waiting >= MAX_QUEUED_READS:
            raise DatabaseUnavailable("too many reads are waiting")
        work = partial(self._run_query, lambda connection: function(connection, *args, **kwargs))
        self._waiting += 1
        try:
            return await asyncio.get_running_loop().run_in_executor(self._threads, work)
        finally:
            self._waiting -= 1

    async def run_long(self, function: Callable[[Connection], T]) -> T:
        """``run`` for what takes long: one at a time, so that the other threads are there for the rest."""
        async with self._long:
            return await self.run(function)

    def close(self) -> None:
        """Finish what is being read, forget what waits. Blocks."""
        self._threads.shutdown(cancel_futures=True)

    def _run_query(self, function: Callable[[Connection], T]) -> T:
        began = time.monotonic()
        try:
            try:
                return self._attempt_query(function)
            except Exception as error:
                again = is_disconnect(error) or is_transient(error)
                if not again or time.monotonic() - began > RETRY_WITHIN_SECONDS:
                    raise
                return self._attempt_query(function)
        except Exception as error:
            if is_outage(error) or is_transient(error):
                raise DatabaseUnavailable(str(error)) from error
            raise

    def _attempt_query(self, function: Callable[[Connection], T]) -> T:
        with begin_read(self._engine) as connection:
            return function(connection)
