"""What a session answers while rights change under its requests."""

import asyncio
from collections.abc import Callable
from typing import Any
from unittest.mock import Mock

from protocol import requests, responses
from server.config import Limits
from server.dispatch import Row
from server.live import Account
from server.replies import Query
from server.session import Session


class SlowStore:
    """A store whose every query waits for its result."""

    def __init__(self) -> None:
        self.asked: list[asyncio.Future[str]] = []

    async def run(self, work: Callable[..., Any]) -> str:
        self.asked.append(asyncio.get_running_loop().create_future())
        return await self.asked[-1]


async def test_page_read_before_a_seat_was_lost_is_read_again() -> None:
    store, connection = SlowStore(), Mock(address="127.0.0.1")
    connection.take.side_effect = [b'{"type":"list_friends","id":1}', None, None, None]
    row = Row(lambda speaker, request: Query(Mock(), _as_error), pace=None)
    session = Session(
        connection,
        table={requests.ListFriends: row},
        writer=Mock(),
        store=store,  # type: ignore[arg-type]
        presence=Mock(),
        limits=Limits(),
        welcome=b"",
        on_lost=Mock(),
    )
    session.speaker.account = account = Account(1, "Alice")
    connection.send.reset_mock()
    session.receive()
    await asyncio.sleep(0)
    account.seats_lost += 1
    store.asked[0].set_result("read before")
    await _until(lambda: len(store.asked) == 2)
    connection.send.assert_not_called()
    store.asked[1].set_result("read after")
    await _until(lambda: connection.send.called)
    assert b"read after" in connection.send.call_args.args[0]
    session.lost()


def _as_error(found: str) -> responses.Response:
    return responses.Error(id=1, code="", message=found, details={})


async def _until(condition: Callable[[], bool]) -> None:
    for _ in range(100):
        if condition():
            return
        await asyncio.sleep(0)
    raise AssertionError("it did not come to that")
