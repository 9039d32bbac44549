"""Scripts get the requested part of the history, and each new message exactly once."""

import asyncio
import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import Open
from tests.support.processes import ROOT, Server, Wire, lines_within
from tests.unit.client.fake_server import FakeServer, Json, Peer, message, room
from tests.unit.client.line_client import Run, accept_login


@pytest.fixture
def bob(server: Server) -> Wire:
    """Bob in #lab, where he has sent three messages; Alice is a member and has read two of them."""
    alice, bob = server.user("Alice"), server.user("Bob")
    bob.request("create_room", room="#lab", capacity=5)
    for each in (alice, bob):
        each.request("enter_room", room="#lab", nickname=each.username)
    for text in ("one", "two", "three"):
        bob.request("send", to="#lab", text=text)
    alice.request("read", conversation="#lab", seq=4)
    alice.request("logout")
    alice.close()
    return bob


class Home:
    """A user's home, from which ``chat-client`` is run."""

    def __init__(self, folder: Path) -> None:
        self.environment = {
            **os.environ, "HOME": str(folder), "XDG_CONFIG_HOME": str(folder), "XDG_STATE_HOME": str(folder),
            "CHAT_PASSWORD": "111111", "LANGUAGE": "en", "PYTHONIOENCODING": "utf-8",
            "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
        }  # fmt: skip

    def run(self, server: Server, *flags: str, to: str = "/lab", typed: str = "") -> list[str]:
        """Run the client, which must exit with 0. Return the lines of its output."""
        command = [sys.executable, "-m", "chatroom.client", f"Alice@127.0.0.1:{server.port}{to}", *flags]
        done = subprocess.run(command, input=typed.encode(), capture_output=True, env=self.environment)
        assert (done.returncode, done.stderr.decode()) == (0, "")
        return done.stdout.decode().splitlines()


@pytest.fixture
def alice(tmp_path: Path) -> Home:
    return Home(tmp_path)


def parts(output: list[str]) -> tuple[list[str], list[str]]:
    """Return the texts (or kinds) of the messages before and after ``caught_up``."""
    frames = [json.loads(line) for line in output]
    border = [frame["type"] for frame in frames].index("caught_up")
    halves = [
        [frame["message"] for frame in half if frame["type"] == "message"] for half in _halves(frames, border)
    ]
    before, behind = ([message["text"] or message["kind"] for message in half] for half in halves)
    return before, behind


def _halves(frames: list[Json], at: int) -> tuple[list[Json], list[Json]]:
    return frames[:at], frames[at:]


def test_script_gets_no_message_older_than_its_start(server: Server, bob: Wire, alice: Home) -> None:
    assert parts(alice.run(server, "--json")) == ([], ["enter"])
    assert not [line for line in alice.run(server, "--plain") if "BOB" in line.upper()]


@pytest.mark.parametrize("flags", [("--plain",), ("--plain", "--quiet")])
def test_line_for_a_former_name_reaches_the_renamed_room(
    server: Server, bob: Wire, alice: Home, flags: tuple[str, ...]
) -> None:
    bob.request("set_room", room="#lab", name="physics")
    alice.run(server, *flags, typed="from cron\n")
    assert bob.message(text="from cron")["conversation"] == "#physics"


@pytest.mark.parametrize("count", [0, 2, 500])
def test_history_flag_delivers_that_many_old_messages(
    server: Server, bob: Wire, alice: Home, count: int
) -> None:
    for number in range(200):
        bob.request("send", to="#lab", text=str(number))
    before, behind = parts(alice.run(server, "--json", f"--history={count}"))
    stored = ["enter", "enter", "one", "two", "three", "leave", *map(str, range(200))]
    assert before == stored[len(stored) - min(count, len(stored)) :]
    assert behind == ["enter"]


def test_since_last_delivers_each_message_in_one_run_only(server: Server, bob: Wire, alice: Home) -> None:
    assert parts(alice.run(server, "--json", "--since=last", to=""))[0] == ["three", "leave"]
    assert parts(alice.run(server, "--json", "--since=last", to=""))[0] == []
    bob.request("send", to="#lab", text="four")
    assert [line[-8:] for line in alice.run(server, "--plain", "--since=last", to="") if "#lab" in line] == [
        "Bob:four"
    ]
    assert parts(alice.run(server, "--json", "--since=last", to=""))[0] == []


def test_script_without_old_messages_does_not_mark_them_as_read(
    server: Server, bob: Wire, alice: Home
) -> None:
    alice.run(server, "--plain", typed="done\n")
    assert parts(alice.run(server, "--json", "--since=last", to=""))[0][:1] == ["three"]


def test_since_date_delivers_messages_from_the_date_on(server: Server, bob: Wire, alice: Home) -> None:
    assert parts(alice.run(server, "--json", "--since=2000-01-01"))[0][2:5] == ["one", "two", "three"]
    assert parts(alice.run(server, "--json", "--since=2100-01-01"))[0] == []


def test_quiet_client_reads_and_writes_without_notices(server: Server, bob: Wire, alice: Home) -> None:
    raw = json.dumps({"type": "send", "id": 1, "to": "#lab", "text": "raw"})
    alice.run(server, "--plain", "--quiet", typed="done\n/me waves\n")
    alice.run(server, "--json", "--quiet", typed=raw + "\n")
    page = bob.request("history", conversation="#lab", after=6)["messages"]
    assert [(entry["kind"], entry["text"]) for entry in page] == [
        ("text", "done"), ("action", "waves"), ("text", "raw")]  # fmt: skip


def test_quiet_client_takes_no_seat(server: Server, bob: Wire, alice: Home) -> None:
    bob.request("create_room", room="#ops", capacity=5)
    command = [
        sys.executable,
        "-m",
        "chatroom.client",
        f"Alice@127.0.0.1:{server.port}/ops",
        "--plain",
        "--quiet",
    ]
    done = subprocess.run(command, input=b"done\n", capture_output=True, env=alice.environment)
    assert done.returncode == 1
    assert b"not a member of #ops" in done.stderr


def test_terminal_shows_a_marked_page_of_history(server: Server, bob: Wire, terminal: Open) -> None:
    plain = terminal(f"Alice@127.0.0.1:{server.port}/lab", "--plain", "--lang", "en", columns=100)
    plain.wait_for("Password").enter("111111").wait_for("new messages ---")
    text = plain.text
    assert (
        text.index("--- earlier messages in #lab ---")
        < text.index("Bob:three")
        < text.index("--- new messages ---")
    )
    plain.enter("/quit").wait_exit()


async def until(peer: Peer, type: str, stored: list[Json]) -> Json:
    """Return the next request of this type. Answer each ``history`` before it from the stored messages."""
    while (asked := await peer.next_request({"history", type}))["type"] == "history":
        after, before = asked.get("after", 0), asked.get("before", len(stored) + 1)
        page = stored[after : before - 1][: asked.get("limit", 100)]
        peer.answer(asked, "history", messages=page, more=False)
    return asked


async def test_missed_messages_are_delivered_once_after_reconnect(fake: FakeServer, client: Run) -> None:
    stored = [message(number) for number in range(1, 9)]
    async with fake:
        typed = "/switch lab\n/me hi\n"
        running = asyncio.create_task(client("--json", f"Alice@{fake.address}").run(typed))
        peer = await accept_login(fake, rooms=[room(head=1)])
        peer.send(type="message", message=stored[1])
        await until(peer, "send", stored[:2])
        peer.abort()
        peer = await fake.accept_and_welcome()
        outside = room(head=8, entered=False)
        resumed = {"username": "Alice", "token": "u", "rooms": [outside], "friends": []}
        peer.answer(await peer.expect("resume", token="t"), "session", **resumed)
        entering = await until(peer, "enter_room", stored)
        stored.append(message(9, kind="enter", username="Alice"))
        peer.answer(entering, "entered", room=room(head=9), members=["Alice"], messages=stored[6:])
        sent = await until(peer, "send", stored)
        stored.append(message(10, "hi", kind="action", username="Alice", cid=sent["cid"]))
        peer.send(type="message", message=stored[9])
        peer.answer(sent, "sent", cid=sent["cid"], seq=10, time=stored[9]["time"], duplicate=False)
        peer.answer(await until(peer, "logout", stored), "ok")
        _, output, _ = await running
    seqs = [
        frame["message"]["seq"]
        for frame in map(json.loads, output.splitlines())
        if frame["type"] == "message"
    ]
    assert seqs == [2, 3, 4, 5, 6, 7, 8, 9, 10]


@pytest.mark.parametrize("page", ["README.md", "README.zh-CN.md"])
def test_echo_bot_of_readme_answers_new_messages_only(
    server: Server, bob: Wire, alice: Home, tmp_path: Path, page: str
) -> None:
    code = re.search(r"```python\n(.*?)```", (ROOT / page).read_text(encoding="utf-8"), re.DOTALL)
    assert code
    (tmp_path / "echo.py").write_text(code[1])
    bob.request("send", to="#lab", text="!echo old")
    for number in range(2):
        with subprocess.Popen(
            [sys.executable, tmp_path / "echo.py", f"Alice@127.0.0.1:{server.port}/lab"],
            stdout=subprocess.PIPE, env=alice.environment,
        ) as bot:  # fmt: skip
            assert bot.stdout
            assert next(lines_within(bot.stdout.fileno(), 60)) == "listening"
            bob.request("send", to="#lab", text=f"!echo hello {number}")
            assert bob.message(username="Alice", kind="text")["text"] == f"hello {number}"
            bot.terminate()
