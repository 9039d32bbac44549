"""Detects that the machine or the process was suspended, or that the wall clock was set.

On Linux, the monotonic clock stops while the machine is suspended, and the wall clock does not. While only
the process is stopped, neither clock stops. So both clocks are compared with a short sleep of the loop.
"""

import asyncio
import time
from collections.abc import Callable

CHECK_INTERVAL = 1.0
"""Seconds between two checks of the clocks."""

MAX_DRIFT = 5.0
"""Seconds. A larger difference between a clock and the check interval means a suspension or a set clock."""

Clock = Callable[[], float]


async def watch_clocks(
    on_wakeup: Callable[[], None],
    clocks: tuple[Clock, ...] = (time.monotonic, time.time),
    interval: float = CHECK_INTERVAL,
) -> None:
    """Call ``on_wakeup`` after each suspension and each change of the wall clock."""
    before = [clock() for clock in clocks]
    while True:
        await asyncio.sleep(interval)
        now = [clock() for clock in clocks]
        if any(
            abs(after - earlier - interval) > MAX_DRIFT for after, earlier in zip(now, before, strict=True)
        ):
            on_wakeup()
        before = now
