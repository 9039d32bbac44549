"""Failures in real terminals: the server dies, the window shrinks, a message has control characters."""

import os
import re
import signal
import sys
from pathlib import Path

import pytest

from tests.conftest import Open, Serve
from tests.e2e.terminal_user import TerminalUser
from tests.support.processes import Server
from tests.support.terminal import Terminal

ROOM = "#thuhole"
FOCUS_IN, FOCUS_OUT = "\x1b[I", "\x1b[O"


@pytest.fixture
def pair(serve: Serve, terminal: Open) -> tuple[Server, TerminalUser, TerminalUser]:
    """A server with Alice and Bob in one room."""
    server = serve(settings=("limits.linger=600",))
    server.user("Host").request("create_room", room=ROOM, capacity=5)
    people = [TerminalUser(terminal, server, username).register() for username in ("Alice", "Bob")]
    for person in people:
        person.says(f"/join thuhole {person.username.upper()}").is_told("已进入聊天室")
    return server, people[0], people[1]


def test_message_written_during_outage_arrives_once(pair: tuple[Server, TerminalUser, TerminalUser]) -> None:
    server, alice, bob = pair
    alice.says("before").sees("ALICE:before")
    server.kill()
    alice.sees("连接已断开")
    for text in ("while away", "还在吗", "the last"):
        alice.says(text).sees(f"ALICE:{text}")
    server.start()
    bob.sees("ALICE:before", "ALICE:while away", "ALICE:还在吗", "ALICE:the last")
    alice.terminal.wait_gone("发送中")
    stored = server.connect().login("Bob").request("history", conversation=ROOM)["messages"]
    texts = [message["text"] for message in stored if message["kind"] == "text"]
    assert texts == ["before", "while away", "还在吗", "the last"]


def test_message_to_stopped_server_arrives_once(pair: tuple[Server, TerminalUser, TerminalUser]) -> None:
    server, alice, bob = pair
    server.pause()
    alice.says("is anybody there?").sees("发送中")
    server.resume()
    bob.sees("ALICE:is anybody there?")
    alice.terminal.wait_gone("发送中")


def test_message_of_killed_client_is_sent_by_next_client(
    pair: tuple[Server, TerminalUser, TerminalUser], terminal: Open
) -> None:
    """The client is killed with a message in its outbox; the next client of the account sends it."""
    server, alice, bob = pair
    server.kill()
    alice.says("my last words").sees("发送中")
    alice.terminal.end(signal.SIGKILL).wait_exit()
    server.start()
    again = TerminalUser(terminal, server, "Alice").log_in_again()
    bob.sees("ALICE:my last words")
    again.says("/switch thuhole").sees("ALICE:my last words")


def test_member_kicked_during_outage_does_not_reenter(
    pair: tuple[Server, TerminalUser, TerminalUser],
) -> None:
    """The pending message is not sent."""
    server, alice, _ = pair
    server.kill()
    alice.says("for members only").sees("发送中")
    alice.terminal.end(signal.SIGSTOP)
    server.start()
    owner = server.connect().login("Host")
    owner.request("kick", room=ROOM, username="Alice")
    alice.terminal.end(signal.SIGCONT)
    alice.sees(f"你已不是 {ROOM} 的成员", "for members only")
    bob = server.connect().login("Bob")
    members = bob.request("list_members", room=ROOM)["members"]
    assert [member["username"] for member in members] == ["Bob"]
    stored = bob.request("history", conversation=ROOM)["messages"]
    assert [message["text"] for message in stored if message["kind"] == "text"] == []
    alice.says("/rooms").says("/quit")
    assert alice.terminal.wait_exit() == 0


@pytest.mark.parametrize("ending", ["/quit", signal.SIGTERM, signal.SIGHUP])
def test_terminal_is_restored_at_exit(
    pair: tuple[Server, TerminalUser, TerminalUser], ending: str | signal.Signals
) -> None:
    _, alice, _ = pair
    assert not alice.terminal.cooked
    if isinstance(ending, str):
        alice.says(ending)
    else:
        alice.terminal.end(ending)
    alice.terminal.wait_exit()
    is_whole(alice.terminal)


def test_terminal_is_restored_after_server_is_killed(pair: tuple[Server, TerminalUser, TerminalUser]) -> None:
    server, alice, _ = pair
    server.kill()
    alice.says("my last words").sees("发送中").says("/quit")
    assert alice.terminal.wait_exit() == 0
    is_whole(alice.terminal)


def is_whole(terminal: Terminal) -> None:
    """The previous screen is back, bracketed paste is off, the cursor is visible, and the echo is on."""
    for on, off in ((b"[?2004h", b"[?2004l"), (b"[?25l", b"[?25h")):
        assert terminal.output.rfind(b"\x1b" + off) > terminal.output.rfind(b"\x1b" + on)
    assert is_left(terminal)
    assert terminal.cooked


def is_left(terminal: Terminal) -> bool:
    """Whether the previous screen is back, and the terminal reports no focus."""
    return all(
        terminal.output.rfind(b"\x1b[?%dl" % mode) > terminal.output.rfind(b"\x1b[?%dh" % mode)
        for mode in (1049, 1004)
    )


def test_window_of_any_size_works(pair: tuple[Server, TerminalUser, TerminalUser]) -> None:
    _, alice, bob = pair
    for columns, lines in ((80, 24), (40, 10), (10, 3), (1, 1), (200, 60), (120, 30)):
        alice.terminal.resize(columns, lines)
        bob.says(f"{columns} by {lines}").sees(f"BOB:{columns} by {lines}")
    alice.sees("BOB:1 by 1", "BOB:120 by 30")


def test_mistyped_command_is_not_sent(pair: tuple[Server, TerminalUser, TerminalUser]) -> None:
    server, alice, bob = pair
    alice.says("/jion thuhole").is_told("未知命令 /jion")
    alice.terminal.press("Ctrl-U")  # an unknown command stays in the input, to be corrected
    alice.says("//jion is no command").sees("ALICE:/jion is no command")
    bob.sees("ALICE:/jion is no command")
    alice.says("111111").sees("含有你的密码")
    stored = server.connect().login("Bob").request("history", conversation=ROOM)["messages"]
    assert [message["text"] for message in stored if message["text"]] == ["/jion is no command"]


def test_paste_of_many_lines_asks_first(pair: tuple[Server, TerminalUser, TerminalUser]) -> None:
    _, alice, bob = pair
    alice.terminal.paste("\n".join(f"line {number}" for number in range(12))).wait_for("已粘贴 12 行")
    alice.terminal.press("Enter").wait_gone("已粘贴")
    bob.sees("ALICE:line 0", "line 11")


HOSTILE = (
    "\x1b]0;owned\x07",  # a title
    "\x1b]52;c;b3duZWQ=\x07",  # the clipboard
    "\x1b]8;;http://evil.example\x1b\\here\x1b]8;;\x1b\\",  # a link that is another
    "\x1b]777;notify;owned;now\x1b\\",
    "\x1bPtmux;\x1b\x1b]0;owned\x07\x1b\\",  # through tmux
    "\x1b[2J\x1b[H\x1b[31mowned",
    "\x1b[6n\x1b[c\x1b[?1049l\x1b[?2004l",  # questions that the terminal would answer as if typed; modes
    "\x1bc\x1b#8\x1b(0",
    "\x9b2J\x9d0;owned\x9c\x90q\x85owned",  # the same in one character each
    "\x07\x08\x08\x0b\x0c\x0e\x0f\x7f\r",
    "one\u2028two\u2029three\u0085four",
    "\u202eevil\u202c \u2066evil\u2069 \u200f\u061c",
    "in\u200bvis\u2060ible\ufeff \U000e0041\U000e0042",
    "z" + "\u0301" * 200,
)
UNSAFE = re.compile(
    "[\x80-\x9f\u061c\u200b\u200f\u2028-\u202e\u2060-\u2069\ufeff\U000e0000-\U000e007f]|\u0301{9}"
)


OSC = re.compile("\x1b\\][^\x07\x1b]*")
OWN_OSC = re.compile("\x1b\\](?:[02];[^;]*#?thuhole[^;]*|8;[^;]*;(?:http://evil\\.example)?)")
"""The title of the window, and a link whose text is its own target."""


def test_control_characters_in_message_are_escaped(pair: tuple[Server, TerminalUser, TerminalUser]) -> None:
    server, alice, _ = pair
    bob = server.connect().login("Bob")
    alice.terminal.output = b""
    for number, text in enumerate(HOSTILE):
        bob.request("send", to=ROOM, text=f"{text} number {number}")
        alice.sees(f"number {number}")
    written = alice.terminal.output.decode()
    assert UNSAFE.search(written) is None
    assert {sequence for sequence in OSC.findall(written) if not OWN_OSC.fullmatch(sequence)} == set()
    for sequence in ("\x1bP", "\x1bc", "\x1b#", "\x1b(0", "\x1b[6n", "\x1b[c", "\x1b[?1049l", "\x1b[?2004l"):
        assert sequence not in written


def test_damaged_configuration_is_reported_on_screen(serve: Serve, terminal: Open, tmp_path: Path) -> None:
    server = serve()
    server.user("Host").request("create_room", room=ROOM, capacity=5)
    settings = tmp_path / "home-Alice" / ".config" / "chatroom" / "client.json"
    settings.parent.mkdir(parents=True)
    settings.write_bytes(b"\x00" * 100)
    alice = TerminalUser(terminal, server, "Alice").register()
    alice.sees("client.json.damaged-", "Esc ─╯").says("/join thuhole").is_told("已进入聊天室")
    assert '"username": "Alice"' in settings.read_text()


def test_dumb_terminal_suggests_plain(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "chatroom.client"]
    terminal = Terminal(command, tmp_path, 80, 24, {"TERM": "dumb"})
    terminal.wait_for("use chat-client --pl")
    assert terminal.wait_exit() == 1
    assert b"\x1b" not in terminal.output


def test_conversation_rings_when_it_is_out_of_sight(pair: tuple[Server, TerminalUser, TerminalUser]) -> None:
    """The terminal has lost the focus, or the view is scrolled up."""
    server, alice, _ = pair
    bob = server.connect().login("Bob")
    assert b"\x1b[?1004h" in alice.terminal.output
    alice.terminal.output = b""
    bob.request("send", to=ROOM, text="ALICE: in sight")
    alice.sees("ALICE: in sight")
    assert b"\a" not in alice.terminal.output
    alice.terminal.type(FOCUS_OUT)
    bob.request("send", to=ROOM, text="ALICE: without focus")
    alice.terminal.wait_until(lambda: b"\a" in alice.terminal.output, "for the bell")
    alice.terminal.type(FOCUS_IN)
    alice.sees("以下为新消息")
    for number in range(60):
        bob.request("send", to=ROOM, text=f"line {number}")
    alice.sees("line 59")
    alice.terminal.press("PageUp").wait_gone("line 59")
    alice.terminal.output = b""
    bob.request("send", to=ROOM, text="ALICE: further down")
    alice.terminal.wait_until(lambda: b"\a" in alice.terminal.output, "for the bell")
    alice.says("/quit").terminal.wait_exit()
    is_whole(alice.terminal)


def test_stop_signal_restores_the_terminal_and_fg_shows_the_screen(serve: Serve, tmp_path: Path) -> None:
    server = serve()
    server.user("Alice")
    shell = Terminal(["bash", "--norc", "--noprofile", "-i"], tmp_path, environment={"PS1": "shell$ "})
    client = f"{sys.executable} -m chatroom.client Alice@127.0.0.1:{server.port} --lang en"
    shell.enter(client).wait_for("Password").enter("111111").wait_for("Logged in as Alice")
    for stop in ("TSTP", "STOP"):
        shell.press("Esc").wait_gone("Esc ─╯")
        os.killpg(shell.foreground_group, signal.Signals[f"SIG{stop}"])
        shell.wait_for("Stopped")
        if stop == "TSTP":
            shell.wait_until(lambda: is_left(shell), "for the screen to be left")
        shell.enter("echo $((6 * 7)) back").wait_for("42 back")
        shell.enter("fg").wait_gone("42 back").wait_for("F1 help", "> Type a message")
        shell.enter(f"/nothing{stop}").wait_for("Unknown command")
        assert not shell.cooked
        shell.press("Ctrl-C").wait_for("> Type a message")
    shell.press("Ctrl-Z").wait_for("Stopped").enter("fg").wait_gone("Stopped").wait_for("F1 help")
    shell.enter("/quit").wait_until(lambda: is_left(shell), "for the screen to be left")
