"""Missing messages and mentions are fetched without a request of the user."""

import pytest

from chatroom.client.core import backfill
from chatroom.client.core.backfill import Backfill
from chatroom.client.model.state import ClientState
from chatroom.client.net.connection import ConnectionLost, Refused
from chatroom.protocol import requests
from tests.unit.client.conftest import Start
from tests.unit.client.core.fake_requester import FakeRequester
from tests.unit.client.fake_front_end import FakeFrontEnd
from tests.unit.client.fake_server import FakeServer, message, room
from tests.unit.client.fake_session import answer_session, lab_room, lab_texts, log_in, wait_until


async def test_mention_while_away_is_found(fake: FakeServer, start: Start) -> None:
    async with fake:
        app = start()
        peer = await log_in(fake, app, rooms=[room(head=9, read=6, unread=2)])
        asked = await peer.expect("history", conversation="#lab")
        missed = [message(7, "@Alice?"), message(8, "where is she", kind="action"), message(9, kind="enter")]
        peer.answer(asked, "history", messages=missed, more=True)
        await wait_until(app, lambda: lab_room(app).mentions)
        assert (lab_room(app).unread, lab_room(app).mentions) == (2, 1)


async def test_unread_messages_are_scanned_page_by_page(fake: FakeServer, start: Start) -> None:
    async with fake:
        app = start()
        peer = await log_in(fake, app, rooms=[room(head=9, read=1, unread=8)])
        asked = await peer.expect("history", conversation="#lab")
        peer.answer(asked, "history", messages=[message(7), message(8, "Alice?"), message(9)], more=True)
        asked = await peer.expect("history", before=7)
        assert (lab_room(app).mentions, lab_room(app).has_unscanned) == (1, True)
        peer.answer(asked, "history", messages=[message(seq, "Alice!") for seq in (4, 5, 6)], more=True)
        asked = await peer.expect("history", before=4)
        peer.answer(asked, "history", messages=[message(seq, "Alice!") for seq in (1, 2, 3)], more=False)
        await wait_until(app, lambda: not lab_room(app).has_unscanned)
        assert (lab_room(app).unread, lab_room(app).mention_seqs) == (8, {2, 3, 4, 5, 6, 8})
        assert len(lab_room(app).timeline.messages) == 3  # no other part of it is in memory


async def test_scan_stops_after_its_limit(
    fake: FakeServer, start: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(backfill, "MAX_MENTION_PAGES", 1)
    async with fake:
        app = start()
        peer = await log_in(fake, app, rooms=[room(head=90, unread=90)])
        asked = await peer.expect("history", conversation="#lab")
        peer.answer(asked, "history", messages=[message(90, "Alice?")], more=True)
        asked = await peer.expect("history", before=90)
        peer.answer(asked, "history", messages=[message(89)], more=True)
        await wait_until(app, lambda: lab_room(app).scanned_from == 89)
        app.lines.submit_line("/leave lab")
        await peer.expect("leave_room")
        assert (lab_room(app).mentions, lab_room(app).has_unscanned) == (1, True)
        app.history.mark_read("#lab", 90)
        assert (lab_room(app).mentions, lab_room(app).has_unscanned) == (0, False)


async def test_scripted_client_requests_no_pages(fake: FakeServer, start: Start) -> None:
    async with fake:
        app = start(fill=True)
        peer = await log_in(fake, app, rooms=[room(head=9, read=6, unread=2)])
        app.lines.submit_line("/leave lab")
        await peer.expect("leave_room")


async def test_gap_between_events_is_fetched(fake: FakeServer, start: Start) -> None:
    async with fake:
        app = start()
        peer = await log_in(fake, app)
        peer.send(type="message", message=message(1))
        peer.send(type="message", message=message(4))
        page = await peer.expect("history", conversation="#lab", after=1)
        peer.answer(page, "history", messages=[message(2), message(3)], more=True)
        page = await peer.expect("history", after=3)
        peer.answer(page, "history", messages=[message(4)], more=False)
        await wait_until(app, lambda: len(lab_texts(app)) == 4)


async def test_large_gap_is_replaced_by_newest_page(fake: FakeServer, start: Start) -> None:
    async with fake:
        app = start()
        peer = await log_in(fake, app)
        peer.send(type="message", message=message(1))
        peer.send(type="message", message=message(5000))
        page = await peer.expect("history", conversation="#lab")
        assert "after" not in page
        peer.answer(page, "history", messages=[message(4999), message(5000)], more=True)
        await wait_until(app, lambda: lab_texts(app) == ["number 4999", "number 5000"])


async def test_message_lost_by_server_is_replaced(fake: FakeServer, start: Start) -> None:
    async with fake:
        app = start()
        peer = await log_in(fake, app)
        peer.send(type="message", message=message(1))
        peer.send(type="message", message=message(2, "seen, then lost"))
        await wait_until(app, lambda: len(lab_texts(app)) == 2)
        peer.abort()
        peer = await fake.accept_and_welcome()
        answer_session(peer, await peer.expect("resume"), rooms=[room(head=2)])
        page = await peer.expect("history", after=1)
        peer.answer(page, "history", messages=[message(2, "what came instead")], more=False)
        await wait_until(app, lambda: lab_texts(app) == ["what came instead"])


class TestParts:
    """With a fake requester, whose answers do not reach the state."""

    @pytest.fixture
    def fetcher(self, state: ClientState, requester: FakeRequester, front_end: FakeFrontEnd) -> Backfill:
        return Backfill(state, requester, front_end)

    async def test_gap_is_fetched_by_one_task(
        self, fetcher: Backfill, requester: FakeRequester, state: ClientState
    ) -> None:
        state.conversations["#lab"].known_head = 12
        fetcher.fetch_missing("#lab")
        fetcher.fetch_missing("#lab")
        await fetcher.wait_until_complete()
        assert requester.asked == [requests.History(id=0, conversation="#lab", after=9)]

    async def test_empty_page_ends_the_search_for_missing_messages(
        self, fetcher: Backfill, state: ClientState
    ) -> None:
        state.conversations["#lab"].known_head = 12
        fetcher.fetch_missing("#lab")
        await fetcher.wait_until_complete()
        assert state.conversations["#lab"].known_head == 9

    @pytest.mark.parametrize(("error", "known_head"), [(Refused("not_a_member"), 9), (ConnectionLost(), 12)])
    async def test_gap_is_given_up_after_a_refusal_but_not_after_a_lost_connection(
        self,
        fetcher: Backfill,
        requester: FakeRequester,
        state: ClientState,
        error: Refused | ConnectionLost,
        known_head: int,
    ) -> None:
        state.conversations["#lab"].known_head = 12
        requester.answers = [error]
        fetcher.fetch_missing("#lab")
        await fetcher.wait_until_complete()
        assert state.conversations["#lab"].known_head == known_head

    async def test_cancelled_fetch_sends_nothing(self, fetcher: Backfill, requester: FakeRequester) -> None:
        fetcher.check_conversations()
        fetcher.cancel_fetches()
        await fetcher.wait_until_complete()
        assert requester.asked == []
