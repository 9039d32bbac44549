"""Returns freed memory to the system after many connections.

OpenSSL allocates many small blocks for each connection. After a burst of connections glibc keeps the freed
memory for itself: 73 MB before 30,000 short TLS connections, 326 MB after them, until ``malloc_trim``.
"""

import asyncio
import ctypes
import logging
from collections.abc import Callable

log = logging.getLogger(__name__)

INTERVAL_SECONDS = 30.0
"""Seconds between two checks. A trim takes some milliseconds on a thread of its own."""

MIN_CLOSED = 256
"""Closed connections after which a trim pays."""


class MemoryTrimmer:
    """``trim`` returns whether it returned memory; by default glibc's ``malloc_trim``."""

    def __init__(self, trim: Callable[[], bool] | None = None) -> None:
        self._trim = trim or _find_malloc_trim()
        self._closed = 0

    def connection_closed(self) -> None:
        self._closed += 1

    async def run_trimming(self) -> None:
        """Trim after bursts for as long as the server runs."""
        while True:
            await asyncio.sleep(INTERVAL_SECONDS)
            if self._trim is not None and self._closed >= MIN_CLOSED:
                self._closed = 0
                await asyncio.to_thread(self._trim)


def _find_malloc_trim() -> Callable[[], bool] | None:
    """Return glibc's function; ``None`` with another C library."""
    malloc_trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
    return None if malloc_trim is None else lambda: bool(malloc_trim(ctypes.c_size_t(0)))
