"""A session answers requests while the account's permissions change."""

import asyncio
from collections.abc import Callable
from typing import Any
from unittest.mock import Mock

from chatroom.protocol import requests, responses
from chatroom.server.config.settings import LimitSettings
from chatroom.server.dispatch import HandlerRow
from chatroom.server.net.fair_queue import ReadLanes
from chatroom.server.net.rates import ServerRates
from chatroom.server.results import CommitWork, ReadWork
from chatroom.server.session import ClientSession
from chatroom.server.state.directory import LiveAccount
from chatroom.server.state.statistics import SessionStatistics


class SlowReader:
    """A reader whose queries wait until the test sets their results."""

    def __init__(self) -> None:
        self.asked: list[asyncio.Future[str]] = []

    def start(self, work: Callable[..., Any]) -> asyncio.Future[str]:
        self.asked.append(asyncio.get_running_loop().create_future())
        return self.asked[-1]


def session_with(connection: Mock, row: HandlerRow, *, writer: Any, reader: Any) -> ClientSession:
    return ClientSession(
        connection,
        table={requests.ListFriends: row},
        writer=writer,
        reader=reader,
        lanes=ReadLanes(4),
        rates=ServerRates(LimitSettings()),
        presence=Mock(),
        limits=LimitSettings(),
        session_log=Mock(),
        statistics=SessionStatistics(),
        welcome=b"",
        on_lost=Mock(),
    )


async def test_page_read_before_the_seat_was_lost_is_read_again() -> None:
    reader, connection = SlowReader(), Mock(address="127.0.0.1")
    connection.take_line.side_effect = [b'{"type":"list_friends","id":1}', None, None, None]
    row = HandlerRow(lambda speaker, request: ReadWork(Mock(), _as_error), rate_class=None)
    session = session_with(connection, row, writer=Mock(), reader=reader)
    session.speaker.account = account = LiveAccount(1, "Alice")
    connection.send_answer.reset_mock()
    session.receive_lines()
    await asyncio.sleep(0)
    account.seats_lost += 1
    reader.asked[0].set_result("read before")
    await _until(lambda: len(reader.asked) == 2)
    connection.send_answer.assert_not_called()
    reader.asked[1].set_result("read after")
    await _until(lambda: connection.send_answer.called)
    assert b"read after" in connection.send_answer.call_args.args[0]
    session.connection_lost()


async def test_session_ended_while_its_password_is_checked_does_nothing_more() -> None:
    writer, connection = Mock(), Mock(address="127.0.0.1")
    connection.take_line.side_effect = [b'{"type":"list_friends","id":1}', None, None, None]
    hashed = asyncio.get_running_loop().create_future()

    async def handle() -> CommitWork[None]:
        await hashed
        return CommitWork(Mock(), Mock())

    row = HandlerRow(lambda speaker, request: handle(), rate_class=None)
    session = session_with(connection, row, writer=writer, reader=Mock())
    session.speaker.account = LiveAccount(1, "Alice")
    session.receive_lines()
    await asyncio.sleep(0)
    session.speaker.account = None
    hashed.set_result(None)
    await _until(lambda: b"not_logged_in" in connection.send_answer.call_args.args[0])
    writer.add_operation.assert_not_called()


def _as_error(result: str) -> responses.Response:
    return responses.Error(id=1, code="", message=result, details={})


async def _until(condition: Callable[[], bool]) -> None:
    for _ in range(100):
        if condition():
            return
        await asyncio.sleep(0)
    raise AssertionError("the condition was not met")
