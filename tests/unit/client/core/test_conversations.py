"""Entering, leaving and losing rooms and private chats."""

from typing import Any

import pytest

from chatroom.client.model.state import ConnectionState, DeliveryState
from chatroom.client.net.connection import Refused
from tests.unit.client.conftest import Start
from tests.unit.client.fake_server import FakeServer, friend, room
from tests.unit.client.fake_session import answer_session, lab_room, log_in, wait_until


async def test_room_left_by_server_is_entered_again(fake: FakeServer, start: Start) -> None:
    async with fake:
        app = start()
        (await log_in(fake, app)).abort()
        peer = await fake.accept_and_welcome()
        answer_session(peer, await peer.expect("resume"), rooms=[room(entered=False)])
        enter = await peer.expect("enter_room", room="#lab", nickname="ALICE")
        peer.answer(enter, "entered", room=room(), members=["Alice"], messages=[])
        await wait_until(app, lambda: lab_room(app).entered and app.state.link is ConnectionState.LOGGED_IN)


async def test_members_are_requested_again_after_reconnect(fake: FakeServer, start: Start) -> None:
    def seats(*inside: str) -> list[dict[str, Any]]:
        return [{"username": name, "nickname": name, "entered": True, "online": True} for name in inside]

    async with fake:
        app = start()
        peer = await log_in(fake, app)
        app.conversations.show("#lab")
        peer.answer(await peer.next_request({"list_members"}), "members", members=seats("Alice", "Bob"))
        await wait_until(app, lambda: len(lab_room(app).roster) == 2)
        peer.abort()
        peer = await fake.accept_and_welcome()
        answer_session(peer, await peer.expect("resume"))
        peer.answer(await peer.next_request({"list_members"}), "members", members=seats("Alice", "Zoe"))
        await wait_until(app, lambda: [seat.username for seat in lab_room(app).roster] == ["Alice", "Zoe"])


async def test_friend_made_in_other_client_is_announced(fake: FakeServer, start: Start) -> None:
    async with fake:
        app = start()
        peer = await log_in(fake, app)
        peer.send(type="friend", friend=friend())
        await wait_until(app, lambda: "@Bob" in app.state.conversations)
        assert app.state.notes[-1].key == "befriended_by"


async def test_kicked_member_sees_note_and_home_page(fake: FakeServer, start: Start) -> None:
    async with fake:
        app = start()
        peer = await log_in(fake, app)
        app.conversations.show("#lab")
        peer.send(type="removed", room="#lab", reason="kick", username="Bob")
        await wait_until(app, lambda: app.state.current == "")
        assert not lab_room(app).member
        assert [note.key for note in app.state.notes] == ["removed.kick"]


async def test_room_lost_while_offline_is_not_entered_again(fake: FakeServer, start: Start) -> None:
    """Kicked, or resigned in another client: the waiting line is not posted, and both are reported."""
    async with fake:
        app = start()
        peer = await log_in(fake, app, rooms=[room(room_id=7)])
        app.conversations.show("#lab")
        app.writer.write("#lab", "a secret")
        await peer.expect("send")
        peer.abort()
        peer = await fake.accept_and_welcome()
        answer_session(peer, await peer.expect("resume"), rooms=[])
        asked = {}
        for _ in range(2):
            frame = await peer.next_request({"send", "history"})
            asked[frame["type"]] = frame
        peer.answer_error(asked["history"], "not_a_member", room="#lab")
        peer.answer_error(asked["send"], "not_entered", conversation="#lab")
        await wait_until(app, lambda: lab_room(app).pending[0].delivery is DeliveryState.REFUSED)
        await wait_until(app, lambda: "removed.meanwhile" in [note.key for note in app.state.notes])
        assert (lab_room(app).pending[0].text, lab_room(app).pending[0].error) == (
            "a secret",
            "no_longer_a_member",
        )
        assert app.state.current == ""
        assert not lab_room(app).member
        with pytest.raises(Refused):
            app.writer.write("#lab", "another")


async def test_room_deleted_while_offline_is_reported(fake: FakeServer, start: Start) -> None:
    async with fake:
        app = start()
        (await log_in(fake, app)).abort()
        peer = await fake.accept_and_welcome()
        answer_session(peer, await peer.expect("resume"), rooms=[])
        peer.answer_error(await peer.expect("history"), "unknown_room", room="#lab")
        await wait_until(app, lambda: "removed.gone" in [note.key for note in app.state.notes])


async def test_room_resigned_in_other_client_is_not_entered_for_pending_message(
    fake: FakeServer, start: Start
) -> None:
    async with fake:
        app = start()
        peer = await log_in(fake, app, rooms=[room(room_id=7)])
        app.writer.write("#lab", "too late")
        send = await peer.expect("send")
        peer.send(type="removed", room="#lab", reason="resign", username="Alice")
        peer.answer_error(send, "not_entered", conversation="#lab")
        await wait_until(app, lambda: lab_room(app).pending[0].delivery is DeliveryState.REFUSED)
        assert "removed.resign" in [note.key for note in app.state.notes]
        app.notes.show("before the end")
        await app.close()
        await peer.expect("logout")  # and nothing before it


async def test_private_chat_that_ended_while_offline_is_not_entered_again(
    fake: FakeServer, start: Start
) -> None:
    async with fake:
        app = start()
        peer = await log_in(fake, app, friends=[friend(entered=True)])
        peer.abort()
        peer = await fake.accept_and_welcome()
        answer_session(peer, await peer.expect("resume"))
        await wait_until(app, lambda: app.state.link is ConnectionState.LOGGED_IN)
        assert app.state.conversations["@Bob"].ended
