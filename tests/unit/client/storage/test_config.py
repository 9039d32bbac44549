"""What is kept of the user's choices while several clients write the same file."""

import json
from pathlib import Path
from typing import Any

import pytest
from chatroom.client.storage import config
from chatroom.client.storage.config import ClientConfig


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "config" / "client.json"


def kept(path: Path) -> Any:
    return json.loads(path.read_text())


def test_a_choice_is_there_for_the_next_client(path: Path) -> None:
    chosen = config.load_config(path)
    chosen.theme, chosen.ignored = "dark", ["Bob"]
    chosen.save_config("theme", "ignored")
    again = config.load_config(path)
    assert (again.theme, again.ignored) == ("dark", ["Bob"])
    assert path.stat().st_mode & 0o777 == 0o600


def test_two_clients_keep_what_each_has_changed(path: Path) -> None:
    one, two = config.load_config(path), config.load_config(path)
    one.ignored, one.theme = ["Bob"], "dark"
    one.save_config("ignored")
    one.save_config("theme")
    two.server, two.username = "host:7878", "Alice"
    two.save_config("server", "username")
    two.ignored = ["Carol"]
    two.save_config("ignored")
    assert kept(path) == {
        "ignored": ["Bob", "Carol"], "theme": "dark", "server": "host:7878", "username": "Alice",
    }  # fmt: skip


@pytest.mark.parametrize("name", ["attention", "keys"])
def test_two_clients_change_different_rows_of_a_table(path: Path, name: str) -> None:
    first = config.load_config(path)
    getattr(first, name).update(a="1", b="1", c="1")
    first.save_config(name)
    one, two = config.load_config(path), config.load_config(path)
    del getattr(one, name)["a"]
    getattr(one, name)["b"] = "2"
    one.save_config(name)
    getattr(two, name)["d"] = "3"
    two.save_config(name)
    assert kept(path)[name] == {"b": "2", "c": "1", "d": "3"}


def test_a_choice_that_another_client_has_changed_can_be_made_again(path: Path) -> None:
    one = config.load_config(path)
    one.theme = "dark"
    one.save_config("theme")
    two = config.load_config(path)
    two.theme = "light"
    two.save_config("theme")
    one.save_config("theme")
    assert kept(path)["theme"] == "dark"


def test_what_a_newer_client_has_kept_stays(path: Path) -> None:
    path.parent.mkdir()
    path.write_text('{"theme": "solarized", "sidebar": [1, 2], "ignored": ["Bob"]}')
    older = config.load_config(path)
    assert older.theme == "default"
    older.typing = "off"
    older.save_config("typing")
    assert kept(path) == {"theme": "solarized", "sidebar": [1, 2], "ignored": ["Bob"], "typing": "off"}


def test_of_a_file_with_wrong_types_the_good_values_stay(path: Path) -> None:
    path.parent.mkdir()
    path.write_text('{"theme": 5, "ignored": ["Bob", 1], "keys": {"f9": 1, "f10": "home"}}')
    read = config.load_config(path)
    assert (read.theme, read.ignored, read.keys) == ("default", ["Bob"], {"f10": "home"})
    assert kept(path) == {"ignored": ["Bob"], "keys": {"f10": "home"}}
    [aside] = path.parent.glob("client.json.damaged-*")
    assert kept(aside)["theme"] == 5


def test_many_clients_at_once_lose_nothing(path: Path) -> None:
    clients = [config.load_config(path) for _ in range(8)]
    for number, client in enumerate(clients):
        _ignore(client, f"User{number}")
    assert kept(path)["ignored"] == [f"User{number}" for number in range(8)]


def _ignore(client: ClientConfig, name: str) -> None:
    client.ignored = [*client.ignored, name]
    client.save_config("ignored")
