"""Batch the writes of all connections. ``connection`` collects its lines until ``flush`` is called.

A write costs some microseconds whether it carries one line or fifty. With many connections, small writes
would be most of the server's work. The rules:

* With at most ``FEW_WRITERS`` connections queued, each is flushed in the next tick of the event loop.
* More connections wait for a tick without input or output, but at most ``MAX_DELAY`` seconds. Then a pass
flushes
  each of them once.
* After a long pass the next one waits ``REST_FACTOR`` times the duration of the pass. Writing takes at most a
third
  of the time then, and the busier the server, the more each write carries.
* One tick flushes at most ``WRITERS_PER_TICK`` connections, and input is handled in between, so a pass over
  thousands of connections does not delay the others.
"""

import time
from asyncio import AbstractEventLoop
from collections import deque
from collections.abc import Callable
from typing import Protocol

FEW_WRITERS = 10
"""Connections; flushing them takes no longer than waiting for more."""

MAX_DELAY = 0.003
"""Seconds: a tenth of the delay that users notice."""

REST_FACTOR = 2
MAX_REST = 0.05
"""Seconds: with 2,000 busy connections, messages wait ten times as long for other reasons."""

WRITERS_PER_TICK = 250
"""Connections flushed in one tick of the event loop: about 1 ms of work."""


class PendingWriter(Protocol):
    """A connection with waiting lines."""

    def flush(self) -> None:
        """Write all waiting lines."""


class WriteFlusher:
    """The queue of connections to flush, one per server. ``clock`` returns seconds."""

    def __init__(self, loop: AbstractEventLoop, clock: Callable[[], float] = time.monotonic) -> None:
        self._loop = loop
        self._clock = clock
        self._writers: deque[PendingWriter] = deque()
        self._awake = False  # ``_on_tick`` or ``_write_pass`` is called in the next tick, or running
        self._has_activity = False  # input or output in this tick
        self._since = 0.0  # when the first writer was queued
        self._left = 0  # writers of the current pass
        self._took = 0.0  # seconds of writing in the current pass
        self._delay = MAX_DELAY  # seconds until the next pass, at most

    def add_writer(self, writer: PendingWriter) -> None:
        """Queue a connection that has lines to write and is not queued yet."""
        self._writers.append(writer)
        self._has_activity = True
        if not self._awake:
            self._begin_pass()

    def note_activity(self) -> None:
        """Note that input has arrived: more lines to write may follow soon."""
        self._has_activity = True

    def _begin_pass(self) -> None:
        self._awake = True
        self._since = self._clock()
        self._loop.call_soon(self._on_tick)

    def _on_tick(self) -> None:
        waited = self._clock() - self._since
        if len(self._writers) > FEW_WRITERS and self._has_activity and waited < self._delay:
            self._has_activity = False
            self._loop.call_soon(self._on_tick)
        else:
            self._left, self._took = len(self._writers), 0.0
            self._write_pass()

    def _write_pass(self) -> None:
        """Continue a pass. Connections queued during it wait for the next one."""
        began = self._clock()
        try:
            for _ in range(min(self._left, WRITERS_PER_TICK)):
                self._left -= 1
                self._writers.popleft().flush()
        finally:
            self._took += self._clock() - began
            if self._left:
                self._loop.call_soon(self._write_pass)
            else:
                self._end_pass()

    def _end_pass(self) -> None:
        self._delay = min(max(MAX_DELAY, REST_FACTOR * self._took), MAX_REST)
        if self._writers:
            self._begin_pass()
        else:
            self._awake = False
