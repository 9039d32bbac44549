"""For tests and developers: logs steps of the event loop that use much CPU time (setting ``slow_step_ms``).

``db.writer`` does the same for its jobs. CPU time does not depend on what else runs on the machine.
"""

import asyncio
import logging
import time

log = logging.getLogger(__name__)

INTERVAL_SECONDS = 0.02
"""Seconds between two measurements."""


async def run_slow_step_log(bound_seconds: float) -> None:
    """Log for as long as the server runs. MUST run on the loop's thread."""
    while bound_seconds:
        began, cpu = time.monotonic(), time.thread_time()
        await asyncio.sleep(INTERVAL_SECONDS)
        late, used = time.monotonic() - began - INTERVAL_SECONDS, time.thread_time() - cpu
        if min(late, used) > bound_seconds:
            log.warning("slow step: the event loop used %.0f ms", 1000 * min(late, used))
