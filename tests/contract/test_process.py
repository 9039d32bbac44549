"""``chat-server`` as a program: output, exit codes, and data after a kill."""

import socket
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import Serve
from tests.support.processes import PATIENCE, ROOT, Server, Wire

ROOM = "#thuhole"


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    """Run ``chat-server`` to its end."""
    return subprocess.run(
        [sys.executable, "-m", "chatroom.server", *arguments],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=PATIENCE,
    )


def assert_one_clear_line(finished: subprocess.CompletedProcess[str]) -> None:
    assert finished.returncode > 0
    assert len(finished.stderr.strip().splitlines()) == 1, finished.stderr
    assert "Traceback" not in finished.stderr


def test_server_prints_its_address(server: Server) -> None:
    assert server.announcement == f"listening on 127.0.0.1:{server.port}"


@pytest.mark.parametrize(
    "arguments",
    [
        ["--wings"], ["--port", "high"], ["--port", "70000"],
        ["--set", "limits.rate"], ["--set", "no.such=1"], ["--set", "limits.rate=fast"],
        ["--config", "/nowhere.toml"], ["--tls-cert", "/nowhere.pem"],
        ["--database", "nonsense"], ["--database", "oracle://x/y"], ["--host", "256.256.256.256"],
        ["--database", "mysql://chat:secret@127.0.0.1:1/chatroom"],
    ],
)  # fmt: skip
def test_invalid_flag_is_reported_in_one_line(tmp_path: Path, arguments: list[str]) -> None:
    finished = run("--port", "0", "--data", str(tmp_path), *arguments)
    assert_one_clear_line(finished)
    assert "secret" not in finished.stderr


def test_port_in_use_is_reported_in_one_line(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        finished = run("--port", str(port), "--data", str(tmp_path))
    assert_one_clear_line(finished)
    assert str(port) in finished.stderr


def test_sqlite_file_in_use_is_reported_in_one_line(server: Server) -> None:
    assert_one_clear_line(run("--port", "0", "--data", str(server.data)))


def test_show_config_prints_values_and_sources(tmp_path: Path) -> None:
    file = tmp_path / "server.toml"
    file.write_text("[limits]\nburst = 7\n")
    shown = run("--config", str(file), "--set", "limits.rate=3", "--show-config").stdout
    for setting in (
        "limits.rate", "limits.burst", "limits.connections_per_address", "limits.new_connections_per_minute",
        "limits.login_timeout", "limits.password_attempts", "limits.linger", "limits.ping_interval",
        "limits.outbox_bytes", "limits.page", "password.bcrypt_cost",
    ):  # fmt: skip
        assert setting.rpartition(".")[2] in shown


def test_sigterm_sends_closing_and_exits_with_0(server: Server) -> None:
    alice, stranger = server.user("Alice"), server.connect()
    assert server.stop() == 0
    for wire in (alice, stranger):
        assert [(frame["type"], frame["code"]) for frame in wire.rest()] == [("closing", "going_away")]


def test_acknowledged_messages_survive_a_kill(serve: Serve) -> None:
    server = serve()
    alice = server.user("Alice")
    alice.request("create_room", room=ROOM, capacity=2)
    alice.request("enter_room", room=ROOM, nickname="ALICE")
    sent = [alice.request("send", to=ROOM, text=f"{n}", cid=f"c{n}") for n in range(20)]
    unanswered = [alice.start("send", to=ROOM, text=f"{n}", cid=f"c{n}") for n in range(20, 40)]
    server.kill()
    again = server.start().connect().login("Alice")
    for number, answer in enumerate(sent):
        resent = again.request("send", to=ROOM, text=f"{number}", cid=f"c{number}")
        assert resent == {**answer, "id": resent["id"], "duplicate": True}
    for number in range(20, 20 + len(unanswered)):
        again.request("send", to=ROOM, text=f"{number}", cid=f"c{number}")
    assert texts(again) == ["", *(str(number) for number in range(40))]


def test_accounts_and_rooms_survive_a_restart(serve: Serve) -> None:
    server = serve()
    alice, bob = server.user("Alice"), server.user("Bob")
    alice.request("create_room", room=ROOM, capacity=2)
    alice.request("enter_room", room=ROOM, nickname="ALICE")
    alice.request("add_friend", username="Bob")
    bob.request("send", to="@Alice", text="你好")
    server.restart()
    session = server.connect().request("resume", token=alice.token)
    assert [room["room"] for room in session["rooms"]] == [ROOM]
    assert [(friend["friend"], friend["unread"]) for friend in session["friends"]] == [("@Bob", 1)]


def texts(wire: Wire) -> list[str]:
    return [message["text"] for message in wire.request("history", conversation=ROOM)["messages"]]
