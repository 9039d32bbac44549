"""``HistoryPager`` with a fake requester."""

import asyncio
from collections.abc import AsyncIterator

import pytest

from chatroom.client.core.history import HistoryPager
from chatroom.client.core.notes import Notes
from chatroom.client.core.tasks import GuardedTasks
from chatroom.client.model.state import ClientState
from chatroom.protocol import requests, responses
from chatroom.protocol.values import Message
from tests.unit.client.core.fake_requester import FakeRequester
from tests.unit.client.fake_front_end import FakeFrontEnd
from tests.unit.client.view.fake import make_message


@pytest.fixture
async def tasks(notes: Notes) -> AsyncIterator[GuardedTasks]:
    tasks = GuardedTasks(notes)
    yield tasks
    await asyncio.sleep(0)  # each task begins
    tasks.close()
    await asyncio.gather(*tasks._tasks, return_exceptions=True)


@pytest.fixture
def pager(
    state: ClientState, requester: FakeRequester, tasks: GuardedTasks, front_end: FakeFrontEnd
) -> HistoryPager:
    return HistoryPager(state, requester, tasks, front_end)


def page(*seqs: int) -> list[Message]:
    return [make_message(seq=seq, conversation="#lab") for seq in seqs]


async def finish(tasks: GuardedTasks) -> None:
    await asyncio.gather(*tasks._tasks)


async def test_older_page_is_requested_once_while_it_is_loading(
    pager: HistoryPager, requester: FakeRequester, tasks: GuardedTasks
) -> None:
    pager.load_older("#lab")
    pager.load_older("#lab")
    await finish(tasks)
    assert requester.asked == [requests.History(id=0, conversation="#lab")]


async def test_newer_page_begins_after_the_shown_part(
    pager: HistoryPager, requester: FakeRequester, tasks: GuardedTasks
) -> None:
    pager.load_newer("#lab")
    requester.answers = [responses.History(id=0, messages=page(3, 4), more=True)]
    assert await pager.load_since("#lab", "2026-11-22T00:00:00Z") == 3
    pager.load_newer("#lab")
    await finish(tasks)
    assert requester.asked[1:] == [requests.History(id=0, conversation="#lab", after=4)]


async def test_page_since_a_late_time_shows_nothing(
    pager: HistoryPager, requester: FakeRequester, state: ClientState
) -> None:
    requester.answers = [responses.History(id=0, messages=[], more=False)]
    assert await pager.load_since("#lab", "2026-11-22T00:00:00Z") is None
    assert state.conversations["#lab"].past is None


async def test_read_marks_of_a_conversation_are_sent_as_one(
    pager: HistoryPager, requester: FakeRequester, state: ClientState
) -> None:
    for seq in (3, 5, 4):
        pager.mark_read("#lab", seq)
    await pager.send_read_marks()
    await pager.send_read_marks()
    assert requester.asked == [requests.Read(id=0, conversation="#lab", seq=5)]
    assert state.conversations["#lab"].read == 5


async def test_read_marks_are_forgotten_when_the_session_ends(
    pager: HistoryPager, requester: FakeRequester
) -> None:
    pager.mark_read("#lab", 3)
    pager.session_ended()
    await pager.send_read_marks()
    assert requester.asked == []
