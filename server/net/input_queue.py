"""Which connection has its input handled next, when there is more than one turn of the event loop allows.

A connection handles what it has just read at once, up to the lines and the time of a turn
(``connection.LINES_PER_TURN``). What is left waits here, in the order in which the connections came; so one
with a thousand lines does not delay others, which get their turns between its own.
"""

import time
from asyncio import AbstractEventLoop
from collections import deque
from collections.abc import Callable

SLICE = 0.004
"""Seconds of such turns, together, before the loop looks at its sockets again."""

REST = 0.004
"""Seconds between two slices, where input is limited at all: the users within their limits, who do not stand
here, and the threads that store messages have at least half of the time."""


class InputQueue:
    """One for all connections of a server. ``clock`` tells seconds."""

    def __init__(
        self, loop: AbstractEventLoop, rest: float, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._loop = loop
        self._rest = rest
        self._clock = clock
        self._turns: deque[Callable[[], None]] = deque()
        self._is_scheduled = False

    def add(self, turn: Callable[[], None]) -> None:
        """Call ``turn`` when its time has come; never within this call."""
        self._turns.append(turn)
        if not self._is_scheduled:
            self._is_scheduled = True
            self._loop.call_soon(self._run)

    def _run(self) -> None:
        """Take turns for one slice. A turn that adds itself again waits for the next one."""
        end = self._clock() + SLICE
        try:
            for _ in range(len(self._turns)):
                self._turns.popleft()()
                if self._clock() >= end:
                    break
        finally:
            self._is_scheduled = bool(self._turns)
            if self._turns:
                self._loop.call_later(self._rest, self._run)
