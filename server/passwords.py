"""Passwords, hashed and verified beside the event loop. Its counterparts are the handlers that register and
log in.

bcrypt takes 0.2 s of a processor, on purpose, and lets go of the GIL. It has a few threads of its own, so
that nothing else ever waits for it, and a queue of bounded length, so that a crowd is told to come back
instead of waiting for ever.
"""

import asyncio
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from math import ceil
from typing import TypeVar

import bcrypt

from protocol.errors import Unavailable

T = TypeVar("T")

MOST_BYTES = 72
"""bcrypt looks at no more of a password, and the library raises beyond."""


class Passwords:
    """Hashes with ``2**cost`` rounds. ``patience`` is the longest queue, in seconds of waiting (0 for
    any)."""

    def __init__(self, cost: int, patience: float = 10.0, threads: int = 2) -> None:
        self._cost = cost
        self._patience = patience
        self._threads = threads
        self._pool = ThreadPoolExecutor(threads, thread_name_prefix="bcrypt")
        self._waiting = 0
        self._seconds = 0.0  # that one hash takes, as lately seen
        # No password has this hash, and finding that out takes as long as for a real one.
        self._nobody = f"$2b${cost:02}${'.' * 53}".encode()

    async def hash(self, password: str) -> str:
        """A password -> what to store. Raises ``Unavailable`` when the queue is long."""
        return await self._run(lambda: bcrypt.hashpw(password.encode(), bcrypt.gensalt(self._cost)).decode())

    async def verify(self, password: str, hashed: str | None) -> bool:
        """Whether this is the password; ``None`` (there is no such user) takes the same time. Raises
        ``Unavailable`` when the queue is long."""
        secret = password.encode("utf-8", "surrogatepass")
        possible = hashed is not None and len(secret) <= MOST_BYTES and b"\0" not in secret
        stored = hashed.encode() if hashed is not None and possible else self._nobody
        return await self._run(lambda: bcrypt.checkpw(secret[:MOST_BYTES], stored))

    def needs_rehash(self, hashed: str) -> bool:
        """Whether a hash was made at another cost than passwords are hashed at now."""
        return not hashed.startswith(f"$2b${self._cost:02}$")

    def close(self) -> None:
        """Drop what still waits, and finish what is under way."""
        self._pool.shutdown(cancel_futures=True)

    async def _run(self, work: Callable[[], T]) -> T:
        wait = self._waiting / self._threads * self._seconds
        if self._patience and wait > self._patience:
            raise Unavailable(retry_after=ceil(wait - self._patience))
        self._waiting += 1
        try:
            return await asyncio.get_running_loop().run_in_executor(self._pool, self._timed, work)
        finally:
            self._waiting -= 1

    def _timed(self, work: Callable[[], T]) -> T:
        started = time.monotonic()
        try:
            return work()
        finally:
            self._seconds += (time.monotonic() - started - self._seconds) / 4
