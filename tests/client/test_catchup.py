"""What is fetched without being asked for."""

from tests.client.conftest import Start
from tests.client.fake_server import FakeServer, message, room
from tests.client.test_chat import lab, logged_in, until


async def test_who_was_named_while_away_sees_it(fake: FakeServer, start: Start) -> None:
    async with fake:
        app = start()
        peer = await logged_in(fake, app, rooms=[room(head=9, read=6, unread=2)])
        asked = await peer.hear("history", conversation="#lab")
        missed = [message(7, "@Alice?"), message(8, "where is she", kind="action"), message(9, kind="enter")]
        peer.answer(asked, "history", messages=missed, more=True)
        await until(app, lambda: lab(app).mentions)
        assert (lab(app).unread, lab(app).mentions) == (2, 1)


async def test_a_script_gets_only_what_it_asks_for(fake: FakeServer, start: Start) -> None:
    async with fake:
        app = start(fill=True)
        peer = await logged_in(fake, app, rooms=[room(head=9, read=6, unread=2)])
        app.submit("/leave lab")
        await peer.hear("leave_room")
