"""The command ``chat-server invite``."""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from chatroom.protocol import invitation
from chatroom.protocol.invitation import Invitation
from chatroom.server import __main__ as command
from chatroom.server.config.endpoint import ServerEndpoint
from chatroom.server.config.settings import ServerConfig
from chatroom.server.net.tls import prepare_tls
from tests.support.processes import PATIENCE, QUICK, ROOT, Server, running

Output = pytest.CaptureFixture[str]


def printed(output: Output) -> Invitation:
    """The invitation in what the command has printed."""
    return invitation.read_invitation(output.readouterr().out.removeprefix("chat-client "))


def test_endpoint_is_printed_in_one_line() -> None:
    assert str(ServerEndpoint("127.0.0.1", 7878)) == "listening on 127.0.0.1:7878"
    assert str(ServerEndpoint("::1", 99, "5f2c")) == "listening on [::1]:99 tls sha256:5f2c"


def test_endpoint_of_all_addresses_gets_a_reachable_host() -> None:
    assert ServerEndpoint("0.0.0.0", 7878).invitation().host not in ("", "0.0.0.0")


def test_invitation_holds_fingerprint_and_room(tmp_path: Path, capsys: Output) -> None:
    arguments = ["invite", "#lab", "--host", "chat.example.org", "--data", str(tmp_path)]
    assert command.run_command(arguments) == 0
    tls = prepare_tls(ServerConfig(host="chat.example.org", data=tmp_path))
    assert tls is not None
    assert printed(capsys) == Invitation("chat.example.org", 7878, tls.fingerprint, "lab")


def test_loopback_server_has_no_invitation(tmp_path: Path, capsys: Output) -> None:
    assert command.run_command(["invite", "--port", "99", "--data", str(tmp_path)]) == 0
    assert printed(capsys) == Invitation("127.0.0.1", 99)


@pytest.mark.parametrize("arguments", [["--port", "0"], ["--port", "x"], ["--set", "tls.mode=maybe"]])
def test_invalid_arguments_are_reported_in_one_line(
    tmp_path: Path, capsys: Output, arguments: list[str]
) -> None:
    assert command.run_command(["invite", *arguments, "--data", str(tmp_path)]) == 2
    output, errors = capsys.readouterr()
    assert output == ""
    assert errors.count("\n") == 1


@pytest.fixture
def encrypted(tmp_path: Path) -> Iterator[Server]:
    with running(tmp_path / "data", "--tls") as server:
        yield server


def plain(address: str, typed: str, home: Path) -> subprocess.CompletedProcess[str]:
    """Run a client of a new user with this input."""
    folders = {"XDG_CONFIG_HOME": str(home / "config"), "XDG_STATE_HOME": str(home / "state")}
    return subprocess.run(
        [sys.executable, "-m", "chatroom.client", "--plain", "--lang", "en", "--register", address],
        input=typed, text=True, capture_output=True, timeout=PATIENCE, cwd=ROOT,
        env=os.environ | folders | {"CHAT_PASSWORD": "111111"},
    )  # fmt: skip


def test_invitation_is_enough_to_join(encrypted: Server, tmp_path: Path) -> None:
    """From the line on the server's standard error to a message in the room."""
    [line] = [line for line in encrypted.log.splitlines() if line.startswith("join with: chat-client ")]
    shown = invitation.read_invitation(line.removeprefix("join with: chat-client "))
    assert shown.fingerprint in encrypted.announcement
    finished = plain(f"Alice@{shown}", "/create lab 5\n/join lab\nhello\n", tmp_path)
    assert (finished.returncode, finished.stderr) == (0, "")
    assert finished.stdout.rstrip().endswith("-- Alice:hello")
    known = (tmp_path / "config" / "chatroom" / "known_servers").read_text()
    assert known.startswith(f"127.0.0.1:{shown.port} sha256:{shown.fingerprint} key:")


def test_invitation_with_a_code_grants_access(tmp_path: Path, capsys: Output) -> None:
    """One invitation admits a new user to a server that requires one, and to a private room."""
    with running(tmp_path / "data", settings=(*QUICK, "accounts.registration=invited")) as server:
        where = ["--data", str(server.data), "--port", str(server.port)]
        [line] = [line for line in server.log.splitlines() if line.startswith("join with: chat-client ")]
        with server.connect() as alice:
            code = invitation.read_invitation(line.removeprefix("join with: chat-client ")).code
            alice.request("register", username="Alice", password="111111", invitation=code)
            alice.login("Alice").request("create_room", room="#lab", capacity=5, private=True)
        assert command.run_command(["invite", "lab", "--uses", "1", *where]) == 0
        finished = plain(f"Bob@{printed(capsys)}", "hello\n", tmp_path)
    assert (finished.returncode, finished.stderr) == (0, "")
    assert finished.stdout.rstrip().endswith("-- Bob:hello")


def test_invitation_to_unknown_room_is_refused(tmp_path: Path, capsys: Output) -> None:
    with running(tmp_path / "data") as server:
        alice = server.user("Alice")
        alice.request("create_room", room="#lab", capacity=5, private=True)
        where = ("--data", str(server.data), "--port", str(server.port))
        assert command.run_command(["invite", "LAB", *where]) == 0
        assert printed(capsys).room == "LAB"
        for stop in (lambda: None, server.stop):  # a stopped server's database is asked too
            stop()
            assert command.run_command(["invite", "ghost", *where]) == 1
            output, errors = capsys.readouterr()
            assert output == ""
            assert errors == "chat-server: no such room: #ghost\n"
