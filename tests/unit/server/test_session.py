"""What a session answers while rights change under its requests."""

import asyncio
from collections.abc import Callable
from typing import Any
from unittest.mock import Mock

from chatroom.protocol import requests, responses
from chatroom.server.config.settings import LimitSettings
from chatroom.server.dispatch import HandlerRow
from chatroom.server.results import CommitWork, ReadWork
from chatroom.server.session import ClientSession
from chatroom.server.state.directory import LiveAccount


class SlowStore:
    """A store whose every query waits for its result."""

    def __init__(self) -> None:
        self.asked: list[asyncio.Future[str]] = []

    async def run(self, work: Callable[..., Any]) -> str:
        self.asked.append(asyncio.get_running_loop().create_future())
        return await self.asked[-1]


def session_with(connection: Mock, row: HandlerRow, *, writer: Any, store: Any) -> ClientSession:
    return ClientSession(
        connection,
        table={requests.ListFriends: row},
        writer=writer,
        store=store,
        presence=Mock(),
        limits=LimitSettings(),
        welcome=b"",
        on_lost=Mock(),
    )


async def test_page_read_before_a_seat_was_lost_is_read_again() -> None:
    store, connection = SlowStore(), Mock(address="127.0.0.1")
    connection.take.side_effect = [b'{"type":"list_friends","id":1}', None, None, None]
    row = HandlerRow(lambda speaker, request: ReadWork(Mock(), _as_error), pace=None)
    session = session_with(connection, row, writer=Mock(), store=store)
    session.speaker.account = account = LiveAccount(1, "Alice")
    connection.send.reset_mock()
    session.receive_lines()
    await asyncio.sleep(0)
    account.seats_lost += 1
    store.asked[0].set_result("read before")
    await _until(lambda: len(store.asked) == 2)
    connection.send.assert_not_called()
    store.asked[1].set_result("read after")
    await _until(lambda: connection.send.called)
    assert b"read after" in connection.send.call_args.args[0]
    session.connection_lost()


async def test_session_ended_while_its_password_is_checked_does_nothing_more() -> None:
    writer, connection = Mock(), Mock(address="127.0.0.1")
    connection.take.side_effect = [b'{"type":"list_friends","id":1}', None, None, None]
    hashed = asyncio.get_running_loop().create_future()

    async def handle() -> CommitWork[None]:
        await hashed
        return CommitWork(Mock(), Mock())

    row = HandlerRow(lambda speaker, request: handle(), pace=None)
    session = session_with(connection, row, writer=writer, store=Mock())
    session.speaker.account = LiveAccount(1, "Alice")
    session.receive_lines()
    await asyncio.sleep(0)
    session.speaker.account = None
    hashed.set_result(None)
    await _until(lambda: b"not_logged_in" in connection.send.call_args.args[0])
    writer.add.assert_not_called()


def _as_error(found: str) -> responses.Response:
    return responses.Error(id=1, code="", message=found, details={})


async def _until(condition: Callable[[], bool]) -> None:
    for _ in range(100):
        if condition():
            return
        await asyncio.sleep(0)
    raise AssertionError("it did not come to that")
