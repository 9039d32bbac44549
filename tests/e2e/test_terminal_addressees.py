"""Recipients of commands and confirmation of destructive ones, in a real terminal with a real server."""

import subprocess
import sys
from pathlib import Path

from tests.conftest import Open
from tests.support.processes import Server, Wire
from tests.support.terminal import Terminal


def open_client(terminal: Open, server: Server, *options: str) -> Terminal:
    """Alice, who has an account."""
    return terminal(f"Alice@127.0.0.1:{server.port}/lab", "--lang", "en", *options, user="Alice", columns=100)


def log_in(client: Terminal, *, full_screen: bool = True) -> Terminal:
    client.wait_for("Password").enter("111111")
    return client.wait_for("You joined #lab") if full_screen else client.wait_for("Logged in")


def put_away(client: Terminal) -> Terminal:
    """Close the box of an announcement."""
    return client.wait_for("Esc ─╯").press("Esc").wait_gone("Esc ─╯")


def make_room(server: Server) -> Wire:
    alice = server.user("Alice")
    alice.request("create_room", room="lab", capacity=9)
    alice.request("enter_room", room="lab", nickname="Alice")
    return alice


def test_completed_nickname_leads_to_its_account_and_a_reply_keeps_its_addressee(
    server: Server, terminal: Open
) -> None:
    alice = make_room(server)
    wang, carol = server.user("Wang"), server.user("Carol")
    for name in ("Wang", "Carol"):
        alice.request("add_friend", username=name)
    carol.request("enter_room", room="lab", nickname="Wang Fang")
    client = put_away(log_in(open_client(terminal, server)))
    client.wait_for("Wang Fang")
    client.enter("/msg Wang Fang for Fang").wait_for("Wang Fang could be @Wang, @Carol")
    put_away(client)
    client.type("/msg Wang").press("Tab").wait_for("Carol (Wang Fang)", "@Wang").press("Tab")
    client.wait_for("> /msg Carol").enter("for Fang")
    carol.message(conversation="@Alice", text="for Fang")

    client.press("Alt-0").wait_for("Rooms")
    wang.request("send", to="@Alice", text="which code?", cid="wang-1")
    client.wait_for("Wang").type("/r the code")
    client.wait_for("Private reply to Wang")
    carol.request("send", to="@Alice", text="hello", cid="carol-1")
    client.enter(" is 99")
    wang.message(conversation="@Alice", text="the code is 99")


def test_disband_asks_in_a_full_screen_and_in_plain(server: Server, terminal: Open) -> None:
    make_room(server)
    client = put_away(log_in(open_client(terminal, server)))
    client.enter("/disband lab").wait_for("Delete #lab and its whole history? This can't be undone. [y/N]")
    client.enter("n").wait_for("Cancelled")
    put_away(client)
    client.enter("still here").wait_for("Alice:still here")
    client.enter("/quit").wait_exit()

    plain = log_in(open_client(terminal, server, "--plain"), full_screen=False).wait_for("still here")
    plain.enter("/disband lab").wait_for("[y/N]").enter("").wait_for("Cancelled")
    plain.enter("/disband lab").wait_until(lambda: plain.text.count("[y/N]") == 2, "for the question")
    plain.enter("y").wait_for("Deleted #lab")


def test_disband_in_a_pipe_needs_yes(server: Server, tmp_path: Path) -> None:
    make_room(server)
    client = [sys.executable, "-m", "chatroom.client", "--plain", "--lang", "en"]
    environment = {"HOME": str(tmp_path), "CHAT_PASSWORD": "111111", "PATH": "/usr/bin:/bin"}

    def run(typed: str) -> tuple[int, str]:
        command = [*client, f"Alice@127.0.0.1:{server.port}/lab"]
        ended = subprocess.run(
            command, input=typed, capture_output=True, text=True, env=environment, check=False
        )
        return ended.returncode, ended.stderr

    code, errors = run("/disband lab\n")
    assert (code, "/disband #lab --yes" in errors) == (1, True)
    assert run("/disband lab --yes\n") == (0, "")
    code, errors = run("")
    assert (code, "#lab doesn't exist" in errors) == (1, True)


def test_resign_in_a_pipe_makes_no_error(server: Server, tmp_path: Path) -> None:
    bob = server.user("Bob")
    bob.request("create_room", room="lab", capacity=9)
    server.user("Alice")
    client = [
        sys.executable,
        "-m",
        "chatroom.client",
        "--plain",
        "--lang",
        "en",
        f"Alice@127.0.0.1:{server.port}/lab",
    ]
    environment = {"HOME": str(tmp_path), "CHAT_PASSWORD": "111111", "PATH": "/usr/bin:/bin"}
    ended = subprocess.run(
        client, input="/resign lab\n", capture_output=True, text=True, env=environment, check=False
    )
    assert (ended.returncode, ended.stderr) == (0, "")
