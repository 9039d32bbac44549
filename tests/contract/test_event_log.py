"""The log lines that ``docs/operating.md`` promises, from a running server."""

import json
import logging
import re
import time
from contextlib import suppress
from pathlib import Path

import pytest

from chatroom.server.config.log import JsonFormatter
from tests.conftest import Serve
from tests.support.processes import PATIENCE, ROOT, Server

ROOM = "#lab"
EVENT = re.compile(r"\S+ (DEBUG|INFO|WARNING) chatroom\.server\.events: (\w+ address=127\.0\.0\.1.*)")


def event_lines(server: Server) -> list[str]:
    return [match[2] for line in server.log.splitlines() if (match := EVENT.fullmatch(line))]


def wait_for_event(server: Server, line: str) -> None:
    """Wait until the log has this line; the server writes it shortly after the answer."""
    deadline = time.monotonic() + PATIENCE
    while line not in event_lines(server):
        assert time.monotonic() < deadline, f"no {line!r} in\n{server.log}"
        time.sleep(0.02)


def event(name: str, fields: str) -> str:
    return f"{name} address=127.0.0.1 {fields}".rstrip()


def test_logins_and_failed_logins_are_logged_with_address(server: Server) -> None:
    alice = server.user("Alice")
    token = alice.token
    alice.request("logout")
    stranger = server.connect()
    stranger.ask("login", username="Alice", password="wrong-1")
    stranger.ask("login", username="Ghost", password="wrong-1")
    stranger.ask("resume", token=token)
    stranger.ask("register", username="Alice", password="111111")
    stranger.login("Alice")
    stranger.request("change_password", password="111111", new_password="222222")
    server.connect().request("resume", token=stranger.token)
    for line in (
        event("registered", "account=Alice"),
        event("login", "account=Alice method=password"),
        event("logout", "account=Alice"),
        event("login_failed", "account=Alice method=password code=wrong_password"),
        event("login_failed", "account=Ghost method=password code=unknown_user"),
        event("login_failed", "method=token code=bad_token"),
        event("registration_failed", "account=Alice code=username_taken"),
        event("password_changed", "account=Alice"),
        event("login", "account=Alice method=token"),
    ):
        wait_for_event(server, line)
    assert not {"111111", "222222", "wrong-1", token} & set(re.findall(r"[\w-]+", server.log))


def test_typed_name_cannot_forge_a_field(server: Server) -> None:
    server.connect().ask("login", username="x address=192.0.2.1\ncode=wrong", password="111111")
    wait_for_event(
        server,
        event("login_failed", 'account="x address=192.0.2.1\\ncode=wrong" method=password code=bad_username'),
    )
    server.connect().ask("login", username="x" * 1000, password="111111")
    wait_for_event(server, event("login_failed", f'account="{"x" * 64}…" method=password code=bad_username'))


def test_changes_of_rooms_are_logged(server: Server) -> None:
    alice, bob, carol = (server.user(name) for name in ("Alice", "Bob", "Carol"))
    alice.request("create_room", room=ROOM, capacity=3)
    for user in (alice, bob, carol):
        user.request("enter_room", room=ROOM, nickname="nick")
    alice.request("kick", room=ROOM, username="Bob")
    alice.request("ban", room=ROOM, username="Bob")
    alice.request("transfer_room", room=ROOM, username="Carol")
    alice.request("resign_room", room=ROOM)
    carol.request("close_room", room=ROOM)
    for line in (
        event("room_created", "account=Alice room=#lab"),
        event("kicked", "account=Alice room=#lab username=Bob"),
        event("banned", "account=Alice room=#lab username=Bob"),
        event("room_transferred", "account=Alice room=#lab username=Carol"),
        event("room_deleted", "account=Carol room=#lab"),
    ):
        wait_for_event(server, line)


def test_reached_limits_are_logged(serve: Serve) -> None:
    server = serve(settings=("limits.rate=0.01", "limits.burst=1", "limits.line=1000"))
    alice = server.user("Alice")
    alice.request("create_room", room=ROOM, capacity=3)
    alice.request("enter_room", room=ROOM, nickname="nick")
    for number in range(30):
        alice.ask("send", to=ROOM, text=str(number))
    wait_for_event(server, event("limit_reached", "account=Alice request=send code=rate_limited"))
    assert sum("limit_reached" in line for line in event_lines(server)) == 20
    alice.send_bytes(b"x" * 2000)
    alice.rest()
    wait_for_event(server, event("connection_dropped", "account=Alice code=line_too_long"))


def test_refused_connection_is_logged(serve: Serve) -> None:
    server = serve(settings=("limits.connections_per_address=1",))
    server.connect()
    server.connect()
    wait_for_event(server, event("connection_refused", "code=too_many_connections"))


def test_slow_reader_is_logged(serve: Serve) -> None:
    server = serve(settings=("limits.outbox_bytes=1", "limits.outbox_stall=0.1"))
    alice = server.user("Alice")
    with suppress(OSError):
        while True:
            alice.start("history", conversation="x" * 30_000)
    wait_for_event(server, event("connection_dropped", "account=Alice code=slow_consumer"))


def test_connections_are_logged_at_debug(serve: Serve) -> None:
    server = serve("--log-level", "debug")
    alice = server.user("Alice")
    alice.ask("history", conversation="#nowhere")
    alice.close()
    for line in (
        event("connection_opened", ""),
        event("request_refused", "account=Alice request=history code=unknown_room"),
        event("connection_closed", "account=Alice"),
    ):
        wait_for_event(server, line)


@pytest.mark.parametrize("page", ["operating.md", "operating.zh-CN.md"])
def test_log_page_lists_every_event(page: str) -> None:
    text = Path(ROOT / "docs" / page).read_text()
    sources = "".join(
        (ROOT / "server" / module).read_text() for module in ("domain/session_log.py", "net/listener.py")
    )
    names = set(re.findall(r'"([a-z]+_[a-z_]+|login|logout|registered|kicked|banned|unbanned)"', sources))
    names -= {"chatroom_server"}
    assert len(names) > 15
    assert not [name for name in names if f"`{name}`" not in text]


def test_json_log_is_one_object_a_line_with_the_same_events(serve: Serve) -> None:
    server = serve("--log-format", "json")
    server.user("Alice")
    server.connect().ask("login", username="\x1b[2J\u202e\n", password="wrong-1")
    server.stop()
    entries = [json.loads(line) for line in server.log.splitlines()]
    assert "\x1b" not in server.log
    assert "\u202e" not in server.log
    assert entries[0].keys() == {"join_with"}
    assert len(entries) > 3
    assert {entry.keys() >= {"time", "level", "logger"} for entry in entries[1:]} == {True}
    events = [entry for entry in entries if "event" in entry]
    assert [(entry["event"], entry["level"], entry["address"]) for entry in events] == [
        ("registered", "INFO", "127.0.0.1"),
        ("login", "INFO", "127.0.0.1"),
        ("login_failed", "WARNING", "127.0.0.1"),
    ]
    assert events[-1]["account"] == "\x1b[2J\u202e\n"
    assert [entry["message"] for entry in entries if "message" in entry] == ["stopping"]


def test_traceback_is_part_of_its_json_line() -> None:
    formatter = JsonFormatter()
    try:
        raise ValueError("x\n\x1b[2J")
    except ValueError as error:
        record = logging.LogRecord("here", logging.ERROR, "", 0, "a %s", ("bug",), (type(error), error, None))
    line = formatter.format(record)
    assert line.isprintable()
    assert json.loads(line)["message"] == "a bug"
    assert json.loads(line)["exception"] == "ValueError: x\n\x1b[2J"
