"""Measures whether the event loop is alive, and by how much its timers are late."""

import asyncio
import time

from chatroom.db.statistics import SECONDS, BucketCounts

INTERVAL_SECONDS = 0.5
"""Seconds between two measurements."""

STALLED_SECONDS = 5.0
"""A loop that has not run for so long counts as stalled."""


class LoopMonitor:
    def __init__(self) -> None:
        self.lag_seconds = BucketCounts(SECONDS)
        self._ran_at = time.monotonic()

    async def run_monitor(self) -> None:
        """Measure for as long as the server runs."""
        while True:
            before = time.monotonic()
            await asyncio.sleep(INTERVAL_SECONDS)
            self._ran_at = time.monotonic()
            self.lag_seconds.add_value(max(0.0, self._ran_at - before - INTERVAL_SECONDS))

    def stalled_seconds(self) -> float:
        """Return for how long the loop has not run, or 0.0 if it is alive. Callable on any thread."""
        silence = time.monotonic() - self._ran_at
        return silence if silence > STALLED_SECONDS else 0.0
