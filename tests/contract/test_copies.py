"""``chat-server backup``, ``restore`` and ``move`` as an operator runs them, while a server runs."""

import os
import resource
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from tests.conftest import Serve
from tests.support.processes import PATIENCE, QUICK, ROOT, Json, Server, Wire

FILE_SIZE_LIMIT = 64 << 10
"""Bytes at which a simulated disk is full."""


def run_command(*arguments: str, full_disk: bool = False) -> subprocess.CompletedProcess[str]:
    def limit_files() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (FILE_SIZE_LIMIT, FILE_SIZE_LIMIT))

    return subprocess.run(
        [sys.executable, "-m", "chatroom.server", *arguments],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        preexec_fn=limit_files if full_disk else None,
    )


def copy_database(*arguments: str) -> str:
    """Run a command that must succeed, and return what it printed."""
    finished = run_command(*arguments)
    assert finished.returncode == 0, finished.stderr
    return finished.stdout


def refusal_line(*arguments: str, full_disk: bool = False) -> str:
    finished = run_command(*arguments, full_disk=full_disk)
    assert (finished.returncode, finished.stdout) == (1, "")
    (line,) = finished.stderr.splitlines()
    assert line.startswith("chat-server: ")
    return line


class SteadySender(threading.Thread):
    """Sends messages one by one until it is stopped, and records the acknowledgements."""

    def __init__(self, wire: Wire, room: str) -> None:
        super().__init__()
        self._wire = wire
        self._room = room
        self._stopped = threading.Event()
        self.enough = threading.Event()
        self.acks: list[Json] = []

    def run(self) -> None:
        while not self._stopped.is_set():
            text = f"message {len(self.acks)}"
            self.acks.append(self._wire.request("send", to=self._room, text=text, cid=f"c{len(self.acks)}"))
            if len(self.acks) == 50:
                self.enough.set()

    def stop(self) -> None:
        self._stopped.set()
        self.join(PATIENCE)


def whole_history(wire: Wire, room: str) -> list[Json]:
    messages: list[Json] = []
    more = True
    while more:
        page = wire.request("history", conversation=room, after=messages[-1]["seq"] if messages else 0)
        messages += page["messages"]
        more = page["more"]
    return messages


def test_backup_is_one_moment_while_messages_arrive(serve: Serve, database_url: str, tmp_path: Path) -> None:
    server = serve("--database", database_url)
    alice = server.user("Alice")
    alice.request("create_room", room="#lab", capacity=5)
    alice.request("enter_room", room="#lab", nickname="ALICE")
    sender = SteadySender(alice, "#lab")
    sender.start()
    assert sender.enough.wait(PATIENCE)
    acknowledged = len(sender.acks)
    copy_database("backup", str(tmp_path / "backup"), "--database", database_url)
    sender.stop()
    server.stop()

    data = tmp_path / "restored"
    copy_database("restore", str(tmp_path / "backup"), "--data", str(data))
    restored = Server(data, settings=QUICK).start()
    try:
        user = restored.connect().login("Alice")
        messages = whole_history(user, "#lab")
        assert [message["seq"] for message in messages] == list(range(1, len(messages) + 1))
        (room,) = user.session["rooms"]
        assert room["head"] == messages[-1]["seq"]
        texts = {message["cid"]: message for message in messages if message["kind"] == "text"}
        assert len(texts) >= acknowledged
        for ack in sender.acks[: len(texts)]:
            assert (texts[ack["cid"]]["seq"], texts[ack["cid"]]["time"]) == (ack["seq"], ack["time"])
        user.request("enter_room", room="#lab", nickname="ALICE")
        again = user.request("send", to="#lab", text="message 0", cid="c0")
        assert (again["seq"], again["duplicate"]) == (sender.acks[0]["seq"], True)
    finally:
        restored.close()


def test_copies_print_the_same_checksum(serve: Serve, tmp_path: Path) -> None:
    server = serve()
    server.user("Alice")
    server.stop()
    source, target = server.data / "chatroom.sqlite", tmp_path / "copy.sqlite"
    moved = copy_database("move", f"sqlite:///{source}", f"sqlite:///{target}")
    written = copy_database("backup", str(tmp_path / "backup"), "--database", f"sqlite:///{target}")
    assert moved.partition("checksum ")[2] == written.partition("checksum ")[2]
    assert "1 accounts, 0 rooms, 0 messages" in moved


@pytest.mark.parametrize("command", ["backup", "restore", "move"])
def test_full_disk_is_one_line_and_nothing_changes(serve: Serve, tmp_path: Path, command: str) -> None:
    server = serve(settings=("limits.text=100000", "limits.line=200000"))
    alice = server.user("Alice")
    alice.request("create_room", room="#lab", capacity=5)
    alice.request("enter_room", room="#lab", nickname="ALICE")
    for _ in range(3):
        alice.request("send", to="#lab", text=os.urandom(45_000).hex())
    source, backup = f"sqlite:///{server.data / 'chatroom.sqlite'}", str(tmp_path / "backup")
    target = tmp_path / "target" / "new.sqlite"
    arguments = {
        "backup": [backup, "--database", source],
        "restore": [backup, "--database", f"sqlite:///{target}"],
        "move": [source, f"sqlite:///{target}"],
    }[command]
    if command == "restore":
        copy_database("backup", backup, "--database", source)
    server.stop()
    refusal_line(command, *arguments, full_disk=True)
    assert Path(backup).exists() == (command == "restore")
    assert not target.exists()
    assert not list(tmp_path.glob("**/*.restoring*")) + list(tmp_path.glob("**/*.part"))
    copy_database(command, *arguments)


def test_wrong_arguments_are_one_line(tmp_path: Path) -> None:
    new = f"sqlite:///{tmp_path / 'new.sqlite'}"
    assert "No such file" in refusal_line("restore", str(tmp_path / "none"), "--database", new)
    assert "no database" in refusal_line("backup", str(tmp_path / "backup"), "--database", new)
    assert "not a supported database" in refusal_line("move", "postgresql://host/chat", new)
    assert not list(tmp_path.iterdir())
