"""What waits for the writer: added on the loop, taken by the writer's thread, as much at once as makes sense.

The counterpart is ``writer``. Two things make a batch larger than what lies there by chance:

* What comes in one tick of the loop comes together: the writer is woken at the tick's end.
* A transaction costs about as much for one message as for ten, and so does telling everybody of it. Where
  fifty talk, each of whom waits for an answer, a writer that takes what is there takes a few at a time, for
  ever: the others come back while those are written. So whoever finds fewer here than there are about waits
  a moment for the rest, as PostgreSQL does (``commit_delay``). How many are about is known from the last
  time: those taken then, who have had their answers since, and those who have come meanwhile.

Somebody who is alone is never waited with.
"""

import queue
import sys
import time
from asyncio import AbstractEventLoop
from collections import deque
from contextlib import suppress

from chatroom.db.writer.batch_scheduler import BatchScheduler
from chatroom.db.writer.operations import Operation

MAX_BATCH = 400
"""More in one transaction gains little on the disk; and while one that holds all who talk is written, nobody
else can be served."""

GATHER_SECONDS = 0.002
"""Seconds to wait for the others, at most: what a small transaction takes, with handing it out."""

NOT_WAITING = sys.maxsize
"""Wanted while the writer does not listen to the bell."""


class WriteQueue:
    """``add_operation`` and ``batch_answered`` MUST be called on the loop, ``take_batch`` and
    ``batch_written`` by one other thread, ``close``
    anywhere. For each batch that is taken, ``batch_written`` MUST come before anybody in it is answered, and
    ``batch_answered``
    when all are.
    """

    def __init__(self, loop: AbstractEventLoop) -> None:
        self._loop = loop
        self._arrived: deque[Operation] = deque()
        self._backlog = BatchScheduler()  # the taking thread's
        self._bell: queue.SimpleQueue[None] = queue.SimpleQueue()
        self._wanted = NOT_WAITING  # how many must be here for the bell to be rung
        self._taken = 0  # in the last batch
        self._about = 0  # senders who may have more to say
        self._told = True  # whoever was in the last batch has been answered
        self._tick = False  # something came in this tick of the loop
        self._closed = False

    def add_operation(self, one: Operation) -> None:
        self._arrived.append(one)
        if not self._tick:
            self._tick = True
            self._loop.call_soon(self._end_tick)

    def close(self) -> None:
        """There will be no more; what waits can still be taken."""
        self._closed = True
        self._bell.put(None)

    def take_batch(self, timeout: float | None = None) -> list[Operation]:
        """What waits, or as much of it as makes a batch; nothing when it is closed. Blocks until there is
        something, or for so many seconds.
        """
        self._wait_for_more(1, within=timeout)
        if timeout is not None and not self._count_waiting():
            self._taken = 0
            return []
        self._wait_for_more(self._about, until_told=True)
        self._wait_for_more(self._about, within=GATHER_SECONDS)
        batch = self._next_batch()
        self._taken = len(batch)
        return batch

    def _next_batch(self) -> list[Operation]:
        here = len(self._arrived)
        if here <= MAX_BATCH and not self._backlog:
            return [self._arrived.popleft() for _ in range(here)]
        while self._arrived:
            self._backlog.add_operation(self._arrived.popleft())
        return self._backlog.next_batch(MAX_BATCH)

    def _count_waiting(self) -> int:
        return len(self._arrived) + len(self._backlog)

    def batch_written(self) -> None:
        """The last batch is written. Whoever waits now is somebody else."""
        self._about = min(self._taken + self._count_waiting(), MAX_BATCH)
        self._told = False

    def batch_answered(self) -> None:
        """Whoever was in the last batch has been answered, and may come back from now on.

        Where nothing waits, nobody need be woken to hear that.
        """
        self._told = True
        if self._count_waiting() and self._wanted < NOT_WAITING:
            self._bell.put(None)

    def _end_tick(self) -> None:
        self._tick = False
        if self._count_waiting() >= self._wanted:
            self._bell.put(None)

    def _wait_for_more(self, wanted: int, *, until_told: bool = False, within: float | None = None) -> None:
        """The number MUST be told before it is looked whether it is reached, or the bell could be missed."""
        until = None if within is None else time.monotonic() + within
        self._wanted = wanted
        with suppress(queue.Empty):
            while self._count_waiting() < wanted and not (self._closed or (until_told and self._told)):
                self._bell.get(timeout=None if until is None else max(0.0, until - time.monotonic()))
        self._wanted = NOT_WAITING
