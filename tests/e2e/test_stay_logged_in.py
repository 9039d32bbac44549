"""Staying logged in and profiles, in real terminals."""

import signal
import sys
from pathlib import Path

from tests.conftest import Open, Serve
from tests.support.terminal import Terminal

PASSWORD = "s3cret-word"


def client_file(home: Path, name: str) -> Path:
    [path] = home.rglob(name)
    return path


def test_client_stays_logged_in_until_logout(serve: Serve, terminal: Open) -> None:
    server = serve()
    server.connect().register("Alice", PASSWORD)
    address = f"Alice@127.0.0.1:{server.port}"
    screen = terminal(address, "--lang", "en", user="Alice").wait_for("[ ] Stay logged in")
    screen.press("F3").wait_for("[x] Stay logged in").enter(PASSWORD).wait_for("Account: Alice")
    screen.enter("/quit")
    assert screen.wait_exit() == 0
    logins = client_file(screen.home, "logins.json")
    assert logins.stat().st_mode & 0o777 == 0o600
    first = logins.read_text()

    screen = terminal("--lang", "en", user="Alice").wait_for("Account: Alice")
    assert logins.read_text() != first  # the token is a new one
    screen.enter("/quit")
    assert screen.wait_exit() == 0

    screen = terminal("--plain", "--lang", "en", user="Alice").wait_for("Logged in as Alice")
    screen.enter("/logout").wait_for("Logged out")
    assert screen.wait_exit() == 0
    assert logins.read_text() == "{}\n"
    terminal("--lang", "en", user="Alice").wait_for("[x] Stay logged in", "F2: create an account")


def test_killed_client_stays_logged_in(serve: Serve, terminal: Open) -> None:
    server = serve()
    server.connect().register("Alice", PASSWORD)
    screen = terminal(f"Alice@127.0.0.1:{server.port}", "--lang", "en", user="Alice")
    screen.wait_for("[ ] Stay logged in").enter(PASSWORD).wait_for("Account: Alice")
    screen.enter("/set stay_logged_in on").wait_for("stay_logged_in = on")
    for _ in range(2):
        assert screen.end(signal.SIGKILL).wait_exit() == -signal.SIGKILL
        screen = terminal("--lang", "en", user="Alice").wait_for("Account: Alice")


def test_profiles_have_their_own_account_and_server(serve: Serve, tmp_path: Path) -> None:
    server = serve()
    for username in ("Alice", "Bob"):
        server.connect().register(username, PASSWORD)
    for arguments, username in (
        ([f"Alice@127.0.0.1:{server.port}"], "Alice"),
        (["@work", f"Bob@127.0.0.1:{server.port}"], "Bob"),
        ([], "Alice"),
        (["@work"], "Bob"),
    ):
        command = [sys.executable, "-m", "chatroom.client", *arguments, "--lang", "en"]
        screen = Terminal(command, tmp_path, environment={"CHAT_PASSWORD": PASSWORD})
        try:
            screen.wait_for(f"Account: {username}").enter("/quit")
            assert screen.wait_exit() == 0
            assert PASSWORD.encode() not in screen.output
        finally:
            screen.close()
    assert (tmp_path / ".config" / "chatroom" / "profiles" / "work" / "client.json").exists()
