"""Every command with odd arguments from a pipe gives an error line, and the next line is handled."""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from chatroom.client.commands.table import COMMANDS
from tests.conftest import Open
from tests.support.processes import PATIENCE, ROOT, Server

ODD = [
    b"~nosuchuser/x",
    b"x\0y/z",
    b"caf\xe9",
    b"\xc4\xe3\xba\xc3",
    b"9" * 5000,
    b"-1",
    b"x" * 70_000,
    b"0001-01-01",
    b"9999-12-31 23:59",
    b"/" * 300,
    b"/proc/1/fd/" + b"y" * 300,
    b"--since 0001-01-01 --in x",
    b"#",
    b"@",
    b"{x} %s \xe2\x80\xae",
    b"lab " * 3,
]


def odd_lines() -> Iterator[bytes]:
    yield from ODD
    for command in COMMANDS:
        for odd in ODD:
            yield b"/%s %s" % (command.name.encode(), odd)


@pytest.mark.parametrize("mode", ["--plain", "--json"])
def test_every_line_of_a_pipe_is_handled(server: Server, tmp_path: Path, mode: str) -> None:
    server.user("Alice").request("create_room", room="#lab", capacity=5)
    last = [b"/join lab", b"still here"] if mode == "--plain" else [b"/join lab", b"/me still here"]
    work = tmp_path / "a" / "b"
    work.mkdir(parents=True)
    client = subprocess.run(
        [sys.executable, "-m", "chatroom.client", mode, "--lang", "en", f"Alice@127.0.0.1:{server.port}/lab"],
        input=b"\n".join([*odd_lines(), *last]),
        capture_output=True,
        cwd=work,
        env=os.environ | {"HOME": str(tmp_path), "CHAT_PASSWORD": "111111", "PYTHONPATH": str(ROOT)},
        timeout=4 * PATIENCE,
    )
    assert client.returncode == 1
    assert b"Traceback" not in client.stdout + client.stderr
    assert b"inside chat-client" not in client.stdout + client.stderr
    messages = server.connect().login("Alice").request("history", conversation="#lab")["messages"]
    assert "still here" in [message["text"] for message in messages]


TYPED = [b"~nosuchuser/x", b"caf\xe9 \x00 {x} %s", b"9" * 300]


def test_every_line_of_a_full_screen_is_handled(server: Server, terminal: Open) -> None:
    """A question that a command asks is dismissed. No command ends the input."""
    server.user("Alice").request("create_room", room="#lab", capacity=5)
    alice = terminal(f"Alice@127.0.0.1:{server.port}/lab", "--lang", "en", user="Alice")
    alice.wait_for("Password").enter("111111").wait_for("You joined #lab")
    for command in COMMANDS:
        if command.name not in ("quit", "logout"):
            for odd in TYPED:
                alice.type_bytes(b"/%s %s\r" % (command.name.encode(), odd)).press("Ctrl-U")
            alice.press("Esc").type("\x15")
            alice.wait_until_quiet()
    watcher = server.connect().login("Alice")
    alice.press("Ctrl-C").enter("/nick Alice").wait_gone("you: ")
    alice.enter("/join lab").enter("still here").wait_for("Alice:still here")
    assert b"Traceback" not in alice.output
    log = alice.home / ".local" / "state" / "chatroom" / "client.log"
    assert not log.exists(), log.read_text()
    watcher.message(text="still here")
