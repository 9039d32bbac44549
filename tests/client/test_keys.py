"""The table of keys: every row does something, and says what."""

import pytest
from prompt_toolkit.key_binding import KeyBindings

from client import words
from client.keys import KEYS, Key
from client.view.actions import Actions


def test_every_action_is_done_by_a_method() -> None:
    assert [key.action for key in KEYS if key.keys and not callable(getattr(Actions, key.action, None))] == []


@pytest.mark.parametrize("language", words.LANGUAGES)
@pytest.mark.parametrize("key", KEYS, ids=lambda key: key.name)
def test_every_key_is_explained(key: Key, language: str) -> None:
    words.use(language)
    assert words.knows(key.help)


@pytest.mark.parametrize("key", KEYS, ids=lambda key: key.name)
def test_prompt_toolkit_knows_every_key(key: Key) -> None:
    bindings = KeyBindings()
    for keys in key.keys:
        bindings.add(*keys.split())(lambda event: None)


def test_no_key_does_two_things() -> None:
    keys = [keys for key in KEYS for keys in key.keys]
    assert len(keys) == len(set(keys))


def test_what_hands_already_know() -> None:
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
