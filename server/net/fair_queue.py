"""Queues in which addresses take turns, so that many requests from one do not delay those of others."""

import asyncio
from asyncio import Future
from collections.abc import Callable
from heapq import heappop, heappush
from itertools import count
from typing import Any, Protocol, TypeVar

from chatroom.protocol.errors import Unavailable
from chatroom.server.net.limits import address_group

T = TypeVar("T")

FairJob = tuple[int, int, Callable[[], Any], "Future[Any]"]
"""The earlier requests of the same connection, the order of arrival, the function to call, and the future of
its result."""


STOP_RETRY_SECONDS = 1.0
"""``retry_after`` of jobs that wait when the server stops."""


class FairQueue:
    """A queue of jobs in which addresses take turns. Within one address, connections with fewer earlier
    requests go first."""

    def __init__(self) -> None:
        self._jobs: dict[str, list[FairJob]] = {}  # heaps by address; the next address comes first

    def __len__(self) -> int:
        return sum(map(len, self._jobs.values()))

    def __bool__(self) -> bool:
        return bool(self._jobs)

    def add(self, address: str, job: FairJob) -> None:
        heappush(self._jobs.setdefault(address, []), job)

    def pop(self) -> FairJob | None:
        """Remove and return the next job that was not cancelled."""
        while self._jobs:
            address = next(iter(self._jobs))
            jobs = self._jobs.pop(address)
            job = heappop(jobs)
            if jobs:
                self._jobs[address] = jobs
            if not job[-1].cancelled():
                return job
        return None

    def refuse_all(self) -> None:
        """Shutting down: refuse the jobs that wait."""
        while (job := self.pop()) is not None:
            job[-1].set_exception(Unavailable(retry_after=STOP_RETRY_SECONDS))

    def ahead(self, address: str, earlier: int) -> int:
        """Return how many jobs would run before a new one."""
        own = sum(job[0] <= earlier for job in self._jobs.get(address, ()))
        return own + sum(min(len(jobs), own + 1) for other, jobs in self._jobs.items() if other != address)


class Reading(Protocol):
    """A session that reads from the database."""

    address: str
    reads: int  # requested so far


class FairLane:
    """Runs up to ``width`` jobs at once; the others wait in a ``FairQueue``."""

    def __init__(self, width: int) -> None:
        self._width = width
        self._running = 0
        self._is_stopping = False
        self.waiting = 0
        self._queue = FairQueue()
        self._numbers = count()

    async def run(self, asker: Reading, start: Callable[[], "Future[T]"]) -> T:
        """Wait for a turn, call ``start``, and wait for its future.

        If the caller is cancelled, the job keeps its place until it ends, because a thread cannot be stopped.
        """
        await self._take_turn(asker)
        try:
            future = start()
        except BaseException:
            self._end_turn()
            raise
        future.add_done_callback(self._end_turn)
        return await asyncio.shield(future)

    async def _take_turn(self, asker: Reading) -> None:
        if self._is_stopping:
            raise Unavailable(retry_after=STOP_RETRY_SECONDS)
        earlier, asker.reads = asker.reads, asker.reads + 1
        if self._running < self._width and not self._queue:
            self._running += 1
            return
        turn: Future[None] = asyncio.get_running_loop().create_future()
        self._queue.add(address_group(asker.address), (earlier, next(self._numbers), _nothing, turn))
        self.waiting += 1
        try:
            await turn
        except asyncio.CancelledError:
            if turn.done() and not turn.cancelled():  # the turn had begun
                self._end_turn()
            raise
        finally:
            self.waiting -= 1

    def refuse_waiting(self) -> None:
        """Shutting down: refuse the jobs that wait, and later ones."""
        self._is_stopping = True
        self._queue.refuse_all()

    def _end_turn(self, future: "Future[Any] | None" = None) -> None:
        if future is not None and not future.cancelled():
            future.exception()  # mark it as retrieved, if the caller was cancelled
        self._running -= 1
        while self._running < self._width and (job := self._queue.pop()) is not None:
            self._running += 1
            job[-1].set_result(None)


def _nothing() -> None:
    pass


class ReadLanes:
    """The turns of sessions at the reader threads. Slow reads run one at a time, and one thread is left for
    logins, which do not use lanes."""

    def __init__(self, threads: int) -> None:
        self.fast = FairLane(max(1, threads - 2))
        self.slow = FairLane(1)

    def refuse_waiting(self) -> None:
        """Shutting down: refuse the reads that wait."""
        self.fast.refuse_waiting()
        self.slow.refuse_waiting()

    @property
    def waiting(self) -> int:
        """The number of reads that wait for their turn. Callable on any thread."""
        return self.fast.waiting + self.slow.waiting
