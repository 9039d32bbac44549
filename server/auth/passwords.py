"""Passwords, hashed and verified beside the event loop. Its counterparts are the handlers that register and
log in.

bcrypt takes 0.2 s of a processor, on purpose, and lets go of the GIL. It has a few threads of its own, so
that nothing else ever waits for it, and a queue of bounded length, so that a crowd is told to come back
instead of waiting for ever.

The queue is fair. Passwords that are verified go before those that are hashed for a registration, up to
``LOGINS_PER_REGISTRATION`` for each; addresses take turns; and of one address, connections that have asked
for less go first. So a crowd that guesses passwords, or registers, does not keep others from logging in.
"""

import asyncio
import time
from asyncio import Future
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from heapq import heappop, heappush
from itertools import count
from math import ceil
from typing import Any, Protocol, TypeVar

import bcrypt
from chatroom.protocol.errors import Unavailable
from chatroom.server.net.limits import address_group

T = TypeVar("T")

MOST_BYTES = 72
"""bcrypt looks at no more of a password, and the library raises beyond."""


LOGINS_PER_REGISTRATION = 3
"""Registrations wait, but a flood of logins does not stop them."""


class Asker(Protocol):
    """A connection that asks for a hash."""

    address: str
    hashes: int  # that it has asked for so far


_Job = tuple[int, int, Callable[[], Any], "Future[Any]"]
"""How many hashes the asker had before, a number in order of arrival, what to do, and who waits for it."""


class _FairQueue:
    """Jobs by address. Addresses take turns."""

    def __init__(self) -> None:
        self._jobs: dict[str, list[_Job]] = {}  # heaps, by address; the address whose turn it is first

    def __len__(self) -> int:
        return sum(map(len, self._jobs.values()))

    def add(self, address: str, job: _Job) -> None:
        heappush(self._jobs.setdefault(address, []), job)

    def pop(self) -> _Job | None:
        """The next job that is still waited for."""
        while self._jobs:
            address = next(iter(self._jobs))
            jobs = self._jobs.pop(address)
            job = heappop(jobs)
            if jobs:
                self._jobs[address] = jobs
            if not job[-1].cancelled():
                return job
        return None

    def ahead(self, address: str, hashes: int) -> int:
        """How many jobs would go before a new one."""
        own = sum(job[0] <= hashes for job in self._jobs.get(address, ()))
        return own + sum(min(len(jobs), own + 1) for place, jobs in self._jobs.items() if place != address)


class PasswordHasher:
    """Hashes with ``2**cost`` rounds. ``patience`` is the longest queue, in seconds of waiting (0 for
    any). Without an ``asker`` it is the administrator who asks."""

    def __init__(self, cost: int, patience: float = 10.0, threads: int = 2) -> None:
        self._cost = cost
        self._patience = patience
        self._threads = threads
        self._pool = ThreadPoolExecutor(threads, thread_name_prefix="bcrypt")
        self._logins, self._registrations = _FairQueue(), _FairQueue()
        self._logins_in_a_row = 0
        self._numbers = count()
        self._running = 0
        self._waiting = 0
        self._seconds = 0.0  # that one hash takes, as lately seen
        # No password has this hash, and finding that out takes as long as for a real one.
        self._nobody = f"$2b${cost:02}${'.' * 53}".encode()

    async def hash_password(
        self, password: str, asker: Asker | None = None, *, registers: bool = False
    ) -> str:
        """A password -> what to store. Raises ``Unavailable`` when the queue is long."""
        queue = self._registrations if registers else self._logins
        return await self._run_in_pool(
            queue, asker, lambda: bcrypt.hashpw(password.encode(), bcrypt.gensalt(self._cost)).decode()
        )

    async def verify_password(self, password: str, hashed: str | None, asker: Asker | None = None) -> bool:
        """Whether this is the password; ``None`` (there is no such user) takes the same time. Raises
        ``Unavailable`` when the queue is long."""
        secret = password.encode("utf-8", "surrogatepass")
        possible = hashed is not None and len(secret) <= MOST_BYTES and b"\0" not in secret
        stored = hashed.encode() if hashed is not None and possible else self._nobody
        return await self._run_in_pool(
            self._logins, asker, lambda: bcrypt.checkpw(secret[:MOST_BYTES], stored)
        )

    def needs_rehash(self, hashed: str) -> bool:
        """Whether a hash was made at another cost than passwords are hashed at now."""
        return not hashed.startswith(f"$2b${self._cost:02}$")

    def close(self) -> None:
        """Drop what still waits, and finish what is under way."""
        self._pool.shutdown(cancel_futures=True)

    async def _run_in_pool(self, queue: _FairQueue, asker: Asker | None, work: Callable[[], T]) -> T:
        address, hashes = ("", -1) if asker is None else (address_group(asker.address), asker.hashes)
        wait = self._ahead(queue, address, hashes) / self._threads * self._seconds
        if self._patience and wait > self._patience:
            raise Unavailable(retry_after=ceil(wait - self._patience))
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

    def _ahead(self, queue: _FairQueue, address: str, hashes: int) -> int:
        """How many hashes would be computed before a new one."""
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

    def _pop(self) -> _Job | None:
        """The next job of all."""
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
        if not done.cancelled():  # then the pool is closed
            self._start_next()

    def _measure_time(self, work: Callable[[], T]) -> T:
        started = time.monotonic()
        try:
            return work()
        finally:
            self._seconds += (time.monotonic() - started - self._seconds) / 4
