"""Sending the messages of the outbox: in order, once, and again after a failure."""

from chatroom.client.model.state import ConnectionState, DeliveryState
from tests.unit.client.conftest import Start
from tests.unit.client.fake_server import FakeServer, message, room
from tests.unit.client.fake_session import answer_session, lab_room, lab_texts, log_in


async def test_message_is_pending_until_server_delivers_it(fake: FakeServer, start: Start) -> None:
    async with fake:
        app = start()
        peer = await log_in(fake, app)
        app.writer.write("#lab", "hello")
        sent = await peer.expect("send", to="#lab", text="hello")
        assert [pending.text for pending in lab_room(app).pending] == ["hello"]
        peer.send(type="message", message=message(1, "hello", username="Alice", cid=sent["cid"]))
        peer.answer(sent, "sent", cid=sent["cid"], seq=1, time="", duplicate=False)
        await app.wait_until_settled()
        assert (lab_texts(app), lab_room(app).pending) == (["hello"], [])


async def test_unanswered_message_is_sent_again_with_same_cid(fake: FakeServer, start: Start) -> None:
    async with fake:
        app = start()
        peer = await log_in(fake, app)
        peer.send(type="message", message=message(1))
        app.writer.write("#lab", "first")
        app.writer.write("#lab", "second")
        lost = await peer.expect("send", text="first")
        peer.abort()

        peer = await fake.accept_and_welcome()
        resume = await peer.expect("resume", token="first")
        answer_session(peer, resume, token="second", rooms=[room(head=3, unread=2)])
        page = await peer.expect("history", conversation="#lab", after=0)
        peer.answer(page, "history", messages=[message(1), message(2)], more=True)
        again = await peer.expect("send", text="first", cid=lost["cid"])
        peer.answer(again, "sent", cid=lost["cid"], seq=3, time="", duplicate=True)
        page = await peer.expect("history", after=2)
        own = message(3, "first", username="Alice", cid=lost["cid"])
        peer.answer(page, "history", messages=[own], more=False)
        second = await peer.expect("send", text="second")
        peer.answer(second, "sent", cid=second["cid"], seq=4, time="", duplicate=False)
        peer.send(type="message", message=message(4, "second", username="Alice", cid=second["cid"]))
        await app.wait_until_settled()
        assert lab_texts(app) == ["number 1", "number 2", "first", "second"]
        assert app.state.link is ConnectionState.LOGGED_IN


async def test_rate_limited_message_is_retried_before_the_next(fake: FakeServer, start: Start) -> None:
    async with fake:
        app = start()
        peer = await log_in(fake, app)
        app.writer.write("#lab", "first")
        app.writer.write("#lab", "second")
        hasty = await peer.expect("send", text="first")
        peer.answer_error(hasty, "rate_limited", retry_after=0.01)
        again = await peer.expect("send", text="first", cid=hasty["cid"])
        peer.answer(again, "sent", cid=again["cid"], seq=1, time="", duplicate=False)
        await peer.expect("send", text="second")


async def test_message_is_sent_again_after_server_failure(fake: FakeServer, start: Start) -> None:
    async with fake:
        app = start()
        peer = await log_in(fake, app)
        app.writer.write("#lab", "hello")
        unlucky = await peer.expect("send")
        peer.answer_error(unlucky, "unavailable", retry_after=0.01)
        peer = await fake.accept_and_welcome()
        answer_session(peer, await peer.expect("resume"))
        again = await peer.expect("send", cid=unlucky["cid"])
        peer.answer(again, "sent", cid=again["cid"], seq=1, time="", duplicate=False)
        peer.send(type="message", message=message(1, "hello", cid=again["cid"]))
        await app.wait_until_settled()
        assert lab_room(app).pending == []


async def test_refused_message_is_kept_and_next_is_sent(fake: FakeServer, start: Start) -> None:
    async with fake:
        app = start()
        peer = await log_in(fake, app)
        app.writer.write("#lab", "x" * 4000)
        app.writer.write("#lab", "short")
        peer.answer_error(await peer.expect("send", text="x" * 4000), "text_too_long", limit=3000)
        sent = await peer.expect("send", text="short")
        peer.answer(sent, "sent", cid=sent["cid"], seq=1, time="", duplicate=False)
        peer.send(type="message", message=message(1, "short", cid=sent["cid"]))
        await app.wait_until_settled()
        [refused] = lab_room(app).pending
        assert (refused.delivery, refused.error) == (DeliveryState.REFUSED, "text_too_long")
        assert refused.facts == {"limit": 3000}


async def test_restarted_client_sends_unsent_messages(fake: FakeServer, start: Start) -> None:
    async with fake:
        before = start()
        peer = await log_in(fake, before)
        before.writer.write("#lab", "remember me")
        first = await peer.expect("send")
        await before.close()  # without an answer to either its line or its logout

        app = start()
        peer = await log_in(fake, app)
        again = await peer.expect("send", text="remember me", cid=first["cid"])
        peer.answer_error(again, "not_entered", conversation="#lab")
        enter = await peer.expect("enter_room", room="#lab")
        peer.answer(enter, "entered", room=room(), members=["Alice"], messages=[])
        await peer.expect("send", cid=first["cid"])
