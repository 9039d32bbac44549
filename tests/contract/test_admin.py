"""``chat-server admin``: with a running and a stopped server."""

import os
import pwd
import socket
import stat
import subprocess
import sys
from collections.abc import Iterator
from contextlib import redirect_stderr, redirect_stdout, suppress
from io import StringIO
from pathlib import Path
from typing import NamedTuple
from unittest import mock

import pytest

from chatroom.server.cli.admin import run_command
from tests.conftest import Serve
from tests.support.database import DatabaseServer
from tests.support.processes import PATIENCE, ROOT, Server, Wire, running

ROOM = "#thuhole"


class Finished(NamedTuple):
    code: int
    out: str
    err: str


def admin(server: Server, *arguments: str, password: str | None = None, stdin: str = "") -> Finished:
    """``chat-server admin`` for a server, whether it runs or not; in this process, which saves a second."""
    words = ["--data", str(server.data), "--set", "password.bcrypt_cost=4", *arguments]
    secret = {} if password is None else {"CHAT_PASSWORD": password}
    out, err = StringIO(), StringIO()
    with (
        redirect_stdout(out),
        redirect_stderr(err),
        mock.patch.dict(os.environ, secret),
        mock.patch("sys.stdin", StringIO(stdin)),
    ):
        try:
            code = run_command(words)
        except SystemExit as end:
            code = int(end.code or 0)
    return Finished(code, out.getvalue(), err.getvalue())


def admin_output(server: Server, *arguments: str, password: str | None = None, stdin: str = "") -> list[str]:
    """Run a command that must succeed. Return the lines that it prints."""
    finished = admin(server, *arguments, password=password, stdin=stdin)
    assert (finished.code, finished.err) == (0, "")
    return finished.out.splitlines()


def error_line(server: Server, *arguments: str, password: str | None = None, stdin: str = "") -> str:
    """Run a command that must fail. Return the only line that it prints."""
    finished = admin(server, *arguments, password=password, stdin=stdin)
    assert finished.code > 0
    assert finished.out == ""
    (line,) = finished.err.splitlines()
    return line


@pytest.fixture(params=["sqlite", "mariadb", "mysql"])
def site(request: pytest.FixtureRequest, serve: Serve, tmp_path: Path) -> Iterator[Server]:
    """A running server with short time limits, on each engine in turn."""
    if request.param == "sqlite":
        yield serve(settings=("limits.linger=600",))
        return
    database: DatabaseServer = request.getfixturevalue(request.param)
    database.drop("chat_admin")
    yield serve("--database", database.url("chat_admin"), settings=("limits.linger=600",))


def into_room(server: Server, *usernames: str) -> list[Wire]:
    people = [server.user(username) for username in usernames]
    people[0].request("create_room", room=ROOM, capacity=9)
    for wire in people:
        wire.request("enter_room", room=ROOM, nickname=wire.username.upper())
    return people


def last(wire: Wire) -> tuple[str, str]:
    """How a connection ended."""
    frame = wire.rest()[-1]
    return frame["type"], frame["code"]


def kinds(wire: Wire) -> list[str]:
    return [message["kind"] for message in wire.request("history", conversation=ROOM)["messages"]]


def test_help_names_every_command(server: Server) -> None:
    text = "\n".join(admin_output(server, "--help"))
    for name in ("accounts", "sessions", "disable", "enable", "reset-password", "rooms", "delete-room",
                 "end-session"):  # fmt: skip
        assert f"    {name} " in text or f"    {name}\n" in text


def test_admin_command_runs_as_a_program(server: Server) -> None:
    server.user("Alice")
    words = ["-m", "chatroom.server", "admin", "--data", str(server.data), "accounts"]
    finished = subprocess.run(
        [sys.executable, *words], cwd=ROOT, capture_output=True, text=True, timeout=PATIENCE
    )
    assert (finished.returncode, finished.stderr) == (0, "")
    assert finished.stdout.splitlines()[1].startswith("Alice")


@pytest.mark.parametrize("arguments", [[], ["fly"], ["disable"], ["accounts", "x"], ["--wings", "accounts"]])
def test_invalid_admin_command_is_one_clear_line(server: Server, arguments: list[str]) -> None:
    assert error_line(server, *arguments).startswith("chat-server: ")


def test_accounts_and_sessions_are_listed(site: Server) -> None:
    site.user("Alice")
    site.connect().login("Alice")
    site.user("王小明").request("logout")
    head, alice, wang = admin_output(site, "accounts")
    assert head.split() == ["NAME", "REGISTERED", "SESSIONS"]
    assert (alice.split()[0], alice.split()[2]) == ("Alice", "2")
    assert (wang.split()[0], wang.split()[2]) == ("王小明", "0")
    _, *sessions = admin_output(site, "sessions")
    assert [line.split()[1:3] for line in sessions] == [["Alice", "127.0.0.1"]] * 2


def test_disabled_account_is_logged_out_and_refused(site: Server) -> None:
    alice, bob = into_room(site, "Alice", "Bob")
    phone = site.connect().login("Alice")
    assert admin_output(site, "disable", "alice") == ["Alice is disabled; sessions ended: 2"]
    assert last(alice) == last(phone) == ("closing", "account_disabled")
    assert bob.message(kind="leave")["username"] == "Alice"
    stranger = site.connect()
    assert stranger.refusal("login", username="Alice", password="111111") == "account_disabled"
    assert stranger.refusal("login", username="Alice", password="222222") == "wrong_password"
    assert stranger.refusal("resume", token=alice.token) == "bad_token"
    assert "disabled" in admin_output(site, "accounts")[1]
    assert admin_output(site, "enable", "Alice") == ["Alice may log in again"]
    assert stranger.login("Alice").session["rooms"][0]["entered"] is False


@pytest.mark.parametrize("way", ["environment", "standard input"])
def test_password_reset_hides_the_password_from_the_process_list(site: Server, way: str) -> None:
    alice = site.user("Alice")
    if way == "environment":
        lines = admin_output(site, "reset-password", "Alice", password="new secret")
    else:
        lines = admin_output(site, "reset-password", "Alice", stdin="new secret\n")
    assert lines == ["Alice has a new password; sessions ended: 1"]
    assert last(alice) == ("closing", "session_ended")
    stranger = site.connect()
    assert stranger.refusal("login", username="Alice", password="111111") == "wrong_password"
    assert stranger.refusal("resume", token=alice.token) == "bad_token"
    assert stranger.login("Alice", "new secret").username == "Alice"
    assert "new secret" not in site.log


def test_invalid_new_password_is_refused(server: Server) -> None:
    server.user("Alice")
    assert "at least 6 characters" in error_line(server, "reset-password", "Alice", stdin="short\n")
    assert "at least 6 characters" in error_line(server, "reset-password", "Alice")


def test_session_is_ended_by_id_or_user_name(site: Server) -> None:
    alice, bob = into_room(site, "Alice", "Bob")
    phone = site.connect().login("Alice")
    *_, number = (line.split()[0] for line in admin_output(site, "sessions"))
    assert admin_output(site, "end-session", number) == [f"session {number} has ended"]
    assert last(phone) == ("closing", "session_ended")
    assert site.connect().refusal("resume", token=phone.token) == "bad_token"
    assert kinds(bob) == ["enter", "enter"]
    assert admin_output(site, "end-session", "Alice") == ["Alice has to log in again; sessions ended: 1"]
    assert last(alice) == ("closing", "session_ended")
    assert bob.message(kind="leave")["username"] == "Alice"
    assert site.connect().login("Alice").username == "Alice"
    assert "there is no session 999" in error_line(site, "end-session", "999")


def test_private_rooms_are_listed(site: Server) -> None:
    (alice,) = into_room(site, "Alice")
    alice.request("create_room", room="#vault", capacity=3, private=True, password="sesame")
    head, thuhole, vault = admin_output(site, "rooms")
    assert head.split() == ["ROOM", "MEMBERS", "MESSAGES", "OWNER"]
    assert thuhole.split() == ["#thuhole", "1/9", "1", "Alice"]
    assert vault.split() == ["#vault", "0/3", "0", "Alice", "private", "locked"]


def test_room_with_members_is_deleted(site: Server) -> None:
    alice, bob = into_room(site, "Alice", "Bob")
    alice.request("send", to=ROOM, text="what was said")
    assert admin_output(site, "delete-room", "thuhole") == [
        "#thuhole was deleted; its messages are removed in the background"
    ]
    for wire in (alice, bob):
        assert wire.event("removed") == {"type": "removed", "room": ROOM, "reason": "close"}
        assert wire.refusal("send", to=ROOM, text="hello?") == "unknown_room"
        assert wire.request("list_rooms")["rooms"] == []
    assert wire.request("search", query="said")["messages"] == []
    bob.request("create_room", room=ROOM, capacity=2)
    assert bob.request("enter_room", room=ROOM, nickname="B")["room"]["head"] == 1


@pytest.mark.parametrize("order", [["disable"], ["enable"], ["reset-password"], ["end-session"]])
def test_admin_command_for_an_unknown_user_is_refused(server: Server, order: list[str]) -> None:
    assert "no such user" in error_line(server, *order, "Nobody", password="111111")
    assert "no such room" in error_line(server, "delete-room", "#nowhere")


def test_admin_command_is_logged_with_user_and_result(server: Server) -> None:
    server.user("Alice")
    admin_output(server, "reset-password", "Alice", password="new secret")
    error_line(server, "disable", "Nobody")
    server.stop()  # the log is complete now
    user = pwd.getpwuid(os.getuid()).pw_name
    assert (
        f'INFO chatroom.server.events: admin_command by={user} command="reset_password Alice" result=done'
        in (server.log)
    )
    assert (
        f'WARNING chatroom.server.events: admin_command by={user} command="disable_account Nobody"'
        in server.log
    )
    assert 'result=refused reason="no such user' in server.log
    assert "new secret" not in server.log


def test_admin_socket_is_private(server: Server) -> None:
    door = server.data / "admin.sock"
    assert stat.S_IMODE(door.stat().st_mode) == 0o600
    assert stat.S_IMODE(server.data.stat().st_mode) == 0o700


@pytest.mark.parametrize("line", [b"", b"hello\n", b'{"order":"fly"}\n', b"x" * 100_000 + b"\n", b"\xff\n"])
def test_invalid_line_on_the_admin_socket_is_ignored(server: Server, line: bytes) -> None:
    with socket.socket(socket.AF_UNIX) as door:
        door.connect(str(server.data / "admin.sock"))
        door.sendall(line)
        door.shutdown(socket.SHUT_WR)
        with suppress(ConnectionResetError):  # it stopped reading at the limit
            assert door.recv(1) == b""
    assert admin_output(server, "rooms")


# Where no server runs


def test_admin_commands_work_on_a_stopped_server(site: Server) -> None:
    into_room(site, "Alice", "Bob")
    site.stop()
    database = site.arguments
    assert admin_output(site, *database, "sessions") == ["SESSION  NAME  FROM  SINCE"]
    assert admin_output(site, *database, "disable", "Alice") == ["Alice is disabled; sessions ended: 0"]
    admin_output(site, *database, "reset-password", "Bob", password="new secret")
    site.start()
    stranger = site.connect()
    assert stranger.refusal("login", username="Alice", password="111111") == "account_disabled"
    assert stranger.login("Bob", "new secret").username == "Bob"


def test_admin_command_creates_no_database(server: Server, tmp_path: Path) -> None:
    nowhere = tmp_path / "nowhere"
    assert "there is no database at" in error_line(server, "--data", str(nowhere), "accounts")
    assert not nowhere.exists()


def test_database_in_use_is_refused(site: Server, tmp_path: Path) -> None:
    url = site.arguments or ("--database", f"sqlite:///{site.data / 'chatroom.sqlite'}")
    line = error_line(site, "--data", str(tmp_path / "elsewhere"), *url, "accounts")
    assert "another chat-server uses" in line or "a chat-server uses" in line


def test_admin_command_works_after_a_kill(server: Server) -> None:
    server.user("Alice")
    server.kill()
    assert admin_output(server, "accounts")[1].startswith("Alice")
    server.start()
    assert admin_output(server, "accounts")[1].startswith("Alice")


def test_room_of_a_disabled_owner_is_transferred(site: Server) -> None:
    _, bob = into_room(site, "Alice", "Bob")
    admin_output(site, "disable", "Alice")
    assert error_line(site, "transfer-room", ROOM, "Alice").endswith("Alice is disabled")
    assert error_line(site, "transfer-room", ROOM, "Nobody").startswith("chat-server: ")
    assert admin_output(site, "transfer-room", ROOM, "Bob") == ["#thuhole belongs to Bob now"]
    assert bob.message(kind="transfer")["text"] == "Bob"
    while bob.event("room")["room"]["owner"] != "Bob":
        pass
    bob.request("set_topic", room=ROOM, topic="mine now")
    assert error_line(site, "transfer-room", ROOM, "Bob").endswith("Bob owns #thuhole already")
    site.stop()
    admin_output(site, *site.arguments, "enable", "Alice")
    transferred = admin_output(site, *site.arguments, "transfer-room", ROOM, "Alice")
    assert transferred == ["#thuhole belongs to Alice now"]


def test_all_rooms_of_an_account_are_deleted(server: Server) -> None:
    spammer, bob = server.user("Spammer"), server.user("Bob")
    for number in range(5):
        spammer.request("create_room", room=f"#spam{number}", capacity=9)
    bob.request("create_room", room="#lab", capacity=9)
    bob.request("enter_room", room="#spam1", nickname="BOB")
    assert admin_output(server, "delete-rooms-of", "Spammer")[-1] == "rooms deleted: 5"
    assert bob.event("removed", room="#spam1")["reason"] == "close"
    assert [room["room"] for room in bob.request("list_rooms")["rooms"]] == ["#lab"]
    assert admin_output(server, "delete-rooms-of", "Spammer") == ["rooms deleted: 0"]


def test_admin_reaches_a_server_in_a_deep_folder(tmp_path: Path) -> None:
    data = tmp_path.joinpath(*["a-folder-with-a-long-name"] * 8) / "data"
    data.parent.mkdir(parents=True)
    with running(data) as server:
        server.user("Alice")
        assert "Alice" in admin_output(server, "accounts")[1]
        assert error_line(server, "delete-room", "#nowhere")
    assert "Alice" in admin_output(server, "accounts")[1]
