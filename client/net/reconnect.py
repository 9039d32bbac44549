"""Keeps one connection to a server open: dials, pings, notices that it is dead, dials again.

What is said over it is for ``Chat`` to know. Dialling again waits longer after each failure, and a random
part of that (full jitter: https://aws.amazon.com/blogs/architecture/exponential-backoff-and-jitter/), so that
the clients of a restarted server do not all come in one moment.
"""

import asyncio
import os
import random
import re
import ssl
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from functools import partial

from chatroom.client import background
from chatroom.client.model.state import ConnectionState as Standing
from chatroom.client.net.address import ServerAddress
from chatroom.client.net.connection import ConnectionLost, LineConnection, Receive, Refused
from chatroom.client.net.known_servers import KnownServers, Transport, UntrustedServer
from chatroom.client.net.wakeup import watch_clocks
from chatroom.protocol import VERSION, requests, responses

MOST_DOUBLINGS = 16
"""The wait after a failed attempt doubles so many times at most; ``0.5 * 2**1024`` would overflow a float."""

LONGEST_HOLD = 300.0
"""Seconds. A server that asks for a longer wait before the next attempt is dialled after this time."""


@dataclass(frozen=True)
class Timeouts:
    """Every time here, in seconds."""

    greeting: float = 1.0  # how long a plain server may take to greet before we try TLS
    dial: float = 5.0  # TCP, TLS and greeting together
    first: float = 0.5  # the longest wait after the first failure; it doubles with each
    longest: float = 4.0  # and no wait is longer: ten seconds after the server is back, all is to be settled
    ping: float = 30.0
    look: float = 1.0  # so often it is told how long a ping is waited for that is not answered
    dead: float = 75.0  # so long without a byte, and the connection is taken for dead
    moment: float = 3.0  # so long a command waits that is about what was said right before it
    answer: float = 8.0  # so long without an answer to what must be answered soon, likewise


class ReconnectingConnection:
    """A connection that comes back.

    ``tell(standing, retry_at)`` hears how it stands, ``measured(lag)`` how many seconds a ping took,
    or has taken so far.
    """

    def __init__(
        self,
        address: ServerAddress,
        trust: KnownServers,
        receive: Receive,
        tell: Callable[[Standing, float], None],
        measured: Callable[[float], None],
        pace: Timeouts | None = None,
    ) -> None:
        self.address = address
        self.pace = pace or Timeouts()
        self._trust = trust
        self._receive = receive
        self._tell = tell
        self._measured = measured
        self._connection: LineConnection | None = None
        self._pinging: asyncio.Task[None] | None = None
        self._watching: asyncio.Task[None] | None = None
        self._woken = asyncio.Event()
        self._answer_by: asyncio.Timeout | None = None  # of the ping that is waited for
        self._failures = 0
        self._not_before = 0.0

    @property
    def encrypted(self) -> bool:
        return self._connection is not None and self._connection.encrypted

    @property
    def is_connected(self) -> bool:
        return self._connection is not None and not self._connection.closed.done()

    @property
    def close_reason(self) -> str:
        """The code that the server gave for ending the connection, or why it seems to have ended."""
        return self._connection.closing.code if self._connection else ""

    async def connect_once(self) -> None:
        """Dial once.

        Raises ``Refused`` with what went wrong; ``UntrustedServer``, a kind of it, when it is for good.
        """
        self._tell(Standing.CONNECTING, 0.0)
        try:
            await self._open_connection()
        except Refused as error:
            self._tell(Standing.REFUSED if isinstance(error, UntrustedServer) else Standing.OFFLINE, 0.0)
            raise

    async def connect_until_works(self) -> None:
        """Dial until it works. Raises ``UntrustedServer`` when it never will."""
        while not self.is_connected:
            wait = random.uniform(0, self._longest_wait())
            retry_at = max(time.monotonic() + wait, self._not_before)
            self._tell(Standing.RECONNECTING, retry_at)
            await _wait_for(self._woken, retry_at - time.monotonic())
            try:
                await self._open_connection()
            except UntrustedServer:
                self._tell(Standing.REFUSED, 0.0)
                raise
            except Refused as error:
                self._failures += 1
                self.delay_reconnect(error)

    def woke(self) -> None:
        """The machine was asleep, so the connection may be dead and the server back: try both at once."""
        self._failures, self._not_before = 0, 0.0
        if self._answer_by is not None and not self._answer_by.expired():
            soon = asyncio.get_running_loop().time() + self.pace.answer
            self._answer_by.reschedule(min(self._answer_by.when() or soon, soon))
        self._woken.set()
        self._woken = asyncio.Event()

    def _longest_wait(self) -> float:
        """The longest wait before the next attempt: bounded after any number of failures."""
        return min(self.pace.longest, self.pace.first * (1 << min(self._failures, MOST_DOUBLINGS)))

    def delay_reconnect(self, error: Refused) -> None:
        """Do not dial before the time that the server asked for, if it did."""
        wait = error.details.get("retry_after")
        if isinstance(wait, int | float) and wait > 0:
            self._not_before = time.monotonic() + min(wait, LONGEST_HOLD)

    def connection_proven(self) -> None:
        """The connection has proven itself: the next loss is a first failure again."""
        self._failures = 0

    def connection_failed(self) -> None:
        """The connection is of no use: end it, and wait longer before the next."""
        self._failures += 1
        self.drop_connection()

    def drop_connection(self) -> None:
        """End the connection at once, as if it had been lost."""
        if self._connection is not None:
            self._connection.abort()

    def close(self) -> None:
        """End it in good order."""
        for task in (self._pinging, self._watching):
            if task is not None:
                task.cancel()
        if self._connection is not None:
            self._connection.close()

    async def wait_until_lost(self) -> None:
        """Wait until there is no connection."""
        if self._connection is not None:
            await asyncio.shield(self._connection.closed)

    async def request(self, frame: requests.AnyRequest, *, apart: bool = False) -> responses.AnyResponse:
        """As ``Connection.request``, over the connection that there is."""
        if self._connection is None:
            raise ConnectionLost
        return await self._connection.request(frame, apart=apart)

    async def _open_connection(self) -> None:
        try:
            async with asyncio.timeout(self.pace.dial):
                self._connection = await self._connect_first_transport()
        except TimeoutError:
            raise Refused("cannot_connect", {"server": self.address.server, "reason": "timeout"}) from None
        except (ssl.SSLError, ConnectionResetError, ConnectionLost):
            raise Refused("no_chat_server", {"server": self.address.server}) from None
        except OSError as error:
            raise Refused(
                "cannot_connect", {"server": self.address.server, "reason": _reason(error)}
            ) from None
        if self._watching is None:
            self._watching = background.keep_running(partial(watch_clocks, self.woke))
        self._pinging = background.keep_running(partial(self._run_pings, self._connection))
        self._tell(Standing.ONLINE, 0.0)

    async def _connect_first_transport(self) -> LineConnection:
        """The first way that leads to a greeting."""
        ways = self._trust.allowed_transports(self.address)
        for way in ways:
            connection = await self._connect_transport(way)
            patience = self.pace.greeting if way is not ways[-1] else None
            try:
                async with asyncio.timeout(patience):
                    welcome = await asyncio.shield(connection.welcomed)
            except TimeoutError:
                connection.abort()
                continue
            except ConnectionLost:
                raise connection.closing from None
            if welcome.protocol != VERSION:
                connection.abort()
                raise UntrustedServer("other_protocol", {"theirs": welcome.protocol, "ours": VERSION})
            return connection
        raise ConnectionLost

    async def _connect_transport(self, way: Transport) -> LineConnection:
        """Connect. Where the chain of a certificate is not valid but need not be, connect once more."""
        if way is Transport.PLAIN:
            return await self._connect(None)
        contexts = self._trust.contexts(self.address)
        for tls in contexts:
            try:
                connection = await self._connect(tls)
            except ssl.SSLCertVerificationError as error:
                if tls is contexts[-1]:
                    raise self._trust.invalid(self.address, error) from None
                continue
            self._check_certificate(connection, chain=tls.verify_mode is ssl.CERT_REQUIRED)
            return connection
        raise ConnectionLost

    async def _connect(self, tls: ssl.SSLContext | None) -> LineConnection:
        _, connection = await asyncio.get_running_loop().create_connection(
            lambda: LineConnection(self._receive), self.address.host, self.address.port, ssl=tls
        )
        return connection

    def _check_certificate(self, connection: LineConnection, *, chain: bool) -> None:
        """Raises ``UntrustedServer``."""
        try:
            if (certificate := connection.certificate) is None:
                raise ConnectionLost
            self._trust.accept_certificate(self.address, certificate, chain=chain)
        except BaseException:
            connection.abort()
            raise

    async def _run_pings(self, connection: LineConnection) -> None:
        """Measure the lag, and end a connection that is silent for too long.

        A server answers a request that holds a password only after it has hashed that, and a ping behind it
        later still: that is no lag, so it is measured again soon.
        """
        patience = self.pace.dead
        while not connection.closed.done():
            woken = self._woken
            asked, behind_password = time.monotonic(), connection.awaits_password
            wait = min(patience, connection.heard_at + self.pace.dead - asked)
            try:
                async with asyncio.timeout(max(0.0, wait)) as self._answer_by:
                    await self._await_pong(connection, asked)
                if not behind_password:
                    self._measured(time.monotonic() - asked)
            except (TimeoutError, ConnectionLost):
                connection.abort()
            finally:
                self._answer_by = None
            woke = await _wait_for(woken, self.pace.look if behind_password else self.pace.ping)
            patience = self.pace.answer if woke else self.pace.dead

    async def _await_pong(self, connection: LineConnection, asked: float) -> None:
        """Ping, and wait for the answer, telling meanwhile how long that takes. Raises ``ConnectionLost``."""
        answered = background.start(connection.request(requests.Ping(id=0)), expected=(ConnectionLost,))
        try:
            while not (await asyncio.wait([answered], timeout=self.pace.look))[0]:
                self._measured(time.monotonic() - asked)
            await answered
        finally:
            answered.cancel()


def _reason(error: OSError) -> str:
    """The system's words, without a number. ``asyncio`` joins the errors of several addresses in one text."""
    if error.strerror:
        return error.strerror
    number = re.search(r"\[Errno (\d+)\]", str(error))
    return os.strerror(int(number[1])) if number else str(error)


async def _wait_for(event: asyncio.Event, seconds: float) -> bool:
    """Wait so long; returns early, and ``True``, when the event happens."""
    with suppress(TimeoutError):
        async with asyncio.timeout(max(0.0, seconds)):
            return await event.wait()
    return False
