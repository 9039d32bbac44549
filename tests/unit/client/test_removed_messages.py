"""Messages that the server has removed because of their age: dropped, never asked for, and not awaited."""

import asyncio
from pathlib import Path
from typing import Any

import msgspec
import pytest
from msgspec import UNSET

from chatroom.client.model import apply, select
from chatroom.client.model.state import ClientState
from chatroom.client.text import i18n
from chatroom.client.view.history.content import ConversationContent
from chatroom.protocol import events, requests, responses
from tests.unit.client.conftest import Start
from tests.unit.client.export.test_transcript import write_text
from tests.unit.client.fake_server import FakeServer, Peer, friend, message, room
from tests.unit.client.fake_session import lab_room, lab_texts, log_in, wait_until
from tests.unit.client.test_apply import log_in as apply_session
from tests.unit.client.test_apply import msg, session, tell
from tests.unit.client.view.fake import LIMITS


def show_page(state: ClientState, first: int, *seqs: int, **where: int) -> None:
    request = requests.History(
        id=1, conversation="#lab", before=where.get("before", UNSET), after=where.get("after", UNSET)
    )
    page = responses.History(id=1, messages=[msg(seq) for seq in seqs], more=False, first=first)
    apply.apply_answer(state, request, page)


def loaded(state: ClientState) -> list[int]:
    return [message.seq for message in state.conversations["#lab"].shown.messages]


def lab_state(*seqs: int, **facts: Any) -> ClientState:
    """A state in which these messages of #lab are loaded."""
    state = ClientState()
    apply_session(state, room(head=seqs[-1], **facts))
    show_page(state, 1, *seqs)
    return state


def removed_rows(state: ClientState) -> str:
    rows = ConversationContent(state, state.conversations["#lab"]).block_rows(0, 80)
    return "".join(text for row in rows for _, text in row)


def test_event_drops_removed_messages_and_what_refers_to_them() -> None:
    state = lab_state(1, 2, 3, 4, 5, unread=5)
    lab = state.conversations["#lab"]
    apply.select_message(state, "#lab", 2)
    lab.unread_from = 1
    apply.apply_event(state, events.Purged(conversation="#lab", first=4, unread=2))
    assert (loaded(state), lab.unread, lab.selected, lab.unread_from) == ([4, 5], 2, 0, 4)
    assert not lab.timeline.more
    tell(state, msg(6))
    assert loaded(state) == [4, 5, 6]
    apply.apply_event(state, events.Purged(conversation="#lab", first=2))
    assert lab.first == 4, "an older event changes nothing"


def test_nothing_is_missing_after_all_messages_were_removed() -> None:
    state = lab_state(1, 2, 3)
    apply.apply_event(state, events.Purged(conversation="#lab", first=4, unread=0))
    lab = state.conversations["#lab"]
    assert (loaded(state), lab.timeline.more, select.missing_after(lab)) == ([], False, None)
    tell(state, msg(4))
    assert loaded(state) == [4]


def test_page_after_removed_messages_replaces_the_timeline() -> None:
    state = lab_state(1, 2, 3)
    apply_session(state, room(head=9, unread=3, first=7))
    lab = state.conversations["#lab"]
    assert select.missing_after(lab) == 6
    show_page(state, 7, 7, 8, 9, after=2)
    assert (loaded(state), lab.timeline.more, select.missing_after(lab)) == ([7, 8, 9], False, None)


def test_page_above_the_removed_ones_ends_the_history() -> None:
    state = lab_state(8, 9)
    assert state.conversations["#lab"].timeline.more
    show_page(state, 7, 7, before=8)
    assert (loaded(state), state.conversations["#lab"].timeline.more) == ([7, 8, 9], False)


def test_past_page_begins_at_the_first_message_that_is_left() -> None:
    state = lab_state(90, 91)
    apply.apply_event(state, events.Purged(conversation="#lab", first=40))
    apply.show_past_page(state, "#lab", [msg(40), msg(41)])
    assert (loaded(state), state.conversations["#lab"].shown.more) == ([40, 41], False)
    apply.apply_event(state, events.Purged(conversation="#lab", first=50))
    assert loaded(state) == [90, 91]


@pytest.mark.parametrize(
    ("server_days", "room_days", "expected"),
    [
        (30, 0, "Older messages have been removed (kept for 30 days)"),
        (30, 7, "Older messages have been removed (kept for 7 days)"),
        (1, 7, "Older messages have been removed (kept for 1 day)"),
        (0, 0, "Older messages have been removed"),
    ],
)
def test_border_names_the_smaller_number_of_days(server_days: int, room_days: int, expected: str) -> None:
    i18n.use_language("en")
    state = lab_state(4, 5, first=4, retention=room_days or UNSET) if room_days else lab_state(4, 5, first=4)
    state.limits = msgspec.structs.replace(LIMITS, retention=server_days or UNSET)
    assert f" {expected} ─" in removed_rows(state)


def test_reply_to_a_removed_message_says_so() -> None:
    i18n.use_language("en")
    state = ClientState()
    apply_session(state, room(head=5, first=4))
    page = responses.History(id=1, messages=[msg(4), msg(5, "yes", target=2)], more=False, first=4)
    apply.apply_answer(state, requests.History(id=1, conversation="#lab"), page)
    rows = ConversationContent(state, state.conversations["#lab"]).block_rows(2, 80)
    assert "a removed message" in "".join(text for row in rows for _, text in row)


def test_private_chat_knows_its_first_message() -> None:
    state = ClientState()
    frame = session(friends=(friend(head=5, first=4),))
    apply.apply_answer(state, requests.Resume(id=1, token="t"), frame)
    assert state.conversations["@Bob"].first == 4


async def test_gap_across_removed_messages_is_fetched_once(fake: FakeServer, start: Start) -> None:
    async with fake:
        app = start()
        peer = await log_in(fake, app)
        peer.send(type="message", message=message(1))
        peer.send(type="message", message=message(9))
        page = await peer.expect("history", conversation="#lab", after=1)
        peer.answer(page, "history", messages=[message(8), message(9)], more=False, first=8)
        await wait_until(app, lambda: lab_room(app).timeline.last == 9)
        peer.send(type="message", message=message(10))
        await wait_until(app, lambda: lab_texts(app) == ["number 8", "number 9", "number 10"])
        app.lines.submit_line("/leave lab")
        await peer.expect("leave_room")


async def test_search_for_mentions_ends_at_the_removed_messages(fake: FakeServer, start: Start) -> None:
    async with fake:
        app = start()
        peer = await log_in(fake, app, rooms=[room(head=9, read=1, unread=2, first=8)])
        page = await peer.expect("history", conversation="#lab")
        peer.answer(page, "history", messages=[message(8), message(9, "Alice?")], more=False, first=8)
        await wait_until(app, lambda: lab_room(app).mentions)
        assert not lab_room(app).has_unscanned
        app.lines.submit_line("/leave lab")
        await peer.expect("leave_room")


async def test_save_writes_each_message_that_is_left_once(start: Start, tmp_path: Path) -> None:
    """The second half of them is removed while the first pages are requested."""

    async def serve_exports(peer: Peer) -> None:
        while True:
            asked = await peer.expect("export")
            left = [message(seq, str(seq)) for seq in range(max(asked["after"] + 1, 36), 51)]
            peer.answer(asked, "history", messages=left[: asked["limit"]], more=False, first=36)

    async with FakeServer(export=10) as fake:
        app = start()
        peer = await log_in(fake, app, rooms=[room(head=50, first=16)])
        serving = asyncio.create_task(serve_exports(peer))
        assert await write_text(app, tmp_path / "log.txt") == 15
        serving.cancel()
    lines = (tmp_path / "log.txt").read_text("utf-8").splitlines()[1:-1]
    assert [line.rpartition(":")[2] for line in lines] == [str(seq) for seq in range(36, 51)]
