"""The time of day as messages get it, and as what has expired is removed by: never far ahead by mistake.

Times of a conversation never go back, so a message that gets a time which is 400 days ahead would hold all
later ones at that time for 400 days. A step of the machine's clock is therefore believed when it has lasted.
"""

import logging
import time
from collections.abc import Callable

log = logging.getLogger(__name__)

MAX_TRUSTED_STEP_SECONDS = 60.0
"""Seconds by which the clock may get ahead of the time that has passed, and is believed at once."""

STEP_CONFIRM_SECONDS = 600.0
"""Seconds after which a larger step is believed."""


def _passed() -> float:
    """Seconds by a clock that is never set and, where the system has it, goes on while the machine sleeps."""
    return time.clock_gettime(getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC))


class CautiousClock:
    """``wall`` and ``passed`` tell seconds: since 1970 as the machine has it, and since any moment."""

    def __init__(self, wall: Callable[[], float] = time.time, elapsed: Callable[[], float] = _passed) -> None:
        self._wall = wall
        self._passed = elapsed
        self._believed = wall(), elapsed()
        self._doubted_since: float | None = None

    def now(self) -> int:
        """Milliseconds since 1970."""
        wall, passed = self._wall(), self._passed()
        believed_wall, believed_passed = self._believed
        expected = believed_wall + passed - believed_passed
        if wall - expected <= MAX_TRUSTED_STEP_SECONDS or self._has_lasted(wall - expected, passed):
            self._believed, self._doubted_since = (wall, passed), None
            return round(wall * 1000)
        return round(expected * 1000)

    def _has_lasted(self, step: float, passed: float) -> bool:
        if self._doubted_since is None:
            self._doubted_since = passed
            log.warning(
                "the clock of this machine was set ahead by %.0f s; times of messages follow in %.0f minutes",
                step,
                STEP_CONFIRM_SECONDS / 60,
            )
        return passed - self._doubted_since >= STEP_CONFIRM_SECONDS
