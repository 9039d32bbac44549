"""Runs long work on the loop in slices, in order, so that other callbacks are not delayed. ``writer`` answers
its batches with it.
"""

import logging
import time
from asyncio import AbstractEventLoop
from collections import deque
from collections.abc import Callable, Iterator

log = logging.getLogger(__name__)

SLICE_SECONDS = 0.002
"""Time for which the loop is occupied at once, unless a single step takes longer."""


class TimeSlicer:
    """Call ``add_steps`` on the loop. Work is done in the order in which it was added; a failed step does not
    stop later work. ``clock`` returns seconds.
    """

    def __init__(self, loop: AbstractEventLoop, clock: Callable[[], float] = time.monotonic) -> None:
        self._loop = loop
        self._clock = clock
        self._pending: deque[Iterator[None]] = deque()

    def add_steps(self, steps: Iterator[None]) -> None:
        """Run the steps of an iterator; the loop may run other callbacks between two steps. They begin at
        once, unless earlier work is left.
        """
        self._pending.append(steps)
        if len(self._pending) == 1:
            self._run_slice()

    def _run_slice(self) -> None:
        until = self._clock() + SLICE_SECONDS
        while self._pending:
            try:
                for _ in self._pending[0]:
                    if self._clock() >= until:
                        self._loop.call_soon(self._run_slice)
                        return
            except Exception:
                log.exception("a step failed; the steps after it are skipped")
            self._pending.popleft()
