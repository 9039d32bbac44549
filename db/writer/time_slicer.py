"""Long work on the loop, in order, a slice at a time: nobody waits because many others are being answered.

The counterpart is ``writer``, which has so much to tell at once.
"""

import logging
import time
from asyncio import AbstractEventLoop
from collections import deque
from collections.abc import Callable, Iterator

log = logging.getLogger(__name__)

SLICE_SECONDS = 0.002
"""Seconds for which the loop is kept at once, if no single step takes longer."""


class TimeSlicer:
    """``add_steps`` on the loop; what was added is done in that order, also when a step before it failed.
    ``clock``
    tells seconds."""

    def __init__(self, loop: AbstractEventLoop, clock: Callable[[], float] = time.monotonic) -> None:
        self._loop = loop
        self._clock = clock
        self._works: deque[Iterator[None]] = deque()

    def add_steps(self, steps: Iterator[None]) -> None:
        """Do the steps of an iterator; between any two of them the loop may do something else. They begin at
        once, unless there are others before them."""
        self._works.append(steps)
        if len(self._works) == 1:
            self._run_slice()

    def _run_slice(self) -> None:
        until = self._clock() + SLICE_SECONDS
        while self._works:
            try:
                for _ in self._works[0]:
                    if self._clock() >= until:
                        self._loop.call_soon(self._run_slice)
                        return
            except Exception:
                log.exception("a step failed, and those behind it are left out")
            self._works.popleft()
