"""The queue in front of the writer: operations are added on the loop and taken by the writer's thread, as
many at once as makes sense.

Two things make batches larger:

* Operations that arrive in one tick of the loop are taken together: the writer is woken at the end of the
  tick.
* A transaction costs about as much for one message as for ten, and so does delivering it. With fifty active
  senders, each of whom waits for an answer, a writer that takes only what is there would take a few each
  time, forever. So if fewer operations wait than senders are active, the writer waits a moment for the rest,
  as PostgreSQL does (``commit_delay``). The number of active senders is known from the previous batch: its
  senders, who have been answered since, and those who arrived meanwhile.

A single active sender is never delayed.
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
"""More operations in one transaction save little on the disk, and a large batch delays all others."""

GATHER_SECONDS = 0.002
"""Longest wait for other senders: about the time of a small transaction and its delivery."""

NOT_WAITING = sys.maxsize
"""The wake-up threshold while the writer is not waiting."""


class WriteQueue:
    """Call ``add_operation`` and ``batch_answered`` on the loop, ``take_batch`` and ``batch_written`` on one
    other thread, ``close`` anywhere. For each batch, ``batch_written`` MUST be called before any of its
    operations is answered, and ``batch_answered`` after all are.
    """

    def __init__(self, loop: AbstractEventLoop) -> None:
        self._loop = loop
        self._arrived: deque[Operation] = deque()
        self._backlog = BatchScheduler()  # used by the taking thread only
        self._wakeup: queue.SimpleQueue[None] = queue.SimpleQueue()
        self._wake_threshold = NOT_WAITING  # operations that wake the writer
        self._active_senders = 0  # senders who may send again soon
        self._answered = True  # the last batch was answered
        self._tick = False  # an operation arrived in this tick of the loop
        self._closed = False
        self._is_called = False  # ``wake`` was called since the last batch was taken

    @property
    def is_finished(self) -> bool:
        """Whether the queue is closed and empty."""
        return self._closed and not self.count_waiting()

    def wake(self) -> None:
        """Let ``take_batch`` return, also without operations."""
        self._is_called = True
        if self._wake_threshold < NOT_WAITING:
            self._wakeup.put(None)

    def add_operation(self, operation: Operation) -> None:
        self._arrived.append(operation)
        if not self._tick:
            self._tick = True
            self._loop.call_soon(self._end_tick)

    def close(self) -> None:
        """No more operations will be added; those that wait can still be taken."""
        self._closed = True
        self._wakeup.put(None)

    def take_batch(self, timeout: float | None = None) -> list[Operation]:
        """Take the waiting operations, or as many as a batch holds; an empty list once the queue is closed.
        Blocks until there is something, or for ``timeout`` seconds, or until ``wake``.
        """
        self._wait_for_more(1, timeout=timeout, until_called=True)
        self._is_called = False
        if not self.count_waiting():
            return []
        self._wait_for_more(self._active_senders, until_answered=True)
        self._wait_for_more(self._active_senders, timeout=GATHER_SECONDS)
        return self._next_batch()

    def _next_batch(self) -> list[Operation]:
        arrived = len(self._arrived)
        if arrived <= MAX_BATCH and not self._backlog:
            return [self._arrived.popleft() for _ in range(arrived)]
        while self._arrived:
            self._backlog.add_operation(self._arrived.popleft())
        return self._backlog.next_batch(MAX_BATCH)

    def count_waiting(self) -> int:
        return len(self._arrived) + len(self._backlog)

    def batch_written(self, size: int) -> None:
        """The last batch, of this size, is written. Operations that wait now are of other senders."""
        self._active_senders = min(size + self.count_waiting(), MAX_BATCH)
        self._answered = False

    def batch_answered(self) -> None:
        """The last batch was answered, so its senders may send again.

        If nothing waits, the writer need not be woken.
        """
        self._answered = True
        if self.count_waiting() and self._wake_threshold < NOT_WAITING:
            self._wakeup.put(None)

    def _end_tick(self) -> None:
        self._tick = False
        if self.count_waiting() >= self._wake_threshold:
            self._wakeup.put(None)

    def _wait_for_more(
        self,
        threshold: int,
        *,
        until_answered: bool = False,
        until_called: bool = False,
        timeout: float | None = None,
    ) -> None:
        """Wait for ``threshold`` operations. It MUST be stored before the first check, or the wake-up
        could be missed.
        """
        deadline = None if timeout is None else time.monotonic() + timeout
        self._wake_threshold = threshold
        with suppress(queue.Empty):
            while self.count_waiting() < threshold and not (
                self._closed or (until_answered and self._answered) or (until_called and self._is_called)
            ):
                self._wakeup.get(timeout=None if deadline is None else max(0.0, deadline - time.monotonic()))
        self._wake_threshold = NOT_WAITING
