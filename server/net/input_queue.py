"""Fair turns for connections that have more input than one turn of the event loop allows.

A connection handles its input immediately after a read, up to the lines and the time of a turn
(``connection.LINES_PER_TURN``). The rest waits here, first come, first served. So a connection with a
thousand lines does not delay others, which get their turns in between.
"""

import time
from asyncio import AbstractEventLoop
from collections import deque
from collections.abc import Callable

SLICE_SECONDS = 0.004
"""Seconds of turns before the event loop polls its sockets again."""

REST_SECONDS = 0.004
"""Seconds between two slices, if input is limited. Connections within their limits, which are not queued, and
the threads that store messages get at least half of the time."""


class InputQueue:
    """The queue of turns, one per server. ``clock`` returns seconds."""

    def __init__(
        self, loop: AbstractEventLoop, rest: float, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._loop = loop
        self.rest = rest  # seconds between two slices
        self._clock = clock
        self._turns: deque[Callable[[], None]] = deque()
        self._is_scheduled = False

    def add(self, turn: Callable[[], None]) -> None:
        """Call ``turn`` later, never within this call."""
        self._turns.append(turn)
        if not self._is_scheduled:
            self._is_scheduled = True
            self._loop.call_soon(self._run)

    def _run(self) -> None:
        """Run turns for one slice. A turn that adds itself again waits for the next slice."""
        end = self._clock() + SLICE_SECONDS
        try:
            for _ in range(len(self._turns)):
                self._turns.popleft()()
                if self._clock() >= end:
                    break
        finally:
            self._is_scheduled = bool(self._turns)
            if self._turns:
                self._loop.call_later(self.rest, self._run)
