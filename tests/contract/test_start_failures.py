"""A failed start of the server prints one line on standard error and returns an exit code other than 0."""

import os
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest
from sqlalchemy import make_url

from chatroom.db.engine import open_engine
from chatroom.db.migrate import upgrade_schema
from tests.support.database import PATIENCE, DatabaseServer, PrivateMariaDB
from tests.support.processes import QUICK, ROOT, Server

AWAY = "mysql://chat@127.0.0.1:1/chat"
LONG = "n" * 300


def failure(folder: Path, *arguments: str, environment: dict[str, str] | None = None) -> str:
    """Return the line that a failed start prints."""
    ended = subprocess.run(
        [sys.executable, "-m", "chatroom.server", "--port", "0", *arguments],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(ROOT), "HOME": str(folder), **(environment or {})},
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert ended.returncode > 0
    assert ended.stdout == ""
    (line,) = ended.stderr.splitlines()
    assert line.startswith("chat-server: ")
    return line


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (["--data", "~nosuchuser/x"], "data must be a folder"),
        (["--data", "loop/x"], "loop"),
        (["--data", LONG], "File name too long"),
        (["--host", LONG], "cannot listen"),
        (["--config", LONG], "File name too long"),
        (["--database", "sqlite:///~nosuchuser/x"], "home directory"),
        (["--database", f"sqlite:///{LONG}"], "File name too long"),
        (["--database", "sqlite:///loop/x"], "loop"),
        (["--tls-cert", "~nosuchuser/c", "--tls-key", "k"], "no such user"),
        (["--tls-cert", "loop", "--tls-key", "loop"], "symbolic links"),
        (["--database", f"{AWAY}?ssl=true"], "ssl_ca"),
        (["--database", f"{AWAY}?ssl_ca=nowhere.pem"], "cannot read nowhere.pem"),
        (["--database", f"{AWAY}?connect_timeout=abc"], "must be a whole number"),
        (["--database", f"{AWAY}?cursorclass=x"], "does not exist: cursorclass"),
        (["--database", f"mysql://chat@{LONG}/chat"], "database at"),
        (["--set", "name=\udcff"], "name must be a text"),
    ],
)
def test_failed_start_is_one_line(tmp_path: Path, arguments: list[str], reason: str) -> None:
    (tmp_path / "loop").symlink_to("loop")
    assert reason in failure(tmp_path, *arguments)


@pytest.mark.parametrize("command", ["admin accounts", "invite lab --uses 1"])
@pytest.mark.parametrize("data", ["~nosuchuser/x", "loop/x", LONG])
def test_failed_command_is_one_line(tmp_path: Path, command: str, data: str) -> None:
    (tmp_path / "loop").symlink_to("loop")
    ended = subprocess.run(
        [sys.executable, "-m", "chatroom.server", *command.split(), "--data", data],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(ROOT), "HOME": str(tmp_path)},
        capture_output=True,
        text=True,
    )
    assert ended.returncode > 0
    (line,) = ended.stderr.splitlines()
    assert line.startswith("chat-server: ")


@pytest.mark.parametrize(
    "url",
    [
        "mysql://chat:geh@eim@127.0.0.1:1/chat",
        "mysql://chat:geh@127.0.0.1/eim@127.0.0.1:1/chat",
        "mysql://chat:geh@127.0.0.1/chat?eim@127.0.0.1:1/chat",
    ],
)
def test_unescaped_password_is_in_no_error_and_no_shown_configuration(tmp_path: Path, url: str) -> None:
    assert "eim" not in failure(tmp_path, "--database", url)
    shown = subprocess.run(
        [sys.executable, "-m", "chatroom.server", "--show-config", "--database", url],
        cwd=ROOT,
        capture_output=True,
        text=True,
    )
    assert shown.returncode == 0
    assert "eim" not in shown.stdout + shown.stderr


@pytest.mark.parametrize("is_upgraded", [True, False])
def test_database_user_that_may_only_read_is_one_line(
    tmp_path: Path, mysql_url: str, mysql_server: DatabaseServer, is_upgraded: bool
) -> None:
    if is_upgraded:
        upgrade_schema(engine := open_engine(mysql_url))
        engine.dispose()
    url = make_url(mysql_url)
    mysql_server.execute(
        "DROP USER IF EXISTS reader@'%'",
        "CREATE USER reader@'%' IDENTIFIED BY 'secret'",
        f"GRANT SELECT ON {url.database}.* TO reader@'%'",
    )
    reading = url.set(username="reader", password="secret", query={}).render_as_string(hide_password=False)
    assert "denied" in failure(tmp_path, "--database", reading)


@pytest.mark.parametrize("password", ["pässword", "密码很长"])
def test_database_password_may_be_in_any_script(
    tmp_path: Path, mysql_url: str, mysql_server: DatabaseServer, password: str
) -> None:
    url = make_url(mysql_url)
    mysql_server.execute(
        "DROP USER IF EXISTS writer@'%'",
        f"CREATE USER writer@'%' IDENTIFIED BY '{password}'",
        f"GRANT ALL ON {url.database}.* TO writer@'%'",
    )
    bare = url.set(username="writer", query={}).render_as_string()
    server = Server(
        tmp_path / "data",
        "--database",
        bare,
        environment={"CHAT_SERVER_DATABASE_PASSWORD": password},
    ).start()
    server.user("Alice")
    server.close()


@pytest.mark.parametrize("name", ["chat?1", "a%40b#c", "聊天 室"])
def test_data_folder_may_have_any_name(tmp_path: Path, name: str) -> None:
    Server(tmp_path / name).start().close()
    assert (tmp_path / name / "chatroom.sqlite").exists()
    assert {file.name for file in tmp_path.iterdir()} == {name, f"{name}.stderr"}


def test_read_only_database_is_one_line(tmp_path: Path, fragile_mariadb: PrivateMariaDB) -> None:
    url = make_url(fragile_mariadb.url("chat"))
    upgrade_schema(engine := open_engine(url))
    engine.dispose()
    fragile_mariadb.execute(
        "CREATE USER plain@'%' IDENTIFIED BY 'secret'",
        "GRANT ALL ON chat.* TO plain@'%'",
        "SET GLOBAL read_only = 1",
    )
    plain = url.set(username="plain", password="secret").render_as_string(hide_password=False)
    assert "is read-only" in failure(tmp_path, "--database", plain)
    two_hosts = plain.replace("127.0.0.1:", "127.0.0.1:1,127.0.0.1:")
    assert "is read-only" in failure(tmp_path, "--database", two_hosts)


def test_start_waits_for_database(tmp_path: Path, fragile_mariadb: PrivateMariaDB) -> None:
    url = fragile_mariadb.url("chat")
    fragile_mariadb.stop()
    server = Server(tmp_path / "data", "--database", url, settings=(*QUICK, "database.wait=60"))
    starting = threading.Thread(target=server.start)
    starting.start()
    deadline = time.monotonic() + PATIENCE
    while "waiting for the database" not in server.log:
        assert time.monotonic() < deadline
        time.sleep(0.02)
    fragile_mariadb.start()
    starting.join()
    server.user("Alice")
    server.close()
