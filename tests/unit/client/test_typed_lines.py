"""A typed line belongs to the conversation in which Enter was pressed."""

from typing import Any
from unittest.mock import Mock

import pytest

from chatroom.client.app import App
from chatroom.client.core.preferences import UserPreferences
from chatroom.client.model.state import ClientState
from chatroom.client.net.connection import Refused
from chatroom.client.typed_lines import TypedLines
from tests.unit.client.conftest import Start
from tests.unit.client.fake_front_end import FakeFrontEnd, front_end_of
from tests.unit.client.fake_server import FakeServer, Peer, friend, message, room
from tests.unit.client.fake_session import log_in, wait_until


async def on_screen(fake: FakeServer, app: App) -> Peer:
    """Alice in a full screen, with two rooms and a friend."""
    front_end_of(app).is_full_screen = True
    rooms = [room("#lab"), room("#ops")]
    return await log_in(fake, app, rooms=rooms, friends=[friend("@Bob", entered=True)])


async def in_pipe(fake: FakeServer, app: App, **session: Any) -> Peer:
    """Alice, whose lines come from a pipe, in #ops."""
    front_end_of(app).is_scripted = True
    peer = await log_in(fake, app, **({"rooms": [room("#ops")]} | session))
    app.conversations.show("#ops")
    return peer


def outbox_messages(app: App) -> list[tuple[str, str]]:
    """Return the conversation and the text of each message in the outbox file."""
    assert app.outbox_sender._outbox is not None
    return [(message.conversation, message.text) for message in app.outbox_sender._outbox.load_messages()]


def refusals(app: App) -> list[dict[str, object]]:
    return [note.facts for note in app.state.notes if note.key == "refused"]


def stored(peer: Peer, sent: dict[str, Any], seq: int = 1) -> None:
    own = message(seq, sent["text"], conversation=sent["to"], username="Alice", cid=sent["cid"])
    peer.send(type="message", message=own)
    peer.answer(sent, "sent", cid=sent["cid"], seq=seq, time=own["time"], duplicate=False)


class TestOnScreen:
    async def test_message_behind_waiting_command_is_sent_immediately(
        self, fake: FakeServer, start: Start
    ) -> None:
        async with fake:
            app = start()
            peer = await on_screen(fake, app)
            app.conversations.show("@Bob")
            app.lines.submit_line("/whois Bob")
            app.lines.submit_line("my PIN is 4711")
            assert outbox_messages(app) == [("@Bob", "my PIN is 4711")]
            assert [message.text for message in app.state.conversations["@Bob"].pending] == ["my PIN is 4711"]
            app.conversations.show("#lab")
            await peer.expect("whois")
            await peer.expect("send", to="@Bob", text="my PIN is 4711")  # while /whois has no answer

    @pytest.mark.parametrize(
        ("line", "sent"),
        [
            ("/me waves", {"kind": "action", "text": "waves", "to": "@Bob"}),
            ("/msg Bob hello", {"text": "hello", "to": "@Bob"}),
            ("/react +1", {"kind": "react", "target": 1, "to": "@Bob"}),
            ("/edit better", {"kind": "edit", "target": 2, "to": "@Bob"}),
            ("/delete", {"kind": "delete", "target": 2, "to": "@Bob"}),
        ],
    )
    async def test_message_of_command_is_sent_to_its_conversation_immediately(
        self, fake: FakeServer, start: Start, line: str, sent: dict[str, Any]
    ) -> None:
        async with fake:
            app = start()
            peer = await on_screen(fake, app)
            for seq, author in enumerate(("Bob",) if "react" in line else ("Bob", "Alice"), 1):
                peer.send(type="message", message=message(seq, conversation="@Bob", username=author))
            await wait_until(app, lambda: app.state.conversations["@Bob"].timeline.last)
            app.conversations.show("@Bob")
            app.lines.submit_line("/whois Bob")
            app.lines.submit_line(line)
            app.conversations.show("#lab")
            await peer.expect("whois")
            await peer.expect("send", **sent)

    async def test_queued_command_acts_on_the_room_of_its_enter(self, fake: FakeServer, start: Start) -> None:
        async with fake:
            app = start()
            peer = await on_screen(fake, app)
            app.conversations.show("#lab")
            app.lines.submit_line("/friends")
            app.lines.submit_line("/topic news")
            app.lines.submit_line("/leave")
            app.conversations.show("#ops")
            peer.answer(await peer.expect("list_friends"), "friends", friends=[])
            peer.answer(await peer.expect("set_topic", room="#lab"), "ok")
            peer.answer(await peer.expect("leave_room", room="#lab"), "ok")
            await app.lines.wait_until_finished()
            assert app.state.current == "#ops"

    async def test_late_join_does_not_switch_conversation_after_user_did(
        self, fake: FakeServer, start: Start
    ) -> None:
        async with fake:
            app = start()
            peer = await on_screen(fake, app)
            app.conversations.show("#lab")
            app.lines.submit_line("/join new")
            app.conversations.show("#ops")
            entering = await peer.expect("enter_room", room="#new")
            peer.answer(entering, "entered", room=room("#new"), members=["Alice"], messages=[])
            await app.lines.wait_until_finished()
            assert app.state.current == "#ops"
            assert app.state.notes[-1].key == "entered_room"

    async def test_message_on_home_screen_behind_join_goes_to_that_room(
        self, fake: FakeServer, start: Start
    ) -> None:
        async with fake:
            app = start()
            peer = await on_screen(fake, app)
            app.lines.submit_line("/join NEW")
            app.lines.submit_line("hello")
            assert outbox_messages(app) == [("#NEW", "hello")]
            assert app.state.notes[-1].key == "kept"
            entering = await peer.expect("enter_room", room="#NEW")
            peer.answer(entering, "entered", room=room("#new"), members=["Alice"], messages=[])
            await peer.expect("send", to="#new", text="hello")
            assert "#NEW" not in app.state.conversations
            assert "kept" not in [note.key for note in app.state.notes]

    async def test_message_on_home_screen_after_switch_is_not_sent(
        self, fake: FakeServer, start: Start
    ) -> None:
        async with fake:
            app = start()
            await on_screen(fake, app)
            app.lines.submit_line("/join new")
            app.conversations.show("#ops")
            app.conversations.show("")
            app.lines.submit_line("hello")
            assert app.state.notes[-1].key == "nowhere"
            assert outbox_messages(app) == []

    async def test_client_error_affects_only_its_line(
        self, fake: FakeServer, start: Start, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def fail(*_: object) -> None:
            raise RuntimeError("planted")

        async with fake:
            app = start()
            peer = await on_screen(fake, app)
            app.conversations.show("#lab")
            monkeypatch.setattr(UserPreferences, "set_attention", fail)
            app.lines.submit_line("/mute")
            await app.lines.wait_until_finished()
            assert app.state.notes[-1].key == "internal_error"
            assert app.state.notes[-1].facts["reason"] == "RuntimeError: planted"
            app.lines.submit_line("hello")
            await peer.expect("send", to="#lab", text="hello")

    async def test_unknown_command_stays_in_the_input(self, fake: FakeServer, start: Start) -> None:
        async with fake:
            app = start()
            await on_screen(fake, app)
            assert not app.lines.submit_line("/etc/hosts is broken")
            assert app.state.notes[-1].key == "unknown_command"
            assert app.lines.submit_line("/create lab")
            assert app.state.notes[-1].key == "usage"

    async def test_line_refused_out_of_sight_is_reported_with_room_and_text(
        self, fake: FakeServer, start: Start
    ) -> None:
        async with fake:
            app = start()
            peer = await on_screen(fake, app)
            app.conversations.show("#lab")
            app.lines.submit_line("important")
            sent = await peer.expect("send", to="#lab")
            app.conversations.show("#ops")
            peer.send(type="removed", room="#lab", reason="close", username="Bob")
            peer.answer_error(sent, "unknown_room", room="#lab")
            await app.wait_until_settled()
            [facts] = refusals(app)
            assert (facts["conversation"], facts["text"]) == ("#lab", "important")
            assert app.state.notes[-1].conversation == "#ops"
            assert outbox_messages(app) == []

    async def test_line_refused_in_sight_is_marked_in_place(self, fake: FakeServer, start: Start) -> None:
        async with fake:
            app = start()
            peer = await on_screen(fake, app)
            app.conversations.show("#lab")
            front_end_of(app).shows_refused = True
            app.lines.submit_line("important")
            peer.answer_error(await peer.expect("send"), "text_too_long", limit=3)
            await app.wait_until_settled()
            [pending] = app.state.conversations["#lab"].pending
            assert (pending.error, refusals(app)) == ("text_too_long", [])


class TestInPipe:
    async def test_message_is_sent_to_the_room_selected_by_commands(
        self, fake: FakeServer, start: Start
    ) -> None:
        async with fake:
            app = start()
            peer = await in_pipe(fake, app)
            for line in ("one", "/join lab", "two", "/me waves", "/query Bob", "three"):
                app.lines.submit_line(line)
            assert outbox_messages(app) == [
                ("#ops", "one"),
                ("#lab", "two"),
                ("#lab", "waves"),
                ("@Bob", "three"),
            ]
            stored(peer, await peer.expect("send", to="#ops", text="one"))
            entering = await peer.expect("enter_room", room="#lab")
            peer.answer(entering, "entered", room=room("#lab"), members=["Alice"], messages=[])
            stored(peer, await peer.expect("send", to="#lab", text="two"))
            stored(peer, await peer.expect("send", to="#lab", text="waves"), 2)
            entering = await peer.expect("enter_direct", username="Bob")
            peer.answer(entering, "entered", friend=friend("@Bob", entered=True), messages=[])
            stored(peer, await peer.expect("send", to="@Bob", text="three"))
            await app.wait_until_settled()
            assert outbox_messages(app) == []

    async def test_message_behind_failed_join_is_refused(self, fake: FakeServer, start: Start) -> None:
        async with fake:
            app = start()
            peer = await in_pipe(fake, app)
            lines = ("/join lab", "for the lab", "/switch nope", "/keys", "for nobody", "/switch ops")
            for line in (*lines, "for ops"):
                app.lines.submit_line(line)
            peer.answer_error(
                await peer.expect("enter_room"), "room_full", room="#lab", members=2, capacity=2
            )
            stored(peer, await peer.expect("send", to="#ops", text="for ops"))
            await app.wait_until_settled()
            assert [(message.text, message.error) for message in front_end_of(app).refused] == [
                ("for the lab", "room_full"),
                ("for nobody", "no_conversation"),
            ]
            assert outbox_messages(app) == []

    async def test_message_long_after_failed_join_is_refused(self, fake: FakeServer, start: Start) -> None:
        async with fake:
            app = start()
            peer = await in_pipe(fake, app)
            app.lines.submit_line("/join lab")
            peer.answer_error(
                await peer.expect("enter_room"), "room_full", room="#lab", members=2, capacity=2
            )
            await app.wait_until_settled()
            app.lines.submit_line("for the lab")
            await app.wait_until_settled()
            assert [(facts["conversation"], facts["text"]) for facts in refusals(app)] == [
                ("#lab", "for the lab")
            ]
            assert outbox_messages(app) == []

    async def test_message_behind_failed_nick_is_sent(self, fake: FakeServer, start: Start) -> None:
        async with fake:
            app = start()
            peer = await in_pipe(fake, app)
            app.lines.submit_line("/join ops *")
            app.lines.submit_line("hello")
            peer.answer_error(await peer.expect("enter_room", room="#ops"), "bad_nickname")
            await peer.expect("send", to="#ops", text="hello")

    @pytest.mark.parametrize("line", ["/leave", "/resign", "/close", "/quit"])
    async def test_message_behind_leave_is_refused(self, fake: FakeServer, start: Start, line: str) -> None:
        async with fake:
            app = start()
            await in_pipe(fake, app)
            app.lines.submit_line(line)
            app.lines.submit_line("hello")
            assert app.state.notes[-1].key == "nowhere"
            assert outbox_messages(app) == []

    async def test_message_behind_switch_is_sent_to_the_found_room(
        self, fake: FakeServer, start: Start
    ) -> None:
        async with fake:
            app = start()
            peer = await in_pipe(fake, app, rooms=[room("#ops")])
            app.lines.submit_line("/friends")
            app.lines.submit_line("/switch Bob")
            app.lines.submit_line("hello")
            peer.answer(await peer.expect("list_friends"), "friends", friends=[friend("@Bob", entered=True)])
            await peer.expect("send", to="@Bob", text="hello")

    async def test_commands_keep_their_order_among_messages(self, fake: FakeServer, start: Start) -> None:
        async with fake:
            app = start()
            peer = await in_pipe(fake, app)
            for line in ("/nick Ann", "hello", "/topic x"):
                app.lines.submit_line(line)
            entering = await peer.expect("enter_room", room="#ops", nickname="Ann")
            inside = room("#ops", nickname="Ann")
            peer.answer(entering, "entered", room=inside, members=["Alice"], messages=[])
            stored(peer, await peer.expect("send", text="hello"))
            peer.answer(await peer.expect("set_topic", room="#ops"), "ok")
            await app.wait_until_settled()


class TestParts:
    """``TypedLines`` with fakes of its neighbours."""

    @pytest.fixture
    def context(self) -> Mock:
        context = Mock(state=ClientState(current="#lab"), front_end=FakeFrontEnd(is_full_screen=True))
        context.session.password = "secret1"
        context.conversations.switches = 0
        return context

    @pytest.fixture
    def notifier(self) -> Mock:
        return Mock()

    @pytest.fixture
    def lines(self, context: Mock, notifier: Mock) -> TypedLines:
        return TypedLines(context, Mock(), notifier)

    def test_message_is_written_and_ends_typing(
        self, lines: TypedLines, context: Mock, notifier: Mock
    ) -> None:
        assert lines.submit_line("hello")
        context.writer.write.assert_called_once_with("#lab", "hello", "text")
        notifier.message_sent.assert_called_once_with("#lab")

    def test_line_with_the_password_is_written_the_second_time(
        self, lines: TypedLines, context: Mock
    ) -> None:
        assert not lines.submit_line("my secret1")
        context.notes.show.assert_called_once_with("held_back", error=True)
        context.writer.write.assert_not_called()
        assert lines.submit_line("my secret1")
        context.writer.write.assert_called_once()

    @pytest.mark.parametrize(
        ("error", "accepted"), [(Refused("text_too_long"), False), (Refused("nowhere"), True)]
    )
    def test_refused_line_goes_back_to_the_input_unless_it_has_no_place(
        self, lines: TypedLines, context: Mock, error: Refused, accepted: bool
    ) -> None:
        context.writer.write.side_effect = error
        assert lines.submit_line("hello") is accepted
        context.notes.show_error.assert_called_once_with(error)
