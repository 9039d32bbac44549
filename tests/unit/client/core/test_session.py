"""Logging in and out, resuming, and what ends a session."""

import asyncio
from typing import Any

import pytest

from chatroom.client.model.state import ConnectionState
from chatroom.client.net.connection import Refused
from tests.unit.client.conftest import FAST_RECONNECT, Start
from tests.unit.client.fake_server import FakeServer, message
from tests.unit.client.fake_session import answer_session, lab_texts, log_in, wait_until


async def test_resume_with_expired_token_logs_in_with_password(fake: FakeServer, start: Start) -> None:
    async with fake:
        app = start()
        (await log_in(fake, app)).abort()
        peer = await fake.accept_and_welcome()
        peer.answer_error(await peer.expect("resume"), "bad_token")
        answer_session(peer, await peer.expect("login", username="Alice", password="secret1"))
        await wait_until(app, lambda: app.state.link is ConnectionState.LOGGED_IN)


async def test_resume_after_password_change_returns_to_login(fake: FakeServer, start: Start) -> None:
    async with fake:
        app = start()
        (await log_in(fake, app)).abort()
        peer = await fake.accept_and_welcome()
        peer.answer_error(await peer.expect("resume"), "bad_token")
        peer.answer_error(await peer.expect("login"), "wrong_password")
        await wait_until(app, lambda: app.state.username == "")
        assert app.state.notes[-1].key == "login_again"
        assert app.state.link is ConnectionState.ONLINE


async def test_login_after_login_timeout_reconnects(fake: FakeServer, start: Start) -> None:
    async with fake:
        app = start()
        connecting = asyncio.create_task(app.requests.connect(fake.address))
        peer = await fake.accept_and_welcome()
        await connecting
        peer.send(type="closing", code="login_timeout", message="")
        peer.abort()
        await app.requests.connection.wait_until_lost()
        entering = asyncio.create_task(app.session.login("Alice", "secret1"))
        peer = await fake.accept_and_welcome()
        answer_session(peer, await peer.expect("login"))
        await entering
        assert app.state.username == "Alice"


async def test_logout_leaves_connection_for_next_login(fake: FakeServer, start: Start) -> None:
    async with fake:
        app = start()
        peer = await log_in(fake, app)
        leaving = asyncio.create_task(app.session.logout())
        peer.answer(await peer.expect("logout"), "ok")
        await leaving
        assert (app.state.username, app.state.link) == ("", ConnectionState.ONLINE)
        entering = asyncio.create_task(app.session.login("Bob", "secret2"))
        answer_session(peer, await peer.expect("login", username="Bob"), username="Bob")
        await entering
        assert app.state.username == "Bob"


@pytest.mark.parametrize("code", ["internal", "unavailable"])
async def test_logout_that_fails_closes_connection(fake: FakeServer, start: Start, code: str) -> None:
    async with fake:
        app = start()
        peer = await log_in(fake, app)
        leaving = asyncio.create_task(app.session.logout())
        peer.answer_error(await peer.expect("logout"), code, retry_after=1)
        await leaving
        assert (app.state.username, app.state.link) == ("", ConnectionState.OFFLINE)
        await peer.expect_close()
        entering = asyncio.create_task(app.session.login("Bob", "secret2"))
        peer = await fake.accept_and_welcome()
        answer_session(peer, await peer.expect("login", username="Bob"), username="Bob")
        await entering
        assert app.state.username == "Bob"


@pytest.mark.parametrize(
    ("code", "details"),
    [("unknown_user", {}), ("wrong_password", {}), ("bad_username", {"least": 2, "most": 10})],
)
async def test_refused_login_raises_code_and_details(
    fake: FakeServer, start: Start, code: str, details: dict[str, Any]
) -> None:
    async with fake:
        app = start()
        connecting = asyncio.create_task(app.requests.connect(fake.address))
        peer = await fake.accept_and_welcome()
        await connecting
        entering = asyncio.create_task(app.session.login("Alice", "secret1"))
        peer.answer_error(await peer.expect("login"), code, **details)
        with pytest.raises(Refused) as refused:
            await entering
        assert (refused.value.code, refused.value.details) == (code, details)


async def test_connect_to_other_protocol_is_refused(fake: FakeServer, start: Start) -> None:
    async with fake:
        connecting = asyncio.create_task(start().requests.connect(fake.address))
        (await fake.accept()).send_bytes(b"220 mail.example ESMTP\r\n")
        with pytest.raises(Refused, match="no_chat_server"):
            await connecting


async def test_connect_to_other_protocol_version_is_refused(fake: FakeServer, start: Start) -> None:
    async with fake:
        app = start()
        connecting = asyncio.create_task(app.requests.connect(fake.address))
        (await fake.accept()).send_welcome(protocol=2)
        with pytest.raises(Refused, match="other_protocol"):
            await connecting
        assert app.state.link is ConnectionState.REFUSED


async def test_connect_to_closed_port_is_refused(start: Start) -> None:
    with pytest.raises(Refused, match="cannot_connect"):
        await start(timeouts=FAST_RECONNECT).requests.connect("127.0.0.1:1")


async def test_connect_to_full_server_raises_its_reason(fake: FakeServer, start: Start) -> None:
    async with fake:
        connecting = asyncio.create_task(start().requests.connect(fake.address))
        peer = await fake.accept()
        details = {"retry_after": 7}
        peer.send(type="error", id=None, code="too_many_connections", message="", details=details)
        peer.send(type="closing", code="too_many_connections", message="")
        peer._writer.close()
        with pytest.raises(Refused) as refused:
            await connecting
        assert (refused.value.code, refused.value.details) == ("too_many_connections", details)


async def test_unknown_events_and_fields_are_ignored(fake: FakeServer, start: Start) -> None:
    async with fake:
        app = start()
        peer = await log_in(fake, app)
        peer.send(type="thunder", conversation="#lab", username="Bob")
        peer.send(type="message", message=message(1, mood="good"), shard=3)
        await wait_until(app, lambda: lab_texts(app) == ["number 1"])


async def test_session_ended_elsewhere_is_not_resumed(fake: FakeServer, start: Start) -> None:
    async with fake:
        app = start()
        peer = await log_in(fake, app)
        peer.send(type="closing", code="session_ended", message="")
        peer.abort()
        await wait_until(app, lambda: app.state.username == "")
        assert [note.key for note in app.state.notes] == ["session_ended"]


async def test_lag_is_measured_after_login(fake: FakeServer, start: Start) -> None:
    async with fake:
        app = start()
        await log_in(fake, app)
        await wait_until(app, lambda: app.state.lag is not None)
