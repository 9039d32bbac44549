"""``/whois``, ``/away`` and blocks."""

from chatroom.client.app import App
from chatroom.client.text import i18n
from tests.unit.client.commands.test_table import keys, typed
from tests.unit.client.conftest import Start
from tests.unit.client.fake_server import FakeServer, friend, room
from tests.unit.client.fake_session import answer_session, lab_room, log_in, wait_until

BOB = {"username": "Bob", "registered": "2026-09-01T12:00:12.750Z", "online": True, "rooms": ["#lab"]}


def note_texts(app: App) -> list[str]:
    return [i18n.translate(note.key, **note.facts) for note in app.state.notes]


async def test_whois_of_nickname_shows_the_account(fake: FakeServer, start: Start) -> None:
    async with fake:
        app = start()
        peer = await log_in(fake, app)
        seat = {"username": "Bob", "nickname": "Prof", "entered": True, "online": True}
        app.conversations.show("#lab")
        peer.answer(await peer.next_request({"list_members"}), "members", members=[seat])
        await wait_until(app, lambda: lab_room(app).roster)
        user = {"user": BOB | {"away": "at lunch"}}
        await typed(app, peer, "/whois prof", ({"type": "whois", "username": "Bob"}, "user", user))
        assert note_texts(app) == [
            "Bob — away: at lunch; in #lab as Prof; registered 2026-09-01",
        ]


async def test_whois_without_a_common_room_asks_the_server(fake: FakeServer, start: Start) -> None:
    async with fake:
        app = start()
        peer = await log_in(fake, app)
        stranger = {"user": BOB | {"username": "Eve", "online": False, "rooms": []}}
        await typed(app, peer, "/whois Eve", ({"type": "whois", "username": "Eve"}, "user", stranger))
        unknown = {"code": "unknown_user", "message": "", "details": {}}
        await typed(app, peer, "/whois @No", ({"type": "whois", "username": "No"}, "error", unknown))
        assert keys(app) == ["whois", "unknown_user"]
        assert "offline" not in note_texts(app)[0]


async def test_away_without_text_shows_one_note(fake: FakeServer, start: Start) -> None:
    async with fake:
        app = start()
        peer = await log_in(fake, app)
        await typed(app, peer, "/away", ({"type": "set_away", "text": "away"}, "ok", {}))
        assert note_texts(app) == ["You are away. /back ends it."]


async def test_friend_who_is_away_is_listed_as_away(fake: FakeServer, start: Start) -> None:
    async with fake:
        app = start()
        peer = await log_in(fake, app, friends=[friend(away="at lunch")])
        bob = app.state.conversations["@Bob"]
        assert bob.away == "at lunch"
        peer.send(type="presence", username="Bob", online=True)
        await wait_until(app, lambda: bob.away == "")
        assert bob.online


async def test_away_survives_a_lost_connection_until_back(fake: FakeServer, start: Start) -> None:
    async with fake:
        app = start()
        peer = await log_in(fake, app)
        await typed(app, peer, "/away at lunch", ({"type": "set_away", "text": "at lunch"}, "ok", {}))
        peer.abort()
        peer = await fake.accept_and_welcome()
        answer_session(peer, await peer.expect("resume"), rooms=[room()])
        peer.answer(await peer.expect("set_away", text="at lunch"), "ok")
        await typed(app, peer, "/back", ({"type": "set_away", "text": ""}, "ok", {}))
        assert (app.state.away, keys(app)) == ("", ["away", "back"])


async def test_away_of_another_session_is_shown(fake: FakeServer, start: Start) -> None:
    async with fake:
        app = start()
        peer = await log_in(fake, app)
        peer.send(type="presence", username="Alice", online=True, away="asleep")
        await wait_until(app, lambda: app.state.away == "asleep")
