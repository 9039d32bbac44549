"""Passwords and tokens appear in no log, no error, no configuration that is
shown, or the ``repr`` of anything."""

from pathlib import Path

import pytest

from chatroom.db.records import AccountRecord
from chatroom.protocol import requests, responses
from chatroom.server.admin.ipc import ResetPassword
from chatroom.server.config.loader import describe_config, load_config
from chatroom.server.config.settings import DatabaseSettings, ServerConfig
from tests.support.database import PrivateMariaDB
from tests.support.processes import Server

SECRET = "geheim-1"


@pytest.mark.parametrize("secret", [
    requests.Register(id=1, username="Alice", password=SECRET),
    requests.Login(id=1, username="Alice", password=SECRET),
    requests.Resume(id=1, token=SECRET),
    requests.ChangePassword(id=1, password=SECRET, new_password=SECRET),
    requests.CreateRoom(id=1, room="#lab", capacity=2, password=SECRET),
    requests.EnterRoom(id=1, room="#lab", nickname="A", password=SECRET),
    responses.Session(id=1, username="Alice", token=SECRET, rooms=[], friends=[]),
    ResetPassword("Alice", SECRET),
    AccountRecord(1, "Alice", SECRET, 0),
    ServerConfig(database=DatabaseSettings(url=f"mysql://chat:{SECRET}@db/chat", password=SECRET)),
], ids=lambda secret: type(secret).__name__)  # fmt: skip
def test_repr_hides_secrets(secret: object) -> None:
    assert SECRET not in repr(secret)
    assert "Alice" in repr(secret) or not hasattr(secret, "username")


@pytest.mark.parametrize("url", [f"mysql://chat:{SECRET}@db/chat", f"mysql://db/chat?password={SECRET}"])
def test_shown_configuration_hides_secrets(url: str) -> None:
    shown = describe_config(load_config({"database.url": url, "database.password": SECRET}, {}))
    assert SECRET not in shown


@pytest.fixture
def guarded(fragile_mariadb: PrivateMariaDB) -> str:
    """The URL of a database that takes a password."""
    url = fragile_mariadb.url("chat")
    fragile_mariadb.execute(f"CREATE USER chat@'%' IDENTIFIED BY '{SECRET}'")
    fragile_mariadb.execute("GRANT ALL ON chat.* TO chat@'%'")
    return url.replace("root@", "chat@")


def test_database_password_is_not_in_log_or_process_list(
    guarded: str, fragile_mariadb: PrivateMariaDB, tmp_path: Path
) -> None:
    """Neither at the start nor while the database is unavailable and after it is back."""
    server = Server(
        tmp_path / "data",
        *("--database", guarded, "--log-level", "debug"),
        environment={"CHAT_SERVER_DATABASE_PASSWORD": SECRET},
    ).start()
    alice = server.user("Alice")
    fragile_mariadb.stop()
    assert alice.refusal("add_friend", username="Nobody") == "unavailable"
    fragile_mariadb.start()
    assert alice.request("list_rooms")["rooms"] == []
    assert SECRET not in Path(f"/proc/{server.process.pid}/cmdline").read_text()
    server.close()
    assert "the database is away: " in server.log
    assert SECRET not in server.log
    assert "sqlalche.me" not in server.log


def test_wrong_database_password_is_not_in_error(guarded: str, tmp_path: Path) -> None:
    url = guarded.replace("chat@", f"chat:{SECRET}-no@")
    with pytest.raises(AssertionError) as failure:
        Server(tmp_path / "data", "--database", url, "--log-level", "debug").start()
    assert "refuses the user 'chat' or the password" in str(failure.value)
    assert SECRET not in str(failure.value)
