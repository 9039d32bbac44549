"""Settings are saved and take effect at once."""

import pytest

from chatroom.client.app import App
from chatroom.client.model import select
from chatroom.client.storage import config
from tests.unit.client.conftest import Start
from tests.unit.client.fake_server import FakeServer, friend, room
from tests.unit.client.fake_session import log_in
from tests.unit.client.view.fake import make_message


async def enter(app: App, *lines: str) -> list[str]:
    """Type lines. Return the keys of the notes that are shown."""
    before = len(app.state.notes)
    for line in lines:
        app.lines.submit_line(line)
    await app.lines.wait_until_finished()
    return [note.key for note in app.state.notes[before:]]


class TestSettings:
    async def test_set_lists_settings_with_their_purpose(self, start: Start) -> None:
        app = start()
        assert await enter(app, "/set") == ["setting_line"] * len(config.SETTINGS)
        assert await enter(app, "/set compact") == ["setting_line"]

    async def test_set_saves_the_choice(self, start: Start) -> None:
        app = start()
        await enter(app, "/set compact on")
        assert config.load_config(app.config.path).compact == "on"

    @pytest.mark.parametrize(
        ("line", "note_key"),
        [
            ("/set nonsense", "no_setting"),
            ("/set nonsense on", "no_setting"),
            ("/set compact yes", "no_choice"),
        ],
    )
    async def test_unknown_setting_or_choice_is_refused(self, start: Start, line: str, note_key: str) -> None:
        assert await enter(start(), line) == [note_key]

    async def test_file_with_other_content_counts_as_empty(self, start: Start) -> None:
        app = start()
        app.config.path.parent.mkdir(parents=True)
        app.config.path.write_text('{"alert": "siren", "keys": {"f9": 1, "f10": "home"}, "attention": []}')
        loaded = config.load_config(app.config.path)
        assert (loaded.alert, loaded.keys, loaded.attention) == ("bell", {"f10": "home"}, {})


class TestNotify:
    async def test_words_of_a_conversation_are_mentions_only_there(
        self, fake: FakeServer, start: Start
    ) -> None:
        async with fake:
            app = start()
            await log_in(fake, app, rooms=[room(), room("#ops")])
            app.state.current = "#lab"
            note_keys = await enter(app, "/notify words deploy, 上线", "/notify none", "/notify")
            assert (
                note_keys
                == ["attention.mentions", "attention.words"] + ["attention.none", "attention.words"] * 2
            )
            lab, ops = (app.state.conversations[name] for name in ("#lab", "#ops"))
            said_by_bob = make_message("the Deploy begins")
            assert select.mentions_me(app.state, lab, said_by_bob)
            assert not select.mentions_me(app.state, ops, said_by_bob)
            [saved_words] = config.load_config(app.config.path).words.values()
            assert saved_words == "deploy, 上线"
            assert await enter(app, "/notify words off") == ["attention.none"]
            assert not select.mentions_me(app.state, lab, said_by_bob)
            assert await enter(app, "/notify all words", "/notify loud") == ["usage", "no_choice"]


class TestKeys:
    async def test_bind_shows_and_saves_the_key(self, start: Start) -> None:
        app = start()
        assert await enter(app, "/bind Alt-X next-active", "/bind Alt-X", "/bind") == ["key_bound"] * 3
        assert config.load_config(app.config.path).keys == {"escape x": "next_active"}

    async def test_default_restores_the_key(self, start: Start) -> None:
        app = start()
        note_keys = await enter(app, "/unbind Ctrl-G", "/bind Ctrl-G", "/bind Ctrl-G default", "/bind")
        assert note_keys == ["key_unbound", "key_free", "key_bound", "no_keys_bound"]

    @pytest.mark.parametrize(
        ("line", "note_key"),
        [
            ("/bind Enter home", "no_key"),
            ("/unbind Esc", "no_key"),
            ("/bind x home", "no_key"),
            ("/bind Alt-X fly", "no_choice"),
            ("/bind Alt-X numbered_conversation", "no_choice"),
        ],
    )
    async def test_invalid_key_or_action_is_refused(self, start: Start, line: str, note_key: str) -> None:
        app = start()
        assert await enter(app, line) == [note_key]
        assert app.config.keys == {}


class TestAttention:
    async def test_level_is_per_conversation_and_account(self, fake: FakeServer, start: Start) -> None:
        async with fake:
            app = start()
            await log_in(fake, app, rooms=[room()], friends=[friend()])
            app.conversations.show("#lab")
            assert await enter(app, "/notify all", "/mute @Bob") == ["attention.all", "attention.none"]
            assert app.state.attention == {"#lab": "all", "@Bob": "none"}
            levels = config.load_config(app.config.path).attention
            assert levels == {f"Alice@{fake.address}/#lab": "all", f"Alice@{fake.address}/@Bob": "none"}

    async def test_mute_twice_restores_the_level(self, fake: FakeServer, start: Start) -> None:
        async with fake:
            app = start()
            await log_in(fake, app, rooms=[room()])
            note_keys = await enter(app, "/mute #lab", "/mute #lab")
            assert note_keys == ["attention.none", "attention.mentions"]
            assert app.config.attention == {}

    async def test_level_is_restored_at_login(self, fake: FakeServer, start: Start) -> None:
        async with fake:
            app = start()
            app.config.attention = {f"Alice@{fake.address}/#lab": "none", "Carol@elsewhere/#lab": "all"}
            await log_in(fake, app, rooms=[room()])
            assert app.state.attention == {"#lab": "none"}

    async def test_notify_on_home_screen_is_refused(self, start: Start) -> None:
        assert await enter(start(), "/notify all") == ["nowhere"]
