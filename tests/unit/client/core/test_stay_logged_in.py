"""Stored logins: the next client continues them without a password; how they end."""

import asyncio
from pathlib import Path

import pytest

from chatroom.client.app import App
from chatroom.client.model.state import ConnectionState
from chatroom.client.net.connection import Refused
from chatroom.client.storage import files
from chatroom.client.storage.kept_logins import FILE_NAME
from tests.unit.client.conftest import Start
from tests.unit.client.fake_server import TEST_TIMEOUT, FakeServer, Peer
from tests.unit.client.fake_session import answer_session, log_in, wait_until


@pytest.fixture
def stored(home: Path) -> Path:
    return home / FILE_NAME


def content(path: Path) -> str:
    return path.read_text() if path.exists() else ""


def stay(app: App) -> App:
    app.config.stay_logged_in = "on"
    return app


async def continue_login(fake: FakeServer, app: App, old: str, new: str) -> Peer:
    """Continue the kept login of Alice; the server exchanges the token ``old`` for ``new``."""
    peer, continuing = await begin_continuing(fake, app)
    answer_session(peer, await peer.expect("resume", token=old), token=new)
    assert await continuing
    return peer


async def begin_continuing(fake: FakeServer, app: App) -> tuple[Peer, "asyncio.Task[bool]"]:
    connecting = asyncio.create_task(app.requests.connect(fake.address))
    peer = await fake.accept_and_welcome()
    await connecting
    return peer, asyncio.create_task(app.session.continue_login("alice"))


async def enter(app: App, line: str) -> None:
    app.lines.submit_line(line)
    await app.lines.wait_until_finished()


async def requests_until_close(peer: Peer) -> list[str]:
    """Answer the client's requests until it closes the connection; return their types."""
    types: list[str] = []
    async with asyncio.timeout(TEST_TIMEOUT):
        while True:
            try:
                request = await peer.next_request(set())
            except AssertionError:  # the client has closed the connection
                return types
            types.append(request["type"])
            peer.answer(request, "ok")


async def test_restarted_client_continues_without_password(
    fake: FakeServer, start: Start, stored: Path
) -> None:
    async with fake:
        first = stay(start())
        peer = await log_in(fake, first)
        assert '"first"' in content(stored)
        closing = asyncio.create_task(first.close())
        assert await requests_until_close(peer) == []
        await closing
        second = stay(start())
        await continue_login(fake, second, "first", "second")
        assert (second.state.username, second.state.link) == ("Alice", ConnectionState.LOGGED_IN)
        assert '"second"' in content(stored)
        assert '"first"' not in content(stored)


async def test_new_token_is_stored_before_it_is_used(
    fake: FakeServer, start: Start, stored: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """While the disk is full, the client continues with the stored token, which the server still accepts."""
    async with fake:
        app = stay(start())
        (await log_in(fake, app)).abort()
        with monkeypatch.context() as full_disk:
            full_disk.setattr(files, "replace_text", _fail)
            peer = await fake.accept_and_welcome()
            answer_session(peer, await peer.expect("resume", token="first"), token="second")
            await wait_until(app, lambda: app.state.link is ConnectionState.LOGGED_IN)
            assert '"first"' in content(stored)
        peer.abort()
        peer = await fake.accept_and_welcome()
        answer_session(peer, await peer.expect("resume", token="first"), token="third")
        await wait_until(app, lambda: '"third"' in content(stored))


def _fail(path: Path, text: str) -> None:
    raise OSError("full")


async def test_void_token_is_removed(fake: FakeServer, start: Start, stored: Path) -> None:
    async with fake:
        (await log_in(fake, stay(start()))).abort()
        app = stay(start())
        await fake.accept()  # the first client again, without an answer
        peer, continuing = await begin_continuing(fake, app)
        peer.answer_error(await peer.expect("resume", token="first"), "bad_token")
        assert not await continuing
        assert content(stored) == "{}\n"
        assert app.state.username == ""


async def test_other_refusal_keeps_the_login(fake: FakeServer, start: Start, stored: Path) -> None:
    async with fake:
        await log_in(fake, stay(start()))
        peer, continuing = await begin_continuing(fake, stay(start()))
        peer.answer_error(await peer.expect("resume", token="first"), "unavailable")
        with pytest.raises(Refused, match="unavailable"):
            await continuing
        assert '"first"' in content(stored)


async def test_reconnect_uses_token_that_other_client_has_stored(fake: FakeServer, start: Start) -> None:
    async with fake:
        app = stay(start())
        peer = await log_in(fake, app)
        await continue_login(fake, stay(start()), "first", "second")
        peer.abort()
        peer = await fake.accept_and_welcome()
        peer.answer_error(await peer.expect("resume", token="first"), "bad_token")
        answer_session(peer, await peer.expect("resume", token="second"), token="third")
        await wait_until(app, lambda: app.state.link is ConnectionState.LOGGED_IN)


async def test_kept_login_that_expires_asks_for_password(fake: FakeServer, start: Start) -> None:
    async with fake:
        await log_in(fake, stay(start()))
        app = stay(start())
        (await continue_login(fake, app, "first", "second")).abort()
        peer = await fake.accept_and_welcome()
        peer.answer_error(await peer.expect("resume", token="second"), "bad_token")
        await wait_until(app, lambda: not app.state.username)
        assert app.state.notes[-1].key == "login_expired"


async def test_logout_removes_the_login(fake: FakeServer, start: Start, stored: Path) -> None:
    async with fake:
        app = stay(start())
        peer = await log_in(fake, app)
        app.lines.submit_line("/logout")
        peer.answer(await peer.expect("logout"), "ok")
        await app.lines.wait_until_finished()
        assert content(stored) == "{}\n"


async def test_setting_keeps_and_removes_the_present_login(
    fake: FakeServer, start: Start, stored: Path
) -> None:
    async with fake:
        app = start()
        peer = await log_in(fake, app)
        assert content(stored) == ""
        await enter(app, "/set stay_logged_in on")
        assert '"first"' in content(stored)
        await enter(app, "/set stay_logged_in off")
        assert content(stored) == "{}\n"
        closing = asyncio.create_task(app.close())
        assert await requests_until_close(peer) == ["logout"]
        await closing
