"""The configuration file, also while several clients write it."""

import json
from pathlib import Path
from typing import Any

import pytest

from chatroom.client.storage import config
from chatroom.client.storage.config import ClientConfig


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "config" / "client.json"


def stored_config(path: Path) -> Any:
    return json.loads(path.read_text())


def test_setting_is_loaded_by_next_client(path: Path) -> None:
    chosen = config.load_config(path)
    chosen.theme, chosen.ignored = "dark", ["Bob"]
    chosen.save_config("theme", "ignored")
    again = config.load_config(path)
    assert (again.theme, again.ignored) == ("dark", ["Bob"])
    assert path.stat().st_mode & 0o777 == 0o600


def test_changes_of_two_clients_are_merged(path: Path) -> None:
    first, second = config.load_config(path), config.load_config(path)
    first.ignored, first.theme = ["Bob"], "dark"
    first.save_config("ignored")
    first.save_config("theme")
    second.server, second.username = "host:7878", "Alice"
    second.save_config("server", "username")
    second.ignored = ["Carol"]
    second.save_config("ignored")
    assert stored_config(path) == {
        "ignored": ["Bob", "Carol"], "theme": "dark", "server": "host:7878", "username": "Alice",
    }  # fmt: skip


@pytest.mark.parametrize("name", ["attention", "keys"])
def test_entries_changed_by_two_clients_are_merged(path: Path, name: str) -> None:
    first = config.load_config(path)
    getattr(first, name).update(a="1", b="1", c="1")
    first.save_config(name)
    second, third = config.load_config(path), config.load_config(path)
    del getattr(second, name)["a"]
    getattr(second, name)["b"] = "2"
    second.save_config(name)
    getattr(third, name)["d"] = "3"
    third.save_config(name)
    assert stored_config(path)[name] == {"b": "2", "c": "1", "d": "3"}


def test_setting_changed_by_other_client_can_be_set_again(path: Path) -> None:
    first = config.load_config(path)
    first.theme = "dark"
    first.save_config("theme")
    second = config.load_config(path)
    second.theme = "light"
    second.save_config("theme")
    first.save_config("theme")
    assert stored_config(path)["theme"] == "dark"


def test_unknown_values_stay_in_file(path: Path) -> None:
    path.parent.mkdir()
    path.write_text('{"theme": "solarized", "sidebar": [1, 2], "ignored": ["Bob"]}')
    older = config.load_config(path)
    assert older.theme == "default"
    (path.parent / "themes").mkdir()
    (path.parent / "themes" / "solarized.toml").write_text("")
    assert config.load_config(path).theme == "solarized"  # the user's own
    older.typing = "off"
    older.save_config("typing")
    assert stored_config(path) == {
        "theme": "solarized",
        "sidebar": [1, 2],
        "ignored": ["Bob"],
        "typing": "off",
    }


def test_file_with_wrong_types_keeps_valid_values(path: Path) -> None:
    path.parent.mkdir()
    path.write_text('{"theme": 5, "ignored": ["Bob", 1], "keys": {"f9": 1, "f10": "home"}}')
    read = config.load_config(path)
    assert (read.theme, read.ignored, read.keys) == ("default", ["Bob"], {"f10": "home"})
    assert stored_config(path) == {"ignored": ["Bob"], "keys": {"f10": "home"}}
    [aside] = path.parent.glob("client.json.damaged-*")
    assert stored_config(aside)["theme"] == 5


def test_concurrent_clients_lose_no_changes(path: Path) -> None:
    clients = [config.load_config(path) for _ in range(8)]
    for number, client in enumerate(clients):
        _ignore(client, f"User{number}")
    assert stored_config(path)["ignored"] == [f"User{number}" for number in range(8)]


def _ignore(client: ClientConfig, name: str) -> None:
    client.ignored = [*client.ignored, name]
    client.save_config("ignored")
