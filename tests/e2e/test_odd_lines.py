"""Every command with odd arguments from a pipe gives an error line, and the next line is handled."""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from chatroom.client.commands.table import COMMANDS
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
    b"/proc/1/root/" + b"y" * 300,
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
