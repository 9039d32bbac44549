"""A line belongs to the conversation in which Enter was pressed, and is stored at once."""

import re
import signal
import time

import pytest

from tests.conftest import Open, Serve
from tests.e2e.terminal_user import TerminalUser
from tests.support.processes import PATIENCE, Server

ROOM = "#lab"


@pytest.fixture
def pair(serve: Serve, terminal: Open) -> tuple[Server, TerminalUser]:
    """A server, and Alice in a room and in a private chat with Bob."""
    server = serve(settings=("limits.linger=600",))
    server.user("Bob").request("create_room", room=ROOM, capacity=5)
    alice = TerminalUser(terminal, server, "Alice").register()
    alice.says("/join lab").is_told("已进入聊天室")
    alice.says("/friend Bob").is_told("Bob")
    alice.says("/query Bob").is_told("Bob")
    return server, alice


def texts(server: Server, conversation: str, last: str) -> list[str]:
    """The stored texts of a conversation, as soon as the last one is there."""
    wire = server.connect().login("Alice")
    end = time.monotonic() + PATIENCE
    while True:
        messages = wire.request("history", conversation=conversation)["messages"]
        stored = [message["text"] for message in messages if message["kind"] in ("text", "action")]
        if last in stored or time.monotonic() > end:
            return stored


def test_line_behind_a_waiting_command_stays_in_its_private_chat(pair: tuple[Server, TerminalUser]) -> None:
    server, alice = pair
    server.pause()
    alice.says("/whois Bob").says("my PIN is 4711").sees("Alice:my PIN is 4711", "发送中")
    alice.says("/me waves").sees("* Alice waves")
    alice.terminal.press("Alt-1").wait_gone("my PIN is 4711")
    alice.says("for the lab").sees("Alice:for the lab", "发送中")
    server.resume()
    alice.terminal.wait_gone("发送中")
    assert texts(server, "@Bob", last="waves") == ["my PIN is 4711", "waves"]
    assert texts(server, ROOM, last="for the lab") == ["for the lab"]


@pytest.mark.parametrize("ending", ["kill", "quit"])
def test_line_behind_a_waiting_command_survives_the_end_of_the_client(
    pair: tuple[Server, TerminalUser], terminal: Open, ending: str
) -> None:
    server, alice = pair
    server.pause()
    alice.says("/whois Bob").says("important").sees("Alice:important", "发送中")
    if ending == "kill":
        alice.terminal.end(signal.SIGKILL).wait_exit()
    else:
        alice.terminal.press("Ctrl-C", "Ctrl-C").wait_exit()
    server.resume()
    again = TerminalUser(terminal, server, "Alice").log_in_again()
    again.says("/switch Bob").sees("Alice:important")
    again.terminal.wait_gone("发送中")
    assert texts(server, "@Bob", last="important") == ["important"]


@pytest.mark.parametrize(
    ("line", "shown"),
    [
        (b"/save ~nosuchuser/x", "Esc ─╯"),
        (b"/save " + b"x" * 300, "Esc ─╯"),
        (b"/goto 0001-01-01", "Esc ─╯"),
        (b"caf\xe9", "Alice:caf\ufffd"),
    ],
)
def test_odd_line_affects_only_itself(pair: tuple[Server, TerminalUser], line: bytes, shown: str) -> None:
    server, alice = pair
    alice.terminal.type_bytes(line).press("Enter").wait_for(shown)
    alice.says("still here").sees("Alice:still here")
    alice.terminal.wait_gone("发送中")
    assert texts(server, "@Bob", last="still here")[-1] == "still here"


def test_bytes_of_another_encoding_become_replacement_characters(pair: tuple[Server, TerminalUser]) -> None:
    server, alice = pair
    alice.terminal.type_bytes(b"x\xc4\xe3\xba\xc3").press("Enter").wait_for("Alice:x")
    alice.says("next").sees("Alice:next")
    alice.terminal.wait_gone("发送中")
    first, second = texts(server, "@Bob", last="next")
    assert re.fullmatch("x\ufffd{3,4}", first)  # Python takes two of the bytes for one truncated character
    assert second == "next"


@pytest.mark.parametrize("key", ["Ctrl-O", "Alt-#"])
def test_readline_accept_keys_keep_draft(pair: tuple[Server, TerminalUser], key: str) -> None:
    _, alice = pair
    alice.terminal.type("a draft").wait_for("> a draft").press(key).type("!").wait_for("> a draft!")
