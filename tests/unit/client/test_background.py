"""Each background task of the client fails once."""

import asyncio
import logging
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import pytest

from chatroom.client import background
from chatroom.client.app import App
from chatroom.client.core.outbox_sender import OutboxSender
from chatroom.client.core.session import Session
from chatroom.client.line_ui.stdin import read_lines
from chatroom.client.model.state import ConnectionState as Standing
from chatroom.client.net.reconnect import ReconnectingConnection
from tests.unit.client.conftest import Start
from tests.unit.client.fake_front_end import front_end_of
from tests.unit.client.fake_server import TEST_TIMEOUT, FakeServer, message
from tests.unit.client.fake_session import answer_session, lab_room, lab_texts, log_in, wait_until


class Bug(Exception):
    """An unexpected exception."""


@pytest.fixture
def failures() -> Iterator[list[BaseException]]:
    """The unexpected exceptions that were reported."""
    reported: list[BaseException] = []
    stop = background.observe(reported.append)
    yield reported
    stop()


async def test_failed_task_is_reported(failures: list[BaseException]) -> None:
    async def work() -> None:
        raise Bug

    with pytest.raises(Bug):
        await background.start(work())
    await asyncio.sleep(0)
    assert [type(error) for error in failures] == [Bug]


async def test_expected_failure_of_task_is_not_reported(failures: list[BaseException]) -> None:
    async def work() -> None:
        raise Bug

    with pytest.raises(Bug):
        await background.start(work(), expected=(Bug,))
    await asyncio.sleep(0)
    assert not failures


async def test_failed_essential_task_is_restarted(failures: list[BaseException]) -> None:
    runs = 0

    async def work() -> None:
        nonlocal runs
        runs += 1
        if runs < 4:
            raise Bug

    await background.keep_running(work, delay=0.001)
    assert (runs, len(failures)) == (4, 3)


async def test_failed_observer_does_not_stop_others(failures: list[BaseException]) -> None:
    def broken(error: BaseException) -> None:
        raise Bug

    stop = background.observe(broken)
    background.report(Bug(), "a test")
    stop()
    assert len(failures) == 1


async def test_log_file_holds_the_traceback_and_no_escape(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    background.log_to_file()
    handler = logging.getLogger().handlers[-1]
    try:
        try:
            raise Bug("\x1b[31mred")
        except Bug as error:
            background.report(error, "a test")
        text = background.log_path().read_text(encoding="utf-8")
    finally:
        logging.getLogger().removeHandler(handler)
        handler.close()
    assert "Traceback" in text
    assert "\x1b" not in text
    assert background.log_path().stat().st_mode & 0o777 == 0o600


async def fail_once(monkeypatch: pytest.MonkeyPatch, owner: type, name: str) -> asyncio.Event:
    """Let a method raise at its next call. The returned event is then set."""
    right, failed = getattr(owner, name), asyncio.Event()

    async def wrong(self: object, *arguments: object) -> object:
        if failed.is_set():
            return await right(self, *arguments)
        failed.set()
        raise Bug("killed by a test")

    monkeypatch.setattr(owner, name, wrong)
    return failed


async def shows_the_failure(app: App) -> None:
    await wait_until(app, lambda: "internal_error" in [note.key for note in app.state.notes])


async def test_failed_reconnect_task_reconnects_again(
    fake: FakeServer, start: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with fake:
        app = start()
        peer = await log_in(fake, app)
        failed = await fail_once(monkeypatch, Session, "_resume")
        peer.abort()
        await fake.accept_and_welcome()
        peer = await fake.accept_and_welcome()
        answer_session(peer, await peer.expect("resume"))
        await wait_until(app, lambda: app.state.link is Standing.LOGGED_IN)
        assert failed.is_set()
        await shows_the_failure(app)


async def test_failed_sender_task_sends_again(
    fake: FakeServer, start: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with fake:
        app = start()
        peer = await log_in(fake, app)
        failed = await fail_once(monkeypatch, OutboxSender, "_send_once")
        app.writer.write("#lab", "hello")
        await peer.expect("send", text="hello")
        assert failed.is_set()
        await shows_the_failure(app)


async def test_failed_ping_task_pings_again(
    fake: FakeServer, start: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with fake:
        failed = await fail_once(monkeypatch, ReconnectingConnection, "_await_pong")
        app = start()
        peer = await log_in(fake, app)
        peer.answer(await peer.expect("ping"), "pong")
        await wait_until(app, lambda: app.state.lag is not None)
        assert failed.is_set()


async def test_failing_server_line_affects_no_other_line(
    fake: FakeServer, start: Start, monkeypatch: pytest.MonkeyPatch, failures: list[BaseException]
) -> None:
    async with fake:
        app = start()
        peer = await log_in(fake, app)
        broken = iter([True])

        def on_frame(frame: object) -> None:
            if next(broken, False):
                raise Bug("killed by a test")

        front_end_of(app).handle_frame = on_frame
        peer.send(type="message", message=message(1))
        peer.send(type="message", message=message(2))
        await wait_until(app, lambda: lab_texts(app) == ["number 1", "number 2"])
        assert lab_room(app).head == 2
        assert [type(error) for error in failures] == [Bug]


async def test_failed_input_reader_ends_the_input(
    monkeypatch: pytest.MonkeyPatch, failures: list[BaseException]
) -> None:
    def broken(descriptor: int, size: int) -> bytes:
        raise Bug("killed by a test")

    monkeypatch.setattr("chatroom.client.line_ui.stdin.os", SimpleNamespace(read=broken))
    async with asyncio.timeout(TEST_TIMEOUT):
        assert [line async for line in read_lines()] == []
    assert [type(error) for error in failures] == [Bug]
