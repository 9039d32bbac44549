"""A client reports lines of a server that it cannot read, and continues."""

import asyncio
from collections.abc import Awaitable

import pytest

from chatroom.client.net.answer_lines import AnswerLines
from chatroom.client.net.connection import MAX_LINE_BYTES, Refused
from chatroom.protocol import requests
from tests.unit.client.conftest import Start
from tests.unit.client.fake_server import FakeServer, message
from tests.unit.client.fake_session import lab_room, lab_texts, log_in, wait_until

ODD = [
    b'{"type":"rooms","id":%d,"rooms":7}',
    b'{"type":"rooms","id":%d,"rooms":[{"room":""}]}',
    b'{"id":%d,"type":"tiara"}',
    b'{"id":%d,"type":["rooms"]}',
    b'{"id":%d,"type":"rooms","rooms":[}',
    b'{"id":%d,"type":"rooms","rooms":["\xff"]}',
    b'{"id":%d,"type":"rooms","rooms":' + b"[" * 100_000,
    b'{"id":%d,"type":"error","code":7}',
    b'{"id":%d,"type":"rooms","rooms":[],"x":"' + b"x" * MAX_LINE_BYTES + b'"}',
]
EVENTS = [
    b"7",
    b"[]",
    b'"text"',
    b"{}",
    b"\x00",
    b"[" * 1000,
    b'{"type":"message","message":{"seq":0}}',
    b'{"type":"presence","username":{}}',
    b'{"type":"room","room":{"room":"#"}}',
    b"x" * (MAX_LINE_BYTES + 1),
]


@pytest.mark.parametrize("line", ODD, ids=range(len(ODD)))
async def test_unreadable_answer_fails_its_request_only(fake: FakeServer, start: Start, line: bytes) -> None:
    async with fake:
        app = start()
        peer = await log_in(fake, app)
        asking = asyncio.create_task(_refused(app.requests.ask(requests.ListFriends(id=0))))
        asked = await peer.expect("list_friends")
        peer.send_bytes(line.replace(b"%d", str(asked["id"]).encode()) + b"\n")
        await asking
        peer.send(type="message", message=message(1, "still here"))
        await wait_until(app, lambda: lab_texts(app) == ["still here"])


async def _refused(asking: Awaitable[object]) -> None:
    with pytest.raises(Refused) as refused:
        await asking
    assert refused.value.code in ("bad_answer", "answer_too_long")


async def test_unreadable_events_are_skipped(fake: FakeServer, start: Start) -> None:
    async with fake:
        app = start()
        peer = await log_in(fake, app)
        peer.send_bytes(b"".join(line + b"\n" for line in EVENTS))
        peer.send(type="message", message=message(1, "still here"), unknown={"field": 1})
        await wait_until(app, lambda: lab_texts(app) == ["still here"])


async def test_page_with_a_gap_is_ignored(fake: FakeServer, start: Start) -> None:
    async with fake:
        app = start()
        peer = await log_in(fake, app)
        peer.send(type="message", message=message(1))
        asking = asyncio.create_task(_refused(app.requests.ask(requests.History(id=0, conversation="#lab"))))
        asked = await peer.expect("history")
        peer.answer(asked, "history", messages=[message(2), message(5)], more=False)
        await asking
        assert lab_room(app).timeline.last == 1


def test_too_long_line_is_not_buffered() -> None:
    lines = AnswerLines(1000)
    assert list(lines.feed(b'{"id":7,')) == []
    for _ in range(100):
        assert list(lines.feed(b"x" * 1000)) == []
    assert len(b"".join(lines._parts)) <= 256
    long, short = lines.feed(b'x\n{"id":8}\n')
    assert (long.id, long.too_long) == (7, True)
    assert (short.data, short.too_long) == (b'{"id":8}', False)
