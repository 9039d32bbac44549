"""What is fetched without being asked for."""

import pytest
from chatroom.client.core import backfill

from tests.unit.client.conftest import Start
from tests.unit.client.core.test_conversations import lab, logged_in, until
from tests.unit.client.fake_server import FakeServer, message, room


async def test_who_was_named_while_away_sees_it(fake: FakeServer, start: Start) -> None:
    async with fake:
        app = start()
        peer = await logged_in(fake, app, rooms=[room(head=9, read=6, unread=2)])
        asked = await peer.hear("history", conversation="#lab")
        missed = [message(7, "@Alice?"), message(8, "where is she", kind="action"), message(9, kind="enter")]
        peer.answer(asked, "history", messages=missed, more=True)
        await until(app, lambda: lab(app).mentions)
        assert (lab(app).unread, lab(app).mentions) == (2, 1)


async def test_what_is_unread_further_up_is_looked_through_page_by_page(
    fake: FakeServer, start: Start
) -> None:
    async with fake:
        app = start()
        peer = await logged_in(fake, app, rooms=[room(head=9, read=1, unread=8)])
        asked = await peer.hear("history", conversation="#lab")
        peer.answer(asked, "history", messages=[message(7), message(8, "Alice?"), message(9)], more=True)
        asked = await peer.hear("history", before=7)
        assert (lab(app).mentions, lab(app).may_name_more) == (1, True)
        peer.answer(asked, "history", messages=[message(seq, "Alice!") for seq in (4, 5, 6)], more=True)
        asked = await peer.hear("history", before=4)
        peer.answer(asked, "history", messages=[message(seq, "Alice!") for seq in (1, 2, 3)], more=False)
        await until(app, lambda: not lab(app).may_name_more)
        assert (lab(app).unread, lab(app).named) == (8, {2, 3, 4, 5, 6, 8})
        assert len(lab(app).timeline.messages) == 3  # nothing more of it is kept


async def test_in_a_room_with_very_much_the_rest_is_left_unknown(
    fake: FakeServer, start: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(backfill, "DEEP", 1)
    async with fake:
        app = start()
        peer = await logged_in(fake, app, rooms=[room(head=90, unread=90)])
        asked = await peer.hear("history", conversation="#lab")
        peer.answer(asked, "history", messages=[message(90, "Alice?")], more=True)
        asked = await peer.hear("history", before=90)
        peer.answer(asked, "history", messages=[message(89)], more=True)
        await until(app, lambda: lab(app).looked == 89)
        app.submit("/leave lab")
        await peer.hear("leave_room")
        assert (lab(app).mentions, lab(app).may_name_more) == (1, True)
        app.viewed("#lab", 90)
        assert (lab(app).mentions, lab(app).may_name_more) == (0, False)


async def test_a_script_gets_only_what_it_asks_for(fake: FakeServer, start: Start) -> None:
    async with fake:
        app = start(fill=True)
        peer = await logged_in(fake, app, rooms=[room(head=9, read=6, unread=2)])
        app.submit("/leave lab")
        await peer.hear("leave_room")
