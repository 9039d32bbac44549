"""Pages of older messages, and the read position."""

from tests.unit.client.conftest import Start
from tests.unit.client.fake_server import FakeServer, message, room
from tests.unit.client.fake_session import lab_room, lab_texts, log_in, wait_until


async def test_read_position_is_sent_once_for_many_messages(fake: FakeServer, start: Start) -> None:
    async with fake:
        app = start()
        peer = await log_in(fake, app, rooms=[room(head=9, unread=9)])
        await peer.expect("history", conversation="#lab")
        for seq in range(1, 10):
            app.history.mark_read("#lab", seq)
        assert lab_room(app).unread == 0
        reading = await peer.next_request({"read"})
        assert (reading["conversation"], reading["seq"]) == ("#lab", 9)


async def test_scrolling_up_requests_one_page_at_a_time(fake: FakeServer, start: Start) -> None:
    async with fake:
        app = start()
        peer = await log_in(fake, app, rooms=[room(head=5)])
        app.conversations.show("#lab")
        app.history.load_older("#lab")
        newest = await peer.expect("history", conversation="#lab")
        peer.answer(newest, "history", messages=[message(4), message(5)], more=True)
        await wait_until(app, lambda: len(lab_texts(app)) == 2)
        app.history.load_older("#lab")
        app.history.load_older("#lab")
        older = await peer.expect("history", before=4)
        peer.answer(older, "history", messages=[message(1), message(2), message(3)], more=False)
        await wait_until(app, lambda: len(lab_texts(app)) == 5)
        assert not lab_room(app).timeline.more
        app.history.load_older("#lab")
        await app.close()
        await peer.expect_close()
