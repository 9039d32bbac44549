"""When connections write: all that have something to say, together. The counterpart is ``connection``, which
gathers what it is told to say until its turn comes.

A write costs some microseconds whether it carries one line or fifty, so with many connections most of what a
server does is to write little, often. The rules:

* As long as no more than a ``FEW`` stand in the line, what they have to say leaves in the next tick.
* More of them wait for a tick in which nothing was heard or said. While the loop is busy without a pause,
  what is said gathers so, at most for ``PATIENCE``; then there is a pass, a write for each of them.
* Where a pass takes long, the next one waits longer, ``RESTS`` times as long as the writing took: writing has
  a third of the time then, and the busier the server, the more each write carries.
* A tick writes for ``AT_ONCE`` of them, and what arrives is looked at in between: nobody waits because a
  thousand others are being written to.
"""

import time
from asyncio import AbstractEventLoop
from collections import deque
from collections.abc import Callable
from typing import Protocol

FEW = 10
"""Connections; writing to them takes no longer than waiting for more."""

PATIENCE = 0.003
"""Seconds: a tenth of what people notice."""

RESTS = 2
LONGEST_REST = 0.05
"""Seconds: with two thousand connections that all talk, messages wait ten times as long for other reasons."""

AT_ONCE = 250
"""Connections written to in one tick of the loop: about a millisecond's work."""


class PendingWriter(Protocol):
    """Whoever stands in the line."""

    def flush(self) -> None:
        """Write what there is to say."""


class WriteFlusher:
    """The line. One for all connections of a server. ``clock`` tells seconds."""

    def __init__(self, loop: AbstractEventLoop, clock: Callable[[], float] = time.monotonic) -> None:
        self._loop = loop
        self._clock = clock
        self._line: deque[PendingWriter] = deque()
        self._awake = False  # ``_on_tick`` or ``_write_pass`` is called in the next tick, or running
        self._stirred = False  # in this tick something was heard or said
        self._since = 0.0  # when the first one joined the line
        self._left = 0  # of the pass
        self._took = 0.0  # seconds of writing in the pass
        self._patience = PATIENCE  # of those who wait for the next one

    def add_writer(self, writes: PendingWriter) -> None:
        """Somebody has something to say, and does not stand in the line yet."""
        self._line.append(writes)
        self._stirred = True
        if not self._awake:
            self._begin_pass()

    def note_activity(self) -> None:
        """Somebody was heard: there may be more to say soon."""
        self._stirred = True

    def _begin_pass(self) -> None:
        self._awake = True
        self._since = self._clock()
        self._loop.call_soon(self._on_tick)

    def _on_tick(self) -> None:
        if len(self._line) > FEW and self._stirred and self._clock() - self._since < self._patience:
            self._stirred = False
            self._loop.call_soon(self._on_tick)
        else:
            self._left, self._took = len(self._line), 0.0
            self._write_pass()

    def _write_pass(self) -> None:
        """Go on with a pass. Whoever has more to say meanwhile waits for the next one."""
        began = self._clock()
        try:
            for _ in range(min(self._left, AT_ONCE)):
                self._left -= 1
                self._line.popleft().flush()
        finally:
            self._took += self._clock() - began
            if self._left:
                self._loop.call_soon(self._write_pass)
            else:
                self._end_pass()

    def _end_pass(self) -> None:
        self._patience = min(max(PATIENCE, RESTS * self._took), LONGEST_REST)
        if self._line:
            self._begin_pass()
        else:
            self._awake = False
