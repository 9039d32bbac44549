"""The table of keys: each row has an action and a description; and the user's own keys."""

from pathlib import Path

import pytest
from prompt_toolkit.key_binding import KeyBindings

from chatroom.client.text import i18n
from chatroom.client.text.keys import (
    BINDABLE,
    KEYS,
    KeyBinding,
    apply_bindings,
    is_free,
    parse_key,
    spell_keys,
)
from chatroom.client.view.keys.action_table import action_handlers
from chatroom.client.view.screen_state import ScreenState
from tests.unit.client.view.fake import FakeApp


def test_every_action_has_a_handler(tmp_path: Path) -> None:
    handlers = action_handlers(ScreenState(FakeApp(tmp_path)))
    assert set(handlers) == {key.action for key in KEYS if key.keys} | {"paste", "wheel_up", "wheel_down"}


@pytest.mark.parametrize("language", i18n.LANGUAGES)
@pytest.mark.parametrize("key", KEYS, ids=lambda key: key.name)
def test_every_key_has_description(key: KeyBinding, language: str) -> None:
    i18n.use_language(language)
    assert i18n.has_translation(key.help)


@pytest.mark.parametrize("key", KEYS, ids=lambda key: key.name)
def test_prompt_toolkit_knows_every_key(key: KeyBinding) -> None:
    bindings = KeyBindings()
    for keys in key.keys:
        bindings.add(*keys.split())(lambda event: None)


def test_every_key_has_one_action() -> None:
    keys = [keys for key in KEYS for keys in key.keys]
    assert len(keys) == len(set(keys))


def test_usual_keys_have_usual_actions() -> None:
    """The table in the client's design; the letters of readline are prompt_toolkit's."""
    bound = {keys for key in KEYS for keys in key.keys}
    promised = [
        "pageup",
        "pagedown",
        "tab",
        "s-tab",
        "enter",
        "c-j",
        "c-n",
        "c-p",
        "f5",
        "f6",
        "f1",
        "f7",
        "f8",
        "c-l",
        "c-c",
        "c-g",
    ]
    after_escape = ["home", "end", "1", "9", "left", "right", "a", "n", "p", "u", "enter", "l"]
    assert {*promised, *(f"escape {key}" for key in after_escape), "c-x c-e"} <= bound


@pytest.mark.parametrize(
    ("typed", "keys"),
    [
        ("Alt-N", "escape n"),
        ("alt-n", "escape n"),
        ("Alt-↑", "escape up"),
        ("Alt-Up", "escape up"),
        ("Alt-+", "escape +"),
        ("Alt--", "escape -"),
        ("Ctrl-T", "c-t"),
        ("ctrl-PgUp", "c-pageup"),
        ("Shift-Tab", "s-tab"),
        ("F9", "f9"),
        ("PgUp", "pageup"),
        ("Alt-F2", "escape f2"),
    ],
)
def test_key_has_display_name(typed: str, keys: str) -> None:
    assert parse_key(typed) == keys
    assert parse_key(spell_keys(keys)) == keys
    KeyBindings().add(*keys.split())(lambda event: None)


@pytest.mark.parametrize(
    "typed", ["", "x", "é", "Space", "F25", "F", "Ctrl-", "Ctrl-M", "Ctrl-é", "Alt-", "Hyper-X"]
)
def test_invalid_key_cannot_be_bound(typed: str) -> None:
    assert parse_key(typed) is None


def test_bound_key_has_only_its_new_action() -> None:
    rows = {row.action: row for row in apply_bindings({"f9": "page_up", "c-g": "home", "escape a": ""})}
    assert rows["page_up"].name == "PgUp, F9"
    assert rows["home"].name == "Alt-0, Ctrl-G"
    assert rows["switcher"].keys == ()
    assert rows["next_active"].keys == ()


def test_one_of_several_keys_can_be_unbound() -> None:
    (row,) = (row for row in apply_bindings({"escape 3": "home"}) if row.action == "numbered_conversation")
    assert "Alt-2, Alt-4" in row.name


@pytest.mark.parametrize("keys", ["enter", "escape", "c-c"])
def test_fixed_keys_cannot_be_bound(keys: str) -> None:
    assert not is_free(keys)
    assert apply_bindings({keys: ""}) == list(KEYS)


def test_invalid_bindings_are_ignored() -> None:
    assert apply_bindings({"hyper": "home", "f9": "fly", "x": "home"}) == list(KEYS)


def test_numbered_conversation_is_not_bindable() -> None:
    assert "numbered_conversation" not in BINDABLE
