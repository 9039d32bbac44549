"""Typed lines: the command, its arguments, and its effect."""

import asyncio
from pathlib import Path
from typing import Any

import pytest

from chatroom.client.app import App
from chatroom.client.commands import table
from chatroom.client.commands.table import COMMANDS, UsageError, is_command, parse_command, unescape_slash
from chatroom.client.storage.config import ClientConfig, load_config
from chatroom.client.text import i18n
from tests.unit.client.conftest import Start
from tests.unit.client.fake_server import FakeServer, Peer, friend, message, room
from tests.unit.client.fake_session import answer_session, lab_texts, log_in

SAME = {
    "join": {"j", "enter"},
    "leave": {"part"},
    "rooms": {"list"},
    "members": {"names", "who"},
    "friend": {"add"},
    "unfriend": {"remove"},
    "msg": {"m", "dm"},
    "query": {"q"},
    "save": {"export"},
    "switch": {"buffer", "win"},
    "quit": {"exit"},
}
"""Aliases that users know from other clients."""


def test_command_names_are_unique() -> None:
    names = [name for command in COMMANDS for name in (command.name, *command.aliases)]
    assert len(names) == len(set(names))
    for name, aliases in SAME.items():
        command = table.find_command(name)
        assert command is not None
        assert aliases <= set(command.aliases)


@pytest.mark.parametrize(
    ("line", "name", "arguments"),
    [
        ("/join lab", "join", ["lab"]),
        ("/j lab The Nick", "join", ["lab", "The Nick"]),
        ("/JOIN  lab   ALICE ", "join", ["lab", "ALICE"]),
        ("/create lab 5", "create", ["lab", "5"]),
        ("/me waves  twice", "me", ["waves  twice"]),
        ("/q Bob", "query", ["Bob"]),
        ("/leave", "leave", []),
        ("/nick 小 爱", "nick", ["小 爱"]),
        ("/msg Bob two\nlines", "msg", ["Bob", "two\nlines"]),
    ],
)
def test_line_is_split_into_command_and_arguments(line: str, name: str, arguments: list[str]) -> None:
    command, parsed = parse_command(line)
    assert (command.name, parsed) == (name, arguments)


@pytest.mark.parametrize(
    ("line", "key"),
    [
        ("/bogus", "unknown_command"),
        ("/jion lab", "mistyped_command"),
        ("/", "unknown_command"),
        ("/ hello", "unknown_command"),
        ("/join", "usage"),
        ("/create lab", "usage"),
        ("/quit now", "usage"),
    ],
)
def test_unknown_command_is_an_error_and_never_sent(line: str, key: str) -> None:
    with pytest.raises(UsageError) as wrong:
        parse_command(line)
    assert wrong.value.key == key


def test_two_slashes_send_a_message_with_one() -> None:
    assert not is_command("//etc/hosts")
    assert unescape_slash("//etc/hosts") == "/etc/hosts"
    assert unescape_slash("a // b") == "a // b"


def keys(app: App) -> list[str]:
    return [note.key for note in app.state.notes]


async def typed(
    app: App, peer: Peer, line: str, *answers: tuple[dict[str, Any], str, dict[str, Any]]
) -> None:
    """Type a line. The server expects these requests and gives these answers."""
    app.lines.submit_line(line)
    for expected, type, fields in answers:
        peer.answer(await peer.expect(**expected), type, **fields)
    await app.lines.wait_until_finished()


async def test_lines_are_handled_in_order(fake: FakeServer, start: Start) -> None:
    async with fake:
        app = start()
        peer = await log_in(fake, app, rooms=[])
        app.lines.submit_line("/join lab")
        app.lines.submit_line("hello")
        enter = await peer.expect("enter_room", room="#lab", nickname="Alice")
        peer.answer(enter, "entered", room=room(), members=["Alice"], messages=[])
        await peer.expect("send", to="#lab", text="hello")


async def test_message_on_home_screen_is_refused(fake: FakeServer, start: Start) -> None:
    async with fake:
        app = start()
        await log_in(fake, app)
        app.lines.submit_line("hello")
        await app.wait_until_settled()
        assert keys(app) == ["nowhere"]


async def test_full_and_unknown_room_have_distinct_notes(fake: FakeServer, start: Start) -> None:
    async with fake:
        app = start()
        peer = await log_in(fake, app)
        full = {"code": "room_full", "message": "", "details": {"room": "#two", "members": 2, "capacity": 2}}
        await typed(app, peer, "/join two", ({"type": "enter_room"}, "error", full))
        unknown = {"code": "unknown_room", "message": "", "details": {"room": "#no"}}
        await typed(app, peer, "/join no", ({"type": "enter_room"}, "error", unknown))
        assert keys(app) == ["room_full", "unknown_room"]
        assert all(note.error for note in app.state.notes)
        i18n.use_language("zh")
        texts = [i18n.translate(note.key, **note.facts) for note in app.state.notes]
        assert texts[0].startswith("聊天室 #two 人数已满")
        assert texts[1].startswith("聊天室 #no 不存在")


async def test_code_of_newer_server_is_shown_unchanged(fake: FakeServer, start: Start) -> None:
    async with fake:
        app = start()
        peer = await log_in(fake, app)
        error = {"code": "full_moon", "message": "", "details": {}}
        await typed(app, peer, "/friends", ({"type": "list_friends"}, "error", error))
        assert (keys(app), app.state.notes[0].facts) == (["unknown_code"], {"code": "full_moon"})


async def test_unexpected_facts_do_not_break_a_note(fake: FakeServer, start: Start) -> None:
    async with fake:
        app = start()
        peer = await log_in(fake, app)
        details = {"key": 1, "error": 2, "self": 3, "count": 4, "room": ["x"]}
        error = {"code": "unknown_room", "message": "", "details": details}
        await typed(app, peer, "/friends", ({"type": "list_friends"}, "error", error))
        [note] = app.state.notes
        assert i18n.translate(note.key, **note.facts) == "['x'] doesn't exist."


async def test_last_nickname_is_the_default(fake: FakeServer, start: Start) -> None:
    async with fake:
        app = start()
        peer = await log_in(fake, app, rooms=[room(entered=False, nickname="小爱")])
        app.lines.submit_line("/join lab")
        await peer.expect("enter_room", nickname="小爱")


async def test_msg_sends_without_switching_the_conversation(fake: FakeServer, start: Start) -> None:
    async with fake:
        app = start()
        peer = await log_in(fake, app, friends=[friend()])
        app.conversations.show("#lab")
        app.lines.submit_line("/msg bob hello there")
        await peer.expect("send", to="@Bob", text="hello there")
        assert app.state.current == "#lab"


async def test_reply_at_home_goes_to_the_only_user_who_wrote(fake: FakeServer, start: Start) -> None:
    async with fake:
        app = start()
        peer = await log_in(fake, app, friends=[friend("@Bob"), friend("@Carol")])
        peer.send(type="message", message=message(1, conversation="@Bob"))
        await typed(app, peer, "/friends", ({"type": "list_friends"}, "friends", {"friends": []}))
        app.lines.submit_line("/reply got it")
        await peer.expect("send", to="@Bob", text="got it")


async def test_reply_at_home_with_several_writers_is_refused(fake: FakeServer, start: Start) -> None:
    async with fake:
        app = start()
        peer = await log_in(fake, app, friends=[friend("@Bob"), friend("@Carol")])
        peer.send(type="message", message=message(1, conversation="@Carol", username="Carol"))
        peer.send(type="message", message=message(1, conversation="@Bob", time="2027-01-01T00:00:00.000Z"))
        await typed(app, peer, "/friends", ({"type": "list_friends"}, "friends", {"friends": []}))
        app.state.notes.clear()
        app.lines.submit_line("/reply got it")
        await app.lines.wait_until_finished()
        assert keys(app) == ["several_writers"]


async def test_too_long_message_stays_in_the_input(fake: FakeServer, start: Start) -> None:
    async with fake:
        app = start()
        await log_in(fake, app)
        app.conversations.show("#lab")
        assert not app.lines.submit_line("x" * 4097)  # so it stays in the input
        assert app.state.notes[-1].facts == {"limit": 4096}
        assert app.state.conversations["#lab"].pending == []


async def test_line_with_the_password_is_held_back_once(fake: FakeServer, start: Start) -> None:
    async with fake:
        app = start()
        peer = await log_in(fake, app)
        app.conversations.show("#lab")
        assert not app.lines.submit_line("oops secret1")
        assert keys(app) == ["held_back"]
        assert app.lines.submit_line("oops secret1")
        await peer.expect("send", text="oops secret1")


async def test_search_shows_results_newest_last(fake: FakeServer, start: Start) -> None:
    async with fake:
        app = start()
        peer = await log_in(fake, app)
        answer = {"messages": [message(9), message(2, "nine \x1b[2J")], "more": True}
        await typed(app, peer, "/search nine", ({"type": "search", "query": "nine"}, "found", answer))
        assert keys(app) == ["found", "found_line", "found_line", "found_more"]
        assert "\x1b" not in i18n.translate("found_line", **app.state.notes[1].facts)


async def test_lang_switches_the_language_and_is_saved(fake: FakeServer, start: Start, home: Path) -> None:
    async with fake:
        app = start()
        await log_in(fake, app)
        app.lines.submit_line("/lang zh")
        await app.wait_until_settled()
        assert i18n.language == "zh"
        assert load_config(home / "client.json").lang == "zh"


async def test_lang_without_a_language_shows_the_setting(fake: FakeServer, start: Start) -> None:
    async with fake:
        app = start()
        await log_in(fake, app)
        app.lines.submit_line("/lang")
        await app.lines.wait_until_finished()
        assert (i18n.language, keys(app)) == ("en", ["setting_line"])


@pytest.mark.parametrize(
    ("line", "key"),
    [
        ("/create lab -3", "bad_seats"),
        ("/create lab many", "bad_seats"),
        ("/create my room 5", "room_name_blanks"),
        ("/create my great room 5", "room_name_blanks"),
    ],
)
async def test_create_with_invalid_arguments_shows_the_reason(
    fake: FakeServer, start: Start, line: str, key: str
) -> None:
    async with fake:
        app = start()
        await log_in(fake, app)
        app.lines.submit_line(line)
        await app.lines.wait_until_finished()
        assert keys(app) == [key]


async def test_topic_that_is_too_long_is_not_called_a_message(fake: FakeServer, start: Start) -> None:
    async with fake:
        app = start()
        peer = await log_in(fake, app)
        app.conversations.show("#lab")
        error = {"code": "text_too_long", "message": "", "details": {"limit": 200}}
        await typed(app, peer, "/topic xxx", ({"type": "set_topic"}, "error", error))
        assert keys(app) == ["topic_too_long"]


@pytest.mark.parametrize("name", ["Bo", "bob", "@bo", "ob", "lb"])
async def test_switch_finds_what_the_switcher_finds(fake: FakeServer, start: Start, name: str) -> None:
    async with fake:
        app = start()
        await log_in(fake, app, friends=[friend()])
        app.lines.submit_line(f"/switch {name}")
        await app.lines.wait_until_finished()
        assert app.state.current == ("#lab" if name == "lb" else "@Bob")


async def test_ignore_hides_messages_and_is_saved(fake: FakeServer, start: Start, home: Path) -> None:
    async with fake:
        app = start()
        peer = await log_in(fake, app, friends=[friend()])
        app.lines.submit_line("/ignore Bob")
        await app.wait_until_settled()
        peer.send(type="message", message=message(1))
        peer.send(type="message", message=message(2, username="Carol"))
        await typed(app, peer, "/friends", ({"type": "list_friends"}, "friends", {"friends": []}))
        assert lab_texts(app) == ["number 1", "number 2"]
        assert app.state.conversations["#lab"].unread == 1
        assert load_config(home / "client.json").ignored == ["Bob"]


async def test_help_and_keys_list_the_tables(fake: FakeServer, start: Start) -> None:
    async with fake:
        app = start()
        await log_in(fake, app)
        app.lines.submit_line("/help")
        app.lines.submit_line("/help /j")
        await app.wait_until_settled()
        shown = [i18n.translate(note.key, **note.facts) for note in app.state.notes]
        assert len(shown) == len(COMMANDS) + 2
        assert shown[-1] == "/join ROOM [NICK] (/j /enter)  join a room, with any nickname"


def test_damaged_config_counts_as_empty(tmp_path: Path) -> None:
    path = tmp_path / "client.json"
    for text in ("", "{", "[]", '{"lang": 5, "theme": "no such", "ignored": [1, "Bob"], "more": {}}'):
        path.write_text(text)
        assert load_config(path).theme == ClientConfig(path).theme
    assert load_config(path).ignored == ["Bob"]


async def test_leave_goes_home_and_shows_a_note(fake: FakeServer, start: Start) -> None:
    async with fake:
        app = start()
        peer = await log_in(fake, app)
        app.conversations.show("#lab")
        await typed(app, peer, "/leave", ({"type": "leave_room", "room": "#lab"}, "ok", {}))
        assert (app.state.current, keys(app)) == ("", ["left_room"])
        assert not app.state.conversations["#lab"].entered


async def test_command_without_a_connection_shows_a_note(fake: FakeServer, start: Start) -> None:
    async with fake:
        app = start()
        peer = await log_in(fake, app)
        peer.abort()
        app.lines.submit_line("/create x 5")
        peer = await fake.accept_and_welcome()
        answer_session(peer, await peer.expect("resume"))
        await app.lines.wait_until_finished()
        assert "not_connected" in keys(app)
        await asyncio.sleep(0)
