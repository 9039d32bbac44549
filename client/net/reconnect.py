"""Keeps a connection to a server open: connects, sends pings, detects a dead connection and reconnects.

The wait before the next attempt doubles after each failure, and a random part of it is used (full jitter:
https://aws.amazon.com/blogs/architecture/exponential-backoff-and-jitter/), so that the clients of a restarted
server do not reconnect all at once.
"""

import asyncio
import os
import random
import re
import socket
import ssl
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from functools import partial

from chatroom.client import background
from chatroom.client.model.state import ConnectionState
from chatroom.client.net.address import LOCALHOST, ServerAddress
from chatroom.client.net.connection import ConnectionLost, FrameReceiver, LineConnection, Refused
from chatroom.client.net.known_servers import KnownServers, Transport, UntrustedServer
from chatroom.client.net.wakeup import watch_clocks
from chatroom.protocol import VERSION, requests, responses

MAX_DOUBLINGS = 16
"""How often the wait doubles at most; ``0.5 * 2**1024`` would overflow a float."""

MAX_RETRY_AFTER = 300.0
"""Seconds to wait before the next attempt, even if the server asks for more."""


@dataclass(frozen=True)
class Timeouts:
    """All times of a connection, in seconds."""

    greeting: float = 1.0  # for the welcome of a plain server, before TLS is tried
    dial: float = 5.0  # for TCP, TLS and the welcome together
    first_wait: float = 0.5  # at most, after the first failure; doubled after each further one
    longest_wait: float = 4.0  # so that everything is sent within ten seconds after the server is back
    ping: float = 30.0  # between two pings
    lag_report: float = 1.0  # between two reports of the time that a ping has been waiting
    silence: float = 75.0  # without a byte, until the connection counts as lost
    confirmation: float = 3.0  # for the answer to the message that was sent just before a command
    answer: float = 8.0  # for the answer to a request that the server handles quickly


class ReconnectingConnection:
    """A connection that is opened again after it is lost.

    ``on_state(state, retry_at)`` is called when its state changes, ``on_lag(lag)`` with the seconds that a
    ping took or has taken so far.
    """

    def __init__(
        self,
        address: ServerAddress,
        known_servers: KnownServers,
        receive: FrameReceiver,
        on_state: Callable[[ConnectionState, float], None],
        on_lag: Callable[[float], None],
        timeouts: Timeouts | None = None,
    ) -> None:
        self.address = address
        self.timeouts = timeouts or Timeouts()
        self._known_servers = known_servers
        self._receive = receive
        self._on_state = on_state
        self._on_lag = on_lag
        self._connection: LineConnection | None = None
        self._pinging: asyncio.Task[None] | None = None
        self._watching: asyncio.Task[None] | None = None
        self._woken = asyncio.Event()
        self._answer_by: asyncio.Timeout | None = None  # of the ping that is not answered yet
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
        """The code that the server gave for closing the connection, else ``connection_lost``."""
        return self._connection.close_error.code if self._connection else ""

    async def connect_once(self) -> None:
        """Connect once. Raises ``Refused``, or its subclass ``UntrustedServer`` if retrying is useless."""
        self._on_state(ConnectionState.CONNECTING, 0.0)
        try:
            await self._open_connection()
        except Refused as error:
            self._on_state(
                ConnectionState.REFUSED if isinstance(error, UntrustedServer) else ConnectionState.OFFLINE,
                0.0,
            )
            raise

    async def connect_until_works(self) -> None:
        """Try to connect until it works. Raises ``UntrustedServer`` if retrying is useless."""
        while not self.is_connected:
            wait = random.uniform(0, self._longest_wait())
            retry_at = max(time.monotonic() + wait, self._not_before)
            self._on_state(ConnectionState.RECONNECTING, retry_at)
            await _wait_for(self._woken, retry_at - time.monotonic())
            try:
                await self._open_connection()
            except UntrustedServer:
                self._on_state(ConnectionState.REFUSED, 0.0)
                raise
            except Refused as error:
                self._failures += 1
                self.delay_reconnect(error)

    def woke(self) -> None:
        """After a suspension: check the connection, or reconnect, without waiting."""
        self._failures, self._not_before = 0, 0.0
        if self._answer_by is not None and not self._answer_by.expired():
            soon = asyncio.get_running_loop().time() + self.timeouts.answer
            self._answer_by.reschedule(min(self._answer_by.when() or soon, soon))
        self._woken.set()
        self._woken = asyncio.Event()

    def _longest_wait(self) -> float:
        """Return the longest wait before the next attempt."""
        return min(
            self.timeouts.longest_wait, self.timeouts.first_wait * (1 << min(self._failures, MAX_DOUBLINGS))
        )

    def delay_reconnect(self, error: Refused) -> None:
        """Wait before the next attempt for the time that the server requested."""
        wait = error.details.get("retry_after")
        if isinstance(wait, int | float) and wait > 0:
            self._not_before = time.monotonic() + min(wait, MAX_RETRY_AFTER)

    def connection_proven(self) -> None:
        """Count failures from zero again: the connection works."""
        self._failures = 0

    def connection_failed(self) -> None:
        """Close a connection that does not work, and wait longer before the next one."""
        self._failures += 1
        self.drop_connection()

    def drop_connection(self) -> None:
        """Close the connection at once, as if it had been lost."""
        if self._connection is not None:
            self._connection.abort()

    def close(self) -> None:
        """Close the connection and end its tasks."""
        for task in (self._pinging, self._watching):
            if task is not None:
                task.cancel()
        if self._connection is not None:
            self._connection.close()

    async def wait_until_lost(self) -> None:
        """Wait until the connection is lost."""
        if self._connection is not None:
            await asyncio.shield(self._connection.closed)

    async def request(
        self, frame: requests.AnyRequest, *, update_state: bool = True
    ) -> responses.AnyResponse:
        """As ``LineConnection.request``, over the current connection."""
        if self._connection is None:
            raise ConnectionLost
        return await self._connection.request(frame, update_state=update_state)

    async def _open_connection(self) -> None:
        try:
            async with asyncio.timeout(self.timeouts.dial):
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
        self._on_state(ConnectionState.ONLINE, 0.0)

    async def _connect_first_transport(self) -> LineConnection:
        """Connect over the first allowed transport on which the server sends a welcome."""
        transports = self._known_servers.allowed_transports(self.address)
        for transport in transports:
            connection = await self._connect_transport(transport)
            timeout = self.timeouts.greeting if transport is not transports[-1] else None
            try:
                async with asyncio.timeout(timeout):
                    welcome = await asyncio.shield(connection.welcomed)
            except TimeoutError:
                connection.abort()
                continue
            except ConnectionLost:
                raise connection.close_error from None
            if welcome.protocol != VERSION:
                connection.abort()
                raise UntrustedServer("other_protocol", {"theirs": welcome.protocol, "ours": VERSION})
            return connection
        raise ConnectionLost

    async def _connect_transport(self, transport: Transport) -> LineConnection:
        """Connect. Without a valid chain, connect again without verification if that is allowed."""
        if transport is Transport.PLAIN:
            return await self._connect(None)
        contexts = self._known_servers.tls_contexts(self.address)
        for tls in contexts:
            try:
                connection = await self._connect(tls)
            except ssl.SSLCertVerificationError as error:
                if tls is contexts[-1]:
                    raise self._known_servers.invalid_certificate(self.address, error) from None
                continue
            self._check_certificate(connection, chain=tls.verify_mode is ssl.CERT_REQUIRED)
            return connection
        raise ConnectionLost

    async def _connect(self, tls: ssl.SSLContext | None) -> LineConnection:
        loop = asyncio.get_running_loop()
        if self.address.path:
            _, connection = await loop.create_unix_connection(
                lambda: LineConnection(self._receive),
                self.address.path,
                ssl=tls,
                server_hostname=LOCALHOST if tls else None,
            )
        else:
            _, connection = await loop.create_connection(
                lambda: LineConnection(self._receive), self.address.host, self.address.port, ssl=tls
            )
        return connection

    def _check_certificate(self, connection: LineConnection, *, chain: bool) -> None:
        """Raise ``UntrustedServer`` unless the certificate is accepted."""
        try:
            if (certificate := connection.certificate) is None:
                raise ConnectionLost
            self._known_servers.accept_certificate(self.address, certificate, chain=chain)
        except BaseException:
            connection.abort()
            raise

    async def _run_pings(self, connection: LineConnection) -> None:
        """Measure the lag, and close a connection that is silent for too long.

        The server hashes the password of a request before it answers the next ping. That time is not lag, so
        the lag is measured again soon.
        """
        timeout = self.timeouts.silence
        while not connection.closed.done():
            woken = self._woken
            sent_at, behind_password = time.monotonic(), connection.awaits_password
            wait = min(timeout, connection.received_at + self.timeouts.silence - sent_at)
            try:
                async with asyncio.timeout(max(0.0, wait)) as self._answer_by:
                    await self._await_pong(connection, sent_at)
                if not behind_password:
                    self._on_lag(time.monotonic() - sent_at)
            except (TimeoutError, ConnectionLost):
                connection.abort()
            finally:
                self._answer_by = None
            was_woken = await _wait_for(
                woken, self.timeouts.lag_report if behind_password else self.timeouts.ping
            )
            timeout = self.timeouts.answer if was_woken else self.timeouts.silence

    async def _await_pong(self, connection: LineConnection, sent_at: float) -> None:
        """Send a ping and wait for the answer; report the lag meanwhile. Raises ``ConnectionLost``."""
        pong = background.start(connection.request(requests.Ping(id=0)), expected=(ConnectionLost,))
        try:
            while not (await asyncio.wait([pong], timeout=self.timeouts.lag_report))[0]:
                self._on_lag(time.monotonic() - sent_at)
            await pong
        finally:
            pong.cancel()


def _reason(error: OSError) -> str:
    """Return the system's description of an error without its number.

    ``asyncio`` replaces it by a text of its own, and joins the errors of several addresses in one text.
    """
    if error.strerror and isinstance(error, socket.gaierror):
        return error.strerror
    if error.errno:
        return os.strerror(error.errno)
    number = re.search(r"\[Errno (\d+)\]", str(error))
    return os.strerror(int(number[1])) if number else str(error)


async def _wait_for(event: asyncio.Event, seconds: float) -> bool:
    """Wait for the event, at most this long. Return whether it happened."""
    with suppress(TimeoutError):
        async with asyncio.timeout(max(0.0, seconds)):
            return await event.wait()
    return False
