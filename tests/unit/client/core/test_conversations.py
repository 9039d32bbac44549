"""The client against a scripted server: what it does when the network, or the server, does what it likes."""

import asyncio
from collections.abc import Callable
from typing import Any

import pytest
from chatroom.client.app import App
from chatroom.client.model.state import ConnectionState, Conversation, DeliveryState
from chatroom.client.net.connection import Refused

from tests.unit.client.conftest import BRISK, Start
from tests.unit.client.fake_server import PATIENCE, FakeServer, Peer, friend, message, room


async def until(app: App, condition: Callable[[], object]) -> None:
    """Wait until the state is as the test expects."""
    changed = asyncio.Event()
    before, app.on_change = app.on_change, changed.set
    async with asyncio.timeout(PATIENCE):
        while not condition():
            await changed.wait()
            changed.clear()
    app.on_change = before


async def logged_in(fake: FakeServer, app: App, **session: Any) -> Peer:
    """Alice, in #lab."""
    connecting = asyncio.create_task(app.connect(fake.address))
    peer = await fake.greet()
    await connecting
    entering = asyncio.create_task(app.login("Alice", "secret1"))
    begin(peer, await peer.hear("login", username="Alice", password="secret1"), **session)
    await entering
    return peer


def begin(peer: Peer, request: dict[str, Any], **session: Any) -> None:
    frame = {"username": "Alice", "token": "first", "rooms": [room()], "friends": []} | session
    peer.answer(request, "session", **frame)


def lab(app: App) -> Conversation:
    return app.state.conversations["#lab"]


def texts(app: App) -> list[str]:
    return [one.text for one in lab(app).timeline.messages]


async def test_a_line_goes_out_and_comes_back(fake: FakeServer, start: Start) -> None:
    async with fake:
        app = start()
        peer = await logged_in(fake, app)
        app.write("#lab", "hello")
        sent = await peer.hear("send", to="#lab", text="hello")
        assert [pending.text for pending in lab(app).pending] == ["hello"]
        peer.say(type="message", message=message(1, "hello", username="Alice", cid=sent["cid"]))
        peer.answer(sent, "sent", cid=sent["cid"], seq=1, time="", duplicate=False)
        await app.settled()
        assert (texts(app), lab(app).pending) == (["hello"], [])


async def test_after_a_lost_connection_everything_goes_on_under_the_same_cid(
    fake: FakeServer, start: Start
) -> None:
    async with fake:
        app = start()
        peer = await logged_in(fake, app)
        peer.say(type="message", message=message(1))
        app.write("#lab", "first")
        app.write("#lab", "second")
        lost = await peer.hear("send", text="first")
        peer.hang_up()

        peer = await fake.greet()
        resume = await peer.hear("resume", token="first")
        begin(peer, resume, token="second", rooms=[room(head=3, unread=2)])
        page = await peer.hear("history", conversation="#lab", after=0)
        peer.answer(page, "history", messages=[message(1), message(2)], more=True)
        again = await peer.hear("send", text="first", cid=lost["cid"])
        peer.answer(again, "sent", cid=lost["cid"], seq=3, time="", duplicate=True)
        page = await peer.hear("history", after=2)
        own = message(3, "first", username="Alice", cid=lost["cid"])
        peer.answer(page, "history", messages=[own], more=False)
        second = await peer.hear("send", text="second")
        peer.answer(second, "sent", cid=second["cid"], seq=4, time="", duplicate=False)
        peer.say(type="message", message=message(4, "second", username="Alice", cid=second["cid"]))
        await app.settled()
        assert texts(app) == ["number 1", "number 2", "first", "second"]
        assert app.state.link is ConnectionState.LOGGED_IN


async def test_a_token_that_is_no_longer_good_falls_back_to_the_password(
    fake: FakeServer, start: Start
) -> None:
    async with fake:
        app = start()
        (await logged_in(fake, app)).hang_up()
        peer = await fake.greet()
        peer.refuse(await peer.hear("resume"), "bad_token")
        begin(peer, await peer.hear("login", username="Alice", password="secret1"))
        await until(app, lambda: app.state.link is ConnectionState.LOGGED_IN)


async def test_a_password_changed_elsewhere_leads_back_to_the_login(fake: FakeServer, start: Start) -> None:
    async with fake:
        app = start()
        (await logged_in(fake, app)).hang_up()
        peer = await fake.greet()
        peer.refuse(await peer.hear("resume"), "bad_token")
        peer.refuse(await peer.hear("login"), "wrong_password")
        await until(app, lambda: app.state.username == "")
        assert app.state.notes[-1].key == "login_again"
        assert app.state.link is ConnectionState.ONLINE


async def test_a_room_that_the_server_left_for_us_is_entered_again(fake: FakeServer, start: Start) -> None:
    async with fake:
        app = start()
        (await logged_in(fake, app)).hang_up()
        peer = await fake.greet()
        begin(peer, await peer.hear("resume"), rooms=[room(entered=False)])
        enter = await peer.hear("enter_room", room="#lab", nickname="ALICE")
        peer.answer(enter, "entered", room=room(), members=["Alice"], messages=[])
        await until(app, lambda: lab(app).entered and app.state.link is ConnectionState.LOGGED_IN)


async def test_who_came_and_went_meanwhile_is_asked_for(fake: FakeServer, start: Start) -> None:
    def seats(*inside: str) -> list[dict[str, Any]]:
        return [{"username": name, "nickname": name, "entered": True, "online": True} for name in inside]

    async with fake:
        app = start()
        peer = await logged_in(fake, app)
        app.switch("#lab")
        peer.answer(await peer._next({"list_members"}), "members", members=seats("Alice", "Bob"))
        await until(app, lambda: len(lab(app).roster) == 2)
        peer.hang_up()
        peer = await fake.greet()
        begin(peer, await peer.hear("resume"))
        peer.answer(await peer._next({"list_members"}), "members", members=seats("Alice", "Zoe"))
        await until(app, lambda: [seat.username for seat in lab(app).roster] == ["Alice", "Zoe"])


async def test_haste_only_makes_it_wait_and_nothing_overtakes(fake: FakeServer, start: Start) -> None:
    async with fake:
        app = start()
        peer = await logged_in(fake, app)
        app.write("#lab", "first")
        app.write("#lab", "second")
        hasty = await peer.hear("send", text="first")
        peer.refuse(hasty, "rate_limited", retry_after=0.01)
        again = await peer.hear("send", text="first", cid=hasty["cid"])
        peer.answer(again, "sent", cid=again["cid"], seq=1, time="", duplicate=False)
        await peer.hear("send", text="second")


async def test_a_failure_of_the_servers_says_nothing_about_the_message(
    fake: FakeServer, start: Start
) -> None:
    async with fake:
        app = start()
        peer = await logged_in(fake, app)
        app.write("#lab", "hello")
        unlucky = await peer.hear("send")
        peer.refuse(unlucky, "unavailable", retry_after=0.01)
        peer = await fake.greet()
        begin(peer, await peer.hear("resume"))
        again = await peer.hear("send", cid=unlucky["cid"])
        peer.answer(again, "sent", cid=again["cid"], seq=1, time="", duplicate=False)
        peer.say(type="message", message=message(1, "hello", cid=again["cid"]))
        await app.settled()
        assert lab(app).pending == []


async def test_a_refusal_is_the_last_word_and_the_next_line_goes_on(fake: FakeServer, start: Start) -> None:
    async with fake:
        app = start()
        peer = await logged_in(fake, app)
        app.write("#lab", "x" * 4000)
        app.write("#lab", "short")
        peer.refuse(await peer.hear("send", text="x" * 4000), "text_too_long", limit=3000)
        sent = await peer.hear("send", text="short")
        peer.answer(sent, "sent", cid=sent["cid"], seq=1, time="", duplicate=False)
        peer.say(type="message", message=message(1, "short", cid=sent["cid"]))
        await app.settled()
        [refused] = lab(app).pending
        assert (refused.delivery, refused.error) == (DeliveryState.REFUSED, "text_too_long")
        assert refused.facts == {"limit": 3000}


async def test_a_client_that_is_started_again_sends_what_the_one_before_had_written(
    fake: FakeServer, start: Start
) -> None:
    async with fake:
        before = start()
        peer = await logged_in(fake, before)
        before.write("#lab", "remember me")
        first = await peer.hear("send")
        await before.close()  # without an answer to either its line or its logout

        app = start()
        peer = await logged_in(fake, app)
        again = await peer.hear("send", text="remember me", cid=first["cid"])
        peer.refuse(again, "not_entered", conversation="#lab")
        enter = await peer.hear("enter_room", room="#lab")
        peer.answer(enter, "entered", room=room(), members=["Alice"], messages=[])
        await peer.hear("send", cid=first["cid"])


async def test_a_lost_event_is_fetched(fake: FakeServer, start: Start) -> None:
    async with fake:
        app = start()
        peer = await logged_in(fake, app)
        peer.say(type="message", message=message(1))
        peer.say(type="message", message=message(4))
        page = await peer.hear("history", conversation="#lab", after=1)
        peer.answer(page, "history", messages=[message(2), message(3)], more=True)
        page = await peer.hear("history", after=3)
        peer.answer(page, "history", messages=[message(4)], more=False)
        await until(app, lambda: len(texts(app)) == 4)


async def test_a_hole_too_large_to_scroll_through_becomes_the_newest_page(
    fake: FakeServer, start: Start
) -> None:
    async with fake:
        app = start()
        peer = await logged_in(fake, app)
        peer.say(type="message", message=message(1))
        peer.say(type="message", message=message(5000))
        page = await peer.hear("history", conversation="#lab")
        assert "after" not in page
        peer.answer(page, "history", messages=[message(4999), message(5000)], more=True)
        await until(app, lambda: texts(app) == ["number 4999", "number 5000"])


async def test_a_server_whose_database_lost_the_last_message_is_believed(
    fake: FakeServer, start: Start
) -> None:
    async with fake:
        app = start()
        peer = await logged_in(fake, app)
        peer.say(type="message", message=message(1))
        peer.say(type="message", message=message(2, "seen, then lost"))
        await until(app, lambda: len(texts(app)) == 2)
        peer.hang_up()
        peer = await fake.greet()
        begin(peer, await peer.hear("resume"), rooms=[room(head=2)])
        page = await peer.hear("history", after=1)
        peer.answer(page, "history", messages=[message(2, "what came instead")], more=False)
        await until(app, lambda: texts(app) == ["what came instead"])


async def test_what_is_read_is_told_once_for_many(fake: FakeServer, start: Start) -> None:
    async with fake:
        app = start()
        peer = await logged_in(fake, app, rooms=[room(head=9, unread=9)])
        await peer.hear("history", conversation="#lab")
        for seq in range(1, 10):
            app.viewed("#lab", seq)
        assert lab(app).unread == 0
        reading = await peer._next({"read"})
        assert (reading["conversation"], reading["seq"]) == ("#lab", 9)


async def test_scrolling_up_asks_for_one_page_at_a_time(fake: FakeServer, start: Start) -> None:
    async with fake:
        app = start()
        peer = await logged_in(fake, app, rooms=[room(head=5)])
        app.switch("#lab")
        app.load_older("#lab")
        newest = await peer.hear("history", conversation="#lab")
        peer.answer(newest, "history", messages=[message(4), message(5)], more=True)
        await until(app, lambda: len(texts(app)) == 2)
        app.load_older("#lab")
        app.load_older("#lab")
        older = await peer.hear("history", before=4)
        peer.answer(older, "history", messages=[message(1), message(2), message(3)], more=False)
        await until(app, lambda: len(texts(app)) == 5)
        assert not lab(app).timeline.more
        app.load_older("#lab")
        await app.close()
        await peer.silence()


async def test_a_login_form_that_stood_for_long_dials_again(fake: FakeServer, start: Start) -> None:
    async with fake:
        app = start()
        connecting = asyncio.create_task(app.connect(fake.address))
        peer = await fake.greet()
        await connecting
        peer.say(type="closing", code="login_timeout", message="")
        peer.hang_up()
        assert app._link is not None
        await app._link.wait_until_lost()
        entering = asyncio.create_task(app.login("Alice", "secret1"))
        peer = await fake.greet()
        begin(peer, await peer.hear("login"))
        await entering
        assert app.state.username == "Alice"


async def test_logging_out_frees_the_connection_for_somebody_else(fake: FakeServer, start: Start) -> None:
    async with fake:
        app = start()
        peer = await logged_in(fake, app)
        leaving = asyncio.create_task(app.logout())
        peer.answer(await peer.hear("logout"), "ok")
        await leaving
        assert (app.state.username, app.state.link) == ("", ConnectionState.ONLINE)
        entering = asyncio.create_task(app.login("Bob", "secret2"))
        begin(peer, await peer.hear("login", username="Bob"), username="Bob")
        await entering
        assert app.state.username == "Bob"


@pytest.mark.parametrize(
    ("code", "details"),
    [("unknown_user", {}), ("wrong_password", {}), ("bad_username", {"least": 2, "most": 10})],
)
async def test_the_three_failures_of_a_login_are_told_apart(
    fake: FakeServer, start: Start, code: str, details: dict[str, Any]
) -> None:
    async with fake:
        app = start()
        connecting = asyncio.create_task(app.connect(fake.address))
        peer = await fake.greet()
        await connecting
        entering = asyncio.create_task(app.login("Alice", "secret1"))
        peer.refuse(await peer.hear("login"), code, **details)
        with pytest.raises(Refused) as refused:
            await entering
        assert (refused.value.code, refused.value.details) == (code, details)


async def test_what_answers_may_be_no_chat_server(fake: FakeServer, start: Start) -> None:
    async with fake:
        connecting = asyncio.create_task(start().connect(fake.address))
        (await fake.accept()).say_bytes(b"220 mail.example ESMTP\r\n")
        with pytest.raises(Refused, match="no_chat_server"):
            await connecting


async def test_what_answers_may_speak_another_protocol(fake: FakeServer, start: Start) -> None:
    async with fake:
        app = start()
        connecting = asyncio.create_task(app.connect(fake.address))
        (await fake.accept()).welcome(protocol=2)
        with pytest.raises(Refused, match="other_protocol"):
            await connecting
        assert app.state.link is ConnectionState.REFUSED


async def test_nobody_may_answer_at_all(start: Start) -> None:
    with pytest.raises(Refused, match="cannot_connect"):
        await start(pace=BRISK).connect("127.0.0.1:1")


async def test_a_server_that_turns_us_away_says_why(fake: FakeServer, start: Start) -> None:
    async with fake:
        connecting = asyncio.create_task(start().connect(fake.address))
        peer = await fake.accept()
        details = {"retry_after": 7}
        peer.say(type="error", id=None, code="too_many_connections", message="", details=details)
        peer.say(type="closing", code="too_many_connections", message="")
        peer._writer.close()
        with pytest.raises(Refused) as refused:
            await connecting
        assert (refused.value.code, refused.value.details) == ("too_many_connections", details)


async def test_a_friend_made_elsewhere_is_announced(fake: FakeServer, start: Start) -> None:
    async with fake:
        app = start()
        peer = await logged_in(fake, app)
        peer.say(type="friend", friend=friend())
        await until(app, lambda: "@Bob" in app.state.conversations)
        assert app.state.notes[-1].key == "befriended_by"


async def test_unknown_events_and_fields_of_a_newer_server_are_passed_over(
    fake: FakeServer, start: Start
) -> None:
    async with fake:
        app = start()
        peer = await logged_in(fake, app)
        peer.say(type="thunder", conversation="#lab", username="Bob")
        peer.say(type="message", message=message(1, mood="good"), shard=3)
        await until(app, lambda: texts(app) == ["number 1"])


async def test_a_session_that_was_ended_elsewhere_is_not_begun_again_unasked(
    fake: FakeServer, start: Start
) -> None:
    async with fake:
        app = start()
        peer = await logged_in(fake, app)
        peer.say(type="closing", code="session_ended", message="")
        peer.hang_up()
        await until(app, lambda: app.state.username == "")
        assert [note.key for note in app.state.notes] == ["session_ended"]


async def test_who_is_put_out_of_a_room_is_told_and_led_home(fake: FakeServer, start: Start) -> None:
    async with fake:
        app = start()
        peer = await logged_in(fake, app)
        app.switch("#lab")
        peer.say(type="removed", room="#lab", reason="kick", username="Bob")
        await until(app, lambda: app.state.current == "")
        assert not lab(app).member
        assert [note.key for note in app.state.notes] == ["removed.kick"]


@pytest.mark.parametrize("code", ["internal", "unavailable"])
async def test_a_logout_that_fails_leaves_nobody_logged_in_at_either_end(
    fake: FakeServer, start: Start, code: str
) -> None:
    async with fake:
        app = start()
        peer = await logged_in(fake, app)
        leaving = asyncio.create_task(app.logout())
        peer.refuse(await peer.hear("logout"), code, retry_after=1)
        await leaving
        assert (app.state.username, app.state.link) == ("", ConnectionState.OFFLINE)
        await peer.silence()
        entering = asyncio.create_task(app.login("Bob", "secret2"))
        peer = await fake.greet()
        begin(peer, await peer.hear("login", username="Bob"), username="Bob")
        await entering
        assert app.state.username == "Bob"


async def test_the_lag_is_known_as_soon_as_somebody_is_connected(fake: FakeServer, start: Start) -> None:
    async with fake:
        app = start()
        await logged_in(fake, app)
        await until(app, lambda: app.state.lag is not None)


async def test_room_lost_while_offline_is_not_entered_again(fake: FakeServer, start: Start) -> None:
    """Kicked, or resigned in another client: the waiting line is not posted, and both are reported."""
    async with fake:
        app = start()
        peer = await logged_in(fake, app)
        app.switch("#lab")
        app.write("#lab", "a secret")
        await peer.hear("send")
        peer.hang_up()
        peer = await fake.greet()
        begin(peer, await peer.hear("resume"), rooms=[])
        asked = {}
        for _ in range(2):
            frame = await peer._next({"send", "history"})
            asked[frame["type"]] = frame
        peer.refuse(asked["history"], "not_a_member", room="#lab")
        peer.refuse(asked["send"], "not_entered", conversation="#lab")
        await until(app, lambda: lab(app).pending[0].delivery is DeliveryState.REFUSED)
        await until(app, lambda: "removed.meanwhile" in [note.key for note in app.state.notes])
        assert (lab(app).pending[0].text, lab(app).pending[0].error) == ("a secret", "no_longer_a_member")
        assert app.state.current == ""
        assert not lab(app).member
        with pytest.raises(Refused):
            app.write("#lab", "another")


async def test_room_deleted_while_offline_is_reported(fake: FakeServer, start: Start) -> None:
    async with fake:
        app = start()
        (await logged_in(fake, app)).hang_up()
        peer = await fake.greet()
        begin(peer, await peer.hear("resume"), rooms=[])
        peer.refuse(await peer.hear("history"), "unknown_room", room="#lab")
        await until(app, lambda: "removed.gone" in [note.key for note in app.state.notes])


async def test_room_resigned_in_another_client_is_not_entered_for_a_waiting_line(
    fake: FakeServer, start: Start
) -> None:
    async with fake:
        app = start()
        peer = await logged_in(fake, app)
        app.write("#lab", "too late")
        send = await peer.hear("send")
        peer.say(type="removed", room="#lab", reason="resign", username="Alice")
        peer.refuse(send, "not_entered", conversation="#lab")
        await until(app, lambda: lab(app).pending[0].delivery is DeliveryState.REFUSED)
        assert "removed.resign" in [note.key for note in app.state.notes]
        app.note("before the end")
        await app.close()
        await peer.hear("logout")  # and nothing before it


async def test_private_chat_that_ended_while_offline_is_not_entered_again(
    fake: FakeServer, start: Start
) -> None:
    async with fake:
        app = start()
        peer = await logged_in(fake, app, friends=[friend(entered=True)])
        peer.hang_up()
        peer = await fake.greet()
        begin(peer, await peer.hear("resume"))
        await until(app, lambda: app.state.link is ConnectionState.LOGGED_IN)
        assert app.state.conversations["@Bob"].ended
