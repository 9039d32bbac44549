"""Reconnecting: silent and dead connections, the wait between attempts, suspension of the machine."""

import asyncio
from dataclasses import replace
from pathlib import Path

import pytest

from chatroom.client.model.state import ConnectionState
from chatroom.client.net.address import parse_address
from chatroom.client.net.connection import Refused
from chatroom.client.net.known_servers import KnownServers, UntrustedServer
from chatroom.client.net.reconnect import MAX_RETRY_AFTER, ReconnectingConnection, Timeouts
from chatroom.client.net.wakeup import watch_clocks
from tests.unit.client.conftest import FAST_RECONNECT, LONG_TIMEOUTS, Start
from tests.unit.client.fake_server import TEST_TIMEOUT, FakeServer
from tests.unit.client.fake_session import answer_session, log_in, wait_until


async def test_unanswered_request_reconnects(fake: FakeServer, start: Start) -> None:
    async with fake:
        app = start(timeouts=replace(FAST_RECONNECT, answer=0.1))
        peer = await log_in(fake, app)
        app.writer.write("#lab", "hello")
        unanswered = await peer.expect("send")
        peer = await fake.accept_and_welcome()
        answer_session(peer, await peer.expect("resume"))
        await peer.expect("send", cid=unanswered["cid"])


async def test_silent_connection_is_replaced(fake: FakeServer, start: Start) -> None:
    async with fake:
        app = start(timeouts=replace(FAST_RECONNECT, ping=0.05, silence=0.1))
        await log_in(fake, app)
        peer = await fake.accept_and_welcome()
        await peer.expect("resume")


async def test_unanswered_ping_counts_as_lag(fake: FakeServer, start: Start) -> None:
    async with fake:
        app = start(timeouts=replace(LONG_TIMEOUTS, ping=0.01, lag_report=0.01))
        await log_in(fake, app)
        await wait_until(app, lambda: app.state.lag is not None)
        before = app.state.lag or 0.0
        await wait_until(app, lambda: (app.state.lag or 0.0) > before)


class FailingConnection(ReconnectingConnection):
    """A connection whose attempts fail until ``failing`` of them have been made."""

    def __init__(self, home: Path, failing: int, timeouts: Timeouts, error: Refused | None = None) -> None:
        self.attempts = 0
        self.retry_at = 0.0
        self.waiting = asyncio.Event()
        self._failing = failing
        self._error = error or Refused("cannot_connect")
        super().__init__(
            parse_address("127.0.0.1:1"),
            KnownServers(home / "known_servers"),
            lambda request, frame: None,
            self._record_state,
            lambda lag: None,
            timeouts,
        )

    def _record_state(self, state: ConnectionState, retry_at: float) -> None:
        self.retry_at = retry_at
        self.waiting.set()

    async def _open_connection(self) -> None:
        self.attempts += 1
        raise self._error if self.attempts < self._failing else UntrustedServer("reached")


async def test_reconnect_continues_after_many_failures(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A float holds no more than 2**1023 doublings."""
    monkeypatch.setattr("chatroom.client.net.reconnect.random.uniform", lambda least, most: least)
    link = FailingConnection(home, 5000, Timeouts())
    with pytest.raises(UntrustedServer):
        await link.connect_until_works()
    assert link.attempts == 5000


async def test_reconnect_wait_is_bounded_after_many_failures(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    longest: list[float] = []

    def record_longest(least: float, most: float) -> float:
        longest.append(most)
        return least

    monkeypatch.setattr("chatroom.client.net.reconnect.random.uniform", record_longest)
    with pytest.raises(UntrustedServer):
        await FailingConnection(home, 2000, Timeouts()).connect_until_works()
    assert longest[:5] == [0.5, 1.0, 2.0, 4.0, 4.0]
    assert max(longest) == 4.0


@pytest.mark.parametrize("asked", [1e300, float("inf"), 10**400])
async def test_reconnect_wait_requested_by_server_is_bounded(home: Path, asked: float) -> None:
    link = FailingConnection(home, 2, FAST_RECONNECT, Refused("too_many_connections", {"retry_after": asked}))
    link.delay_reconnect(Refused("too_many_connections", {"retry_after": asked}))
    reopening = asyncio.create_task(link.connect_until_works())
    await link.waiting.wait()
    assert link.retry_at <= asyncio.get_running_loop().time() + MAX_RETRY_AFTER
    reopening.cancel()


async def test_reconnect_after_wakeup_does_not_wait(home: Path) -> None:
    link = FailingConnection(
        home, 0, replace(FAST_RECONNECT, first_wait=TEST_TIMEOUT * 100, longest_wait=TEST_TIMEOUT * 100)
    )
    link.delay_reconnect(Refused("too_many_connections", {"retry_after": TEST_TIMEOUT * 10}))
    reopening = asyncio.create_task(link.connect_until_works())
    await link.waiting.wait()
    link.woke()
    with pytest.raises(UntrustedServer):
        await reopening


async def test_dead_connection_is_replaced_after_wakeup(fake: FakeServer, start: Start) -> None:
    """The monotonic clock was stopped, so only the wake-up shows that the connection may be dead."""
    async with fake:
        app = start(timeouts=replace(LONG_TIMEOUTS, first_wait=0.01, longest_wait=0.01, answer=0.1))
        await log_in(fake, app)
        app.requests.connection.woke()
        answer_session(peer := await fake.accept_and_welcome(), await peer.expect("resume"))
        await wait_until(app, lambda: app.state.link is ConnectionState.LOGGED_IN)


async def test_working_connection_is_kept_after_wakeup(fake: FakeServer, start: Start) -> None:
    async with fake:
        app = start()
        peer = await log_in(fake, app)
        app.requests.connection.woke()
        peer.answer(await peer.expect("ping"), "pong")
        app.writer.write("#lab", "still here")
        await peer.expect("send", text="still here")


@pytest.mark.parametrize("jump", [-365 * 86400.0, -3600.0, 3600.0, 30 * 86400.0])
async def test_clock_jump_is_reported_once(jump: float) -> None:
    """A month of suspension, a clock set back by a year. Daylight saving changes neither clock."""
    shown = [0.0, 0.0, *[jump] * 5]
    jumps: list[float] = []
    ended = asyncio.Event()

    def wall() -> float:
        if len(shown) == 1:
            ended.set()
            return shown[0]
        return shown.pop(0)

    watching = asyncio.create_task(watch_clocks(lambda: jumps.append(shown[0]), (wall,), interval=0.0))
    async with asyncio.timeout(TEST_TIMEOUT):
        await ended.wait()
    watching.cancel()
    assert len(jumps) == 1


async def test_lag_during_password_hashing_is_not_measured(fake: FakeServer, start: Start) -> None:
    """The server answers a ping only after it has hashed the password of the login."""
    async with fake:
        app = start(timeouts=replace(LONG_TIMEOUTS, lag_report=0.01))
        lags: list[float | None] = []
        connecting = asyncio.create_task(app.requests.connect(fake.address))
        peer = await fake.accept_and_welcome()
        await connecting
        entering = asyncio.create_task(app.session.login("Alice", "secret1"))
        login = await peer.expect("login")
        lags.append(app.state.lag)
        answer_session(peer, login)
        await entering
        assert lags == [None]
