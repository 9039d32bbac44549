"""Notices that the machine or the process was asleep, or that its clock was set.

On Linux the monotonic clock stands still while a machine sleeps, and the wall clock goes on; while a process
is stopped both go on. So both are compared with the time that a short sleep of the loop takes.
"""

import asyncio
import time
from collections.abc import Callable

LOOK = 1.0
"""Seconds between two looks at the clocks."""

GAP = 5.0
"""Seconds. A clock that moved so much more, or less, in one look has slept or was set."""

Clock = Callable[[], float]


async def watch_clocks(
    woke: Callable[[], None], clocks: tuple[Clock, ...] = (time.monotonic, time.time), look: float = LOOK
) -> None:
    """Call ``woke`` after each sleep, and after each change of the wall clock."""
    before = [clock() for clock in clocks]
    while True:
        await asyncio.sleep(look)
        now = [clock() for clock in clocks]
        if any(abs(after - then - look) > GAP for after, then in zip(now, before, strict=True)):
            woke()
        before = now
