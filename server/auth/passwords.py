"""Hash and verify passwords in threads, outside of the event loop.

bcrypt takes 0.2 s of CPU time, by design, and releases the GIL. It has a few threads of its own, so that
nothing else waits for it, and a queue of bounded length, so that clients are asked to retry instead of
waiting without end.

The queue is fair. Logins go before registrations, up to ``LOGINS_PER_REGISTRATION`` for each of those.
Addresses take turns. Within one address, connections with fewer requests go first. So clients that guess
passwords or register many accounts do not keep others from logging in.
"""

import asyncio
import time
import unicodedata
from asyncio import Future
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from itertools import count
from math import ceil
from typing import Any, Protocol, TypeVar

import bcrypt

from chatroom.protocol.errors import Unavailable
from chatroom.server.net.fair_queue import STOP_RETRY_SECONDS, FairJob, FairQueue
from chatroom.server.net.limits import address_group

T = TypeVar("T")

MAX_BYTES = 72
"""bcrypt uses no more bytes of a password, and the library raises for longer ones."""


LOGINS_PER_REGISTRATION = 3
"""Registrations have lower priority, but a flood of logins does not stop them."""


def opaque_string(password: str) -> str:
    """Return a password in the form in which it is hashed: the mappings of RFC 8265 (OpaqueString), so that
    it does not matter how a keyboard composes characters or which space it types.

    Characters that the profile forbids are kept: refusing them would lock out accounts that have them.
    """
    if password.isascii():
        return password
    spaces = "".join(" " if unicodedata.category(character) == "Zs" else character for character in password)
    return unicodedata.normalize("NFC", spaces)


def _hashed_forms(password: str) -> list[str]:
    """Return the forms in which a password may have been hashed. Before release 0.2 it was hashed as typed,
    composed or decomposed.
    """
    forms = (opaque_string(password), password, unicodedata.normalize("NFD", password))
    return list(dict.fromkeys(forms))


class Asker(Protocol):
    """A connection that requests a hash."""

    address: str
    hashes: int  # requested so far


class PasswordHasher:
    """Hashes with ``2**cost`` rounds. ``max_wait`` limits the queue, in seconds of waiting (0 for no limit).
    A request without an ``asker`` is from an administrator."""

    def __init__(self, cost: int, max_wait: float = 10.0, threads: int = 2) -> None:
        self._cost = cost
        self._max_wait = max_wait
        self._threads = threads
        self._pool = ThreadPoolExecutor(threads, thread_name_prefix="bcrypt")
        self._logins, self._registrations = FairQueue(), FairQueue()
        self._logins_in_a_row = 0
        self._numbers = count()
        self._running = 0
        self._waiting = 0
        self._is_stopping = False
        self._seconds = 0.0  # duration of one hash, a moving average
        # No password matches this hash, and the check takes as long as for a real one.
        self._dummy_hash = f"$2b${cost:02}${'.' * 53}".encode()

    async def hash_password(
        self, password: str, asker: Asker | None = None, *, registers: bool = False
    ) -> str:
        """Return the hash of a password. Raises ``Unavailable`` if the queue is long."""
        queue = self._registrations if registers else self._logins
        secret = opaque_string(password).encode()
        return await self._run_in_pool(
            queue, asker, lambda: bcrypt.hashpw(secret, bcrypt.gensalt(self._cost)).decode()
        )

    async def verify_password(self, password: str, hashed: str | None, asker: Asker | None = None) -> bool:
        """Whether a password matches a hash; ``None`` (no such user) takes the same time. Raises
        ``Unavailable`` if the queue is long."""
        stored = self._dummy_hash if hashed is None else hashed.encode()
        secrets = [form.encode("utf-8", "surrogatepass") for form in _hashed_forms(password)]
        return await self._run_in_pool(
            self._logins, asker, lambda: any(self._matches(secret, stored) for secret in secrets)
        )

    def _matches(self, secret: bytes, stored: bytes) -> bool:
        if len(secret) > MAX_BYTES or b"\0" in secret:
            stored = self._dummy_hash
        return bcrypt.checkpw(secret[:MAX_BYTES], stored)

    @property
    def queue_length(self) -> int:
        """The number of hashes that wait or run."""
        return self._waiting

    def needs_rehash(self, hashed: str) -> bool:
        """Whether a hash was made with another cost than the current one."""
        return not hashed.startswith(f"$2b${self._cost:02}$")

    def refuse_waiting(self) -> None:
        """Shutting down: refuse the hashes that wait, and later ones."""
        self._is_stopping = True
        self._logins.refuse_all()
        self._registrations.refuse_all()

    def close(self) -> None:
        """Cancel queued jobs and wait for the running ones."""
        self._pool.shutdown(cancel_futures=True)

    async def _run_in_pool(self, queue: FairQueue, asker: Asker | None, work: Callable[[], T]) -> T:
        if self._is_stopping:
            raise Unavailable(retry_after=STOP_RETRY_SECONDS)
        address, hashes = ("", -1) if asker is None else (address_group(asker.address), asker.hashes)
        wait = self._ahead(queue, address, hashes) / self._threads * self._seconds
        if self._max_wait and wait > self._max_wait:
            raise Unavailable(retry_after=ceil(wait - self._max_wait))
        if asker is not None:
            asker.hashes += 1
        result: Future[T] = asyncio.get_running_loop().create_future()
        queue.add(address, (hashes, next(self._numbers), work, result))
        self._waiting += 1
        self._start_next()
        try:
            return await result
        finally:
            self._waiting -= 1

    def _ahead(self, queue: FairQueue, address: str, hashes: int) -> int:
        """Return how many hashes would be computed before a new one."""
        own = self._running + queue.ahead(address, hashes)
        if queue is self._logins:
            return own + min(len(self._registrations), own // LOGINS_PER_REGISTRATION)
        return own + min(len(self._logins), LOGINS_PER_REGISTRATION * (own + 1))

    def _start_next(self) -> None:
        while self._running < self._threads and (job := self._pop()) is not None:
            _, _, work, result = job
            self._running += 1
            running = asyncio.get_running_loop().run_in_executor(self._pool, self._measure_time, work)
            running.add_done_callback(partial(self._finish, result))

    def _pop(self) -> FairJob | None:
        """Remove and return the next job of both queues."""
        if self._logins_in_a_row >= LOGINS_PER_REGISTRATION and (job := self._registrations.pop()):
            self._logins_in_a_row = 0
            return job
        if job := self._logins.pop():
            self._logins_in_a_row += 1
            return job
        self._logins_in_a_row = 0
        return self._registrations.pop()

    def _finish(self, result: "Future[Any]", done: "Future[Any]") -> None:
        self._running -= 1
        if done.cancelled():
            result.cancel()
        elif error := done.exception():
            if not result.done():
                result.set_exception(error)
        elif not result.done():
            result.set_result(done.result())
        if not done.cancelled():  # cancelled only if the pool is closed
            self._start_next()

    def _measure_time(self, work: Callable[[], T]) -> T:
        started = time.monotonic()
        try:
            return work()
        finally:
            self._seconds += (time.monotonic() - started - self._seconds) / 4
