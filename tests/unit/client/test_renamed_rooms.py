"""A room that is renamed keeps everything in the client, and nothing goes elsewhere."""

from typing import Any

from chatroom.client.line_ui.message_feed import MessageFeed, StartPoint
from chatroom.client.model import apply, select
from chatroom.client.model.state import ClientState
from chatroom.protocol import events, responses, values
from chatroom.protocol.values import Message
from tests.unit.client.conftest import Start
from tests.unit.client.fake_front_end import front_end_of
from tests.unit.client.fake_server import FakeServer, message, room
from tests.unit.client.fake_session import log_in, wait_until


def event(name: str, room_id: int = 7, **fields: Any) -> events.Room:
    return events.Room(room=values.Room(**room(name, room_id=room_id) | fields))


def message_event(name: str, seq: int) -> events.Message:
    return events.Message(message=Message(**message(seq, conversation=name)))


def state_with(*frames: events.AnyEvent) -> ClientState:
    state = ClientState(username="Alice")
    for frame in frames:
        apply.apply_event(state, frame)
    return state


def test_renamed_room_keeps_its_messages_draft_and_place() -> None:
    state = state_with(event("#old"), message_event("#old", 1))
    apply.switch_to(state, "#old")
    apply.set_draft(state, "#old", "half a sen")
    apply.apply_event(state, event("#new", head=1))
    apply.apply_event(state, message_event("#new", 2))
    assert list(state.conversations) == ["#new"]
    renamed = state.conversations["#new"]
    assert [message.conversation for message in renamed.timeline.messages] == ["#new", "#new"]
    assert (state.current, renamed.draft, renamed.key) == ("#new", "half a sen", "#old")
    assert apply.take_renamed(state) == [("#old", "#new")]
    assert apply.take_renamed(state) == []


def test_former_name_of_a_room_finds_it() -> None:
    state = state_with(event("#old"), event("#newer"), event("#newest"))
    for name in ("#old", "#newer", "#newest", "#OLD"):
        assert select.original_spelling(state, name) == "#newest"
    assert state.conversations["#old"] is state.conversations["#newest"]
    apply.apply_event(state, event("#old"))
    assert list(state.conversations) == ["#old"]


def test_other_room_with_a_former_name_is_another_conversation() -> None:
    state = state_with(event("#old"), event("#new"), event("#old", room_id=8))
    assert set(state.conversations) == {"#old", "#new"}
    assert state.conversations["#old"] is not state.conversations["#new"]


def test_message_under_the_new_name_before_the_room_is_not_lost() -> None:
    state = state_with(
        event("#old"), message_event("#old", 1), message_event("#new", 2), event("#new", head=2)
    )
    renamed = state.conversations["#new"]
    assert [message.seq for message in renamed.timeline.messages] == [1]
    assert select.missing_after(renamed) == 1  # it is fetched


def test_rename_while_offline_is_found_in_the_session() -> None:
    state = state_with(event("#old"), message_event("#old", 1))
    renamed = values.Room(**room("#new", room_id=7, head=3))
    session = responses.Session(id=1, username="Alice", token="", rooms=[renamed], friends=[])
    apply.apply_answer(state, None, session)  # type: ignore[arg-type]
    assert list(state.conversations) == ["#new"]
    assert [message.seq for message in state.conversations["#new"].timeline.messages] == [1]
    assert select.missing_after(state.conversations["#new"]) == 1


async def test_line_for_a_room_renamed_while_the_client_did_not_run_is_sent(
    fake: FakeServer, start: Start
) -> None:
    async with fake:
        before = start()
        peer = await log_in(fake, before)
        before.writer.write("#lab", "remember me")
        first = await peer.expect("send")
        await before.close()

        app = start()
        renamed = room("#new", room_id=7, entered=False)
        peer = await log_in(fake, app, rooms=[renamed])
        again = await peer.expect("send", to="#lab", cid=first["cid"])
        peer.answer_error(again, "not_entered", conversation="#new")
        peer.answer(
            await peer.expect("show_room", room="#lab"),
            "room_details", room=renamed, created="2026-11-22T04:20:01.120Z", moderators=[],
        )  # fmt: skip
        enter = await peer.expect("enter_room", room="#new")
        peer.answer(enter, "entered", room=renamed | {"entered": True}, members=["Alice"], messages=[])
        sent = await peer.expect("send", to="#new", cid=first["cid"])
        peer.answer(sent, "sent", cid=first["cid"], seq=1, time="", duplicate=False)
        await app.writer.wait_until_confirmed()
        assert list(app.state.conversations) == ["#new"]
        assert not front_end_of(app).refused


async def test_answer_to_a_line_sent_before_the_rename_confirms_it(fake: FakeServer, start: Start) -> None:
    async with fake:
        app = start()
        peer = await log_in(fake, app, rooms=[room(room_id=7)])
        app.writer.write("#lab", "hello")
        sent = await peer.expect("send", to="#lab")
        peer.send(type="room", room=room("#new", room_id=7))
        peer.answer(sent, "sent", cid=sent["cid"], seq=1, time="", duplicate=False)
        peer.send(
            type="message",
            message=message(1, "hello", conversation="#new", username="Alice", cid=sent["cid"]),
        )
        await app.wait_until_settled()
        assert list(app.state.conversations) == ["#new"]
        assert [message.text for message in app.state.conversations["#new"].timeline.messages] == ["hello"]
        assert app.state.conversations["#new"].pending == []


async def test_notification_level_and_pins_follow_the_name(fake: FakeServer, start: Start) -> None:
    async with fake:
        app = start()
        peer = await log_in(fake, app, rooms=[room(room_id=7)])
        app.preferences.set_attention("#lab", "none")
        peer.send(type="room", room=room("#new", room_id=7))
        await wait_until(app, lambda: "#new" in app.state.conversations)
        assert app.state.attention == {"#new": "none"}
        assert front_end_of(app).renamed == [("#lab", "#new")]


async def test_script_gets_each_message_once_across_a_rename(fake: FakeServer, start: Start) -> None:
    async with fake:
        app = start()
        peer = await log_in(fake, app, rooms=[room(room_id=7)])
        delivered: list[str] = []
        feed = MessageFeed(
            app, StartPoint(), lambda _, page: delivered.extend(message.text for message in page)
        )
        await feed.begin()
        peer.send(type="message", message=message(1, "before"))
        peer.send(type="room", room=room("#new", room_id=7))
        peer.send(type="message", message=message(2, "after", conversation="#new"))
        conversations = app.state.conversations
        await wait_until(app, lambda: "#new" in conversations and conversations["#new"].timeline.last == 2)
        feed.deliver_new()
        assert delivered == ["before", "after"]
        assert feed.delivered == {"#new": 2}
