"""Commands of room owners, entering protected rooms, and blocks."""

from collections.abc import Iterator
from typing import Any

import pytest

from chatroom.client.app import App
from chatroom.client.net.connection import Refused
from chatroom.client.text import i18n
from chatroom.protocol.invitation import fresh_code, read_invitation
from tests.unit.client.commands.test_table import keys, typed
from tests.unit.client.conftest import Start
from tests.unit.client.fake_front_end import front_end_of
from tests.unit.client.fake_server import FakeServer, Peer, friend, message, room
from tests.unit.client.fake_session import lab_room, log_in, wait_until
from tests.unit.client.view.fake import make_member


async def in_lab(fake: FakeServer, start: Start, **session: Any) -> tuple[App, Peer]:
    """Alice has #lab open, which she owns; Bob is a member."""
    app = start()
    peer = await log_in(fake, app, rooms=[room(owner="Alice")], **session)
    app.conversations.show("#lab")
    return app, peer


def answers(app: App, *passwords: str) -> list[str]:
    """Answer the prompts with these texts. Return the list to which the prompts are added."""
    asked: list[str] = []
    left: Iterator[str] = iter(passwords)

    async def answer(key: str, facts: dict[str, object]) -> str:
        asked.append(i18n.translate(key, **facts))
        if (password := next(left)) == "":
            raise Refused("cancelled")
        return password

    front_end_of(app).answer_password = answer
    return asked


def refusal(code: str, **details: Any) -> tuple[str, dict[str, Any]]:
    return "error", {"code": code, "message": code, "details": details}


def names(type: str, *usernames: str) -> tuple[str, dict[str, Any]]:
    return type, {"usernames": list(usernames)}


def details(*moderators: str) -> tuple[str, dict[str, Any]]:
    answer = {"room": room(owner="Alice"), "created": "2026-11-22T04:20:01.120Z", "moderators": moderators}
    return "room_details", answer


@pytest.mark.parametrize(
    ("line", "request_"),
    [
        ("/topic exams 期末", {"type": "set_topic", "room": "#lab", "topic": "exams 期末"}),
        ("/topic -", {"type": "set_topic", "room": "#lab", "topic": ""}),
        ("/kick Bob", {"type": "kick", "room": "#lab", "username": "Bob"}),
        ("/op Bob", {"type": "add_moderator", "room": "#lab", "username": "Bob"}),
        ("/deop @Bob", {"type": "remove_moderator", "room": "#lab", "username": "Bob"}),
        ("/ban @Bob", {"type": "ban", "room": "#lab", "username": "Bob"}),
        ("/transfer Bob --yes", {"type": "transfer_room", "room": "#lab", "username": "Bob"}),
    ],
)
async def test_command_with_a_notice_shows_no_note(
    fake: FakeServer, start: Start, line: str, request_: dict[str, Any]
) -> None:
    async with fake:
        app, peer = await in_lab(fake, start)
        await typed(app, peer, line, (request_, "ok", {}))
        assert keys(app) == []


@pytest.mark.parametrize(
    ("line", "request_", "answer", "expected"),
    [
        ("/invite Eve", {"type": "invite", "username": "Eve"}, ("ok", {}), "Invited Eve to #lab."),
        ("/unban Eve", {"type": "list_banned"}, names("banned"), "Eve isn't banned from #lab."),
        ("/unblock Eve", {"type": "list_blocked"}, names("blocked"), "You haven't blocked Eve."),
        ("/banned", {"type": "list_banned"}, names("banned", "Eve", "Mal"), "Banned from #lab: Eve Mal"),
        ("/banned", {"type": "list_banned"}, names("banned"), "#lab has no bans."),
        ("/blocked", {"type": "list_blocked"}, names("blocked", "Mal"), "Blocked: Mal"),
        ("/kick Eve", {"type": "kick"}, refusal("not_owner"), "Only the owner of ? can do that."),
        (
            "/kick Eve", {"type": "kick"}, refusal("not_owner", room="#lab", moderators=True),
            "Only the owner and moderators of #lab can do that.",
        ),
        ("/ops", {"type": "show_room"}, details("Eve", "Mal"), "Moderators of #lab: Eve Mal"),
        ("/moderators", {"type": "show_room"}, details(), "#lab has no moderators."),
    ],
)  # fmt: skip
async def test_command_without_a_notice_shows_a_note(
    fake: FakeServer,
    start: Start,
    line: str,
    request_: dict[str, Any],
    answer: tuple[str, dict[str, Any]],
    expected: str,
) -> None:
    async with fake:
        app, peer = await in_lab(fake, start)
        await typed(app, peer, line, (request_, *answer))
        [note] = app.state.notes
        assert i18n.translate(note.key, **note.facts) == expected


async def test_unban_looks_the_name_up(fake: FakeServer, start: Start) -> None:
    async with fake:
        app, peer = await in_lab(fake, start)
        unban: tuple[Any, ...] = ({"type": "unban", "username": "Eve"}, "ok", {})
        listed: tuple[Any, ...] = ({"type": "list_banned"}, *names("banned", "Eve"))
        await typed(app, peer, "/unban Eve", listed, unban)
        [note] = app.state.notes
        assert i18n.translate(note.key, **note.facts) == "Unbanned Eve from #lab."


async def test_topic_is_set_or_shown(fake: FakeServer, start: Start) -> None:
    async with fake:
        app, peer = await in_lab(fake, start)
        await typed(app, peer, "/topic")
        peer.send(type="room", room=room(owner="Alice", topic="exams", private=True, locked=True))
        await wait_until(app, lambda: lab_room(app).topic == "exams")
        assert (lab_room(app).private, lab_room(app).locked, lab_room(app).invited) == (True, True, False)
        await typed(app, peer, "/topic")
        assert keys(app) == ["no_topic", "topic_line"]


async def test_moderation_in_private_chat_is_refused(fake: FakeServer, start: Start) -> None:
    async with fake:
        app, peer = await in_lab(fake, start, friends=[friend()])
        app.conversations.show("@Bob")
        await typed(app, peer, "/kick Bob")
        app.conversations.show("")
        await typed(app, peer, "/kick Bob")
        assert keys(app) == ["only_in_rooms", "nowhere"]


async def test_kicked_member_is_removed_from_the_members(fake: FakeServer, start: Start) -> None:
    async with fake:
        app, peer = await in_lab(fake, start)
        peer.send(type="message", message=message(1, "", kind="enter"))
        peer.send(type="message", message=message(2, "Bob", kind="kick", username="Alice", nickname="ALICE"))
        await wait_until(app, lambda: lab_room(app).head == 2)
        assert lab_room(app).roster == []


async def test_disband_deletes_the_named_room(fake: FakeServer, start: Start) -> None:
    async with fake:
        app, peer = await in_lab(fake, start)
        await typed(app, peer, "/disband LAB --yes", ({"type": "close_room", "room": "#lab"}, "ok", {}))
        assert (app.state.current, "#lab" in app.state.conversations) == ("", False)
        assert keys(app) == ["disbanded"]


@pytest.mark.parametrize("line", ["/resign", "/resign lab", "/disband lab", "/transfer Bob"])
async def test_destructive_command_asks_first(fake: FakeServer, start: Start, line: str) -> None:
    async with fake:
        app, peer = await in_lab(fake, start)
        lab_room(app).roster = [make_member("Alice"), make_member("Bob")]
        questions: list[str] = []

        async def refuse(question: str) -> bool:
            questions.append(question)
            return False

        front_end_of(app).answer_question = refuse
        app.lines.submit_line(line)
        await app.lines.wait_until_finished()
        assert (len(questions), keys(app)) == (1, ["cancelled"])

        async def agree(question: str) -> bool:
            return True

        front_end_of(app).answer_question = agree
        app.lines.submit_line(line)
        verb = line.split()[0].removeprefix("/")
        await peer.expect(
            {"resign": "resign_room", "disband": "close_room", "transfer": "transfer_room"}[verb]
        )


@pytest.mark.parametrize("line", ["/disband lab", "/transfer Bob"])
async def test_destructive_command_without_terminal_needs_yes(
    fake: FakeServer, start: Start, line: str
) -> None:
    async with fake:
        app, _ = await in_lab(fake, start)
        lab_room(app).roster = [make_member("Alice"), make_member("Bob")]
        app.lines.submit_line(line)
        await app.lines.wait_until_finished()
        assert keys(app) == ["needs_yes"]
        assert str(app.state.notes[0].facts["command"]).endswith(" --yes")


@pytest.mark.parametrize(
    ("line", "key"),
    [
        ("/resign la", "no_such_room"),
        ("/disband la --yes", "no_such_room"),
        ("/members la", "no_such_room"),
        ("/leave la", "no_conversation"),
        ("/mute la", "no_conversation"),
        ("/disband lab now", "usage"),
    ],
)
async def test_command_takes_the_whole_name(fake: FakeServer, start: Start, line: str, key: str) -> None:
    async with fake:
        app, _ = await in_lab(fake, start)
        app.lines.submit_line(line)
        await app.lines.wait_until_finished()
        assert keys(app) == [key]


async def test_room_of_another_owner_is_refused_without_a_question(fake: FakeServer, start: Start) -> None:
    async with fake:
        app, _ = await in_lab(fake, start)
        lab_room(app).owner = "Bob"
        app.lines.submit_line("/disband lab --yes")
        await app.lines.wait_until_finished()
        assert keys(app) == ["not_owner"]


async def test_block_ends_the_friendship(fake: FakeServer, start: Start) -> None:
    async with fake:
        app, peer = await in_lab(fake, start, friends=[friend()])
        await typed(app, peer, "/block bob", ({"type": "block", "username": "Bob"}, "ok", {}))
        assert app.state.conversations["@Bob"].ended
        await typed(app, peer, "/block Stranger", ({"type": "block", "username": "Stranger"}, "ok", {}))
        assert "@Stranger" not in app.state.conversations


async def test_create_private_room_with_a_password(fake: FakeServer, start: Start) -> None:
    async with fake:
        app = start()
        peer = await log_in(fake, app)
        asked = answers(app, "correct horse", "correct horse")
        request = {"type": "create_room", "capacity": 9, "private": True, "password": "correct horse"}
        made = room("#den", member=False, entered=False, private=True, locked=True)
        await typed(app, peer, "/create den 9 password private", (request, "room", {"room": made}))
        assert asked == ["Room password: ", "Confirm room password: "]
        await typed(app, peer, "/create den 9 secret")
        assert keys(app) == ["created", "usage"]


async def test_join_of_locked_room_asks_for_the_password(fake: FakeServer, start: Start) -> None:
    async with fake:
        app = start()
        peer = await log_in(fake, app, rooms=[])
        asked = answers(app, "open sesame")
        inside = {"room": room(), "members": ["Alice"], "messages": []}
        await typed(
            app, peer, "/join LAB",
            ({"type": "enter_room", "room": "#LAB"}, *refusal("wrong_room_password", room="#lab")),
            ({"type": "enter_room", "room": "#LAB", "password": "open sesame"}, "entered", inside),
        )  # fmt: skip
        assert asked == ["Password for #LAB: "]
        assert (app.state.current, keys(app)) == ("#lab", ["entered_room"])


async def test_join_without_the_password_shows_the_reason(fake: FakeServer, start: Start) -> None:
    async with fake:
        app = start()
        peer = await log_in(fake, app, rooms=[])
        answers(app, "")
        refused = refusal("invitation_needed", room="#lab")
        await typed(app, peer, "/join lab", ({"type": "enter_room"}, *refused))
        assert keys(app) == ["invitation_needed"]


async def test_new_password_is_used_for_later_logins(fake: FakeServer, start: Start) -> None:
    async with fake:
        app = start()
        peer = await log_in(fake, app)
        answers(app, "secret1", "secret2", "secret2")
        request = {"type": "change_password", "password": "secret1", "new_password": "secret2"}
        await typed(app, peer, "/passwd", (request, "ok", {}))
        assert keys(app) == ["password_changed"]
        peer.abort()
        peer = await fake.accept_and_welcome()
        peer.answer_error(await peer.expect("resume"), "bad_token")
        await peer.expect("login", password="secret2")


async def test_mistyped_new_password_changes_nothing(fake: FakeServer, start: Start) -> None:
    async with fake:
        app = start()
        peer = await log_in(fake, app)
        answers(app, "secret1", "secret2", "secret3")
        await typed(app, peer, "/passwd")
        assert keys(app) == ["mismatch"]


async def test_note_is_shown_in_the_current_language(fake: FakeServer, start: Start) -> None:
    async with fake:
        app, peer = await in_lab(fake, start)
        await typed(app, peer, "/friends", ({"type": "list_friends"}, "friends", {"friends": [friend()]}))
        note = app.state.notes[-1]
        assert i18n.translate(note.key, **note.facts).endswith("online")
        i18n.use_language("zh")
        assert i18n.translate(note.key, **note.facts).endswith("在线")


async def test_invitation_names_this_server(fake: FakeServer, start: Start) -> None:
    async with fake:
        app = start()
        peer = await log_in(fake, app)
        app.conversations.show("#lab")
        app.lines.submit_line("/invite")
        asked = await peer.expect("make_invitation", room="#lab")
        code = fresh_code()
        peer.answer(asked, "invitation", code=code, until="2026-11-29T04:22:43.273Z")
        await app.lines.wait_until_finished()
        [note] = app.state.notes
        _, _, word = i18n.translate(note.key, **note.facts).rpartition("chat-client ")
        to = read_invitation(word)
        assert (f"{to.host}:{to.port}", to.room, to.code) == (fake.address, "lab", code)
