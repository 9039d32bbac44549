"""The time for messages and expiry, protected against a clock that is set far ahead by mistake.

Times within a conversation never decrease. If a message got a time 400 days ahead, all later messages would
keep that time for 400 days. Therefore a large step of the system clock is accepted only after it has lasted.
"""

import logging
import time
from collections.abc import Callable

log = logging.getLogger(__name__)

MAX_TRUSTED_STEP_SECONDS = 60.0
"""A step ahead of at most this size is accepted at once."""

STEP_CONFIRM_SECONDS = 600.0
"""A larger step is accepted after it has lasted this long."""


def elapsed_seconds() -> float:
    """Seconds from a clock that is never set. It includes the time in which the machine sleeps, if the system
    supports that.
    """
    return time.clock_gettime(getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC))


class CautiousClock:
    """``wall`` returns seconds since 1970 from the system clock, ``elapsed`` seconds since any fixed
    moment.
    """

    def __init__(
        self, wall: Callable[[], float] = time.time, elapsed: Callable[[], float] = elapsed_seconds
    ) -> None:
        self._wall = wall
        self._elapsed = elapsed
        self._accepted = wall(), elapsed()
        self._step_since: float | None = None

    def now(self) -> int:
        """Milliseconds since 1970."""
        wall, elapsed = self._wall(), self._elapsed()
        accepted_wall, accepted_elapsed = self._accepted
        expected = accepted_wall + elapsed - accepted_elapsed
        if wall - expected <= MAX_TRUSTED_STEP_SECONDS or self._has_lasted(wall - expected, elapsed):
            self._accepted, self._step_since = (wall, elapsed), None
            return round(wall * 1000)
        return round(expected * 1000)

    def _has_lasted(self, step: float, elapsed: float) -> bool:
        if self._step_since is None:
            self._step_since = elapsed
            log.warning(
                "the system clock was set ahead by %.0f s; message times will follow in %.0f minutes",
                step,
                STEP_CONFIRM_SECONDS / 60,
            )
        return elapsed - self._step_since >= STEP_CONFIRM_SECONDS
