"""A notification reaches the terminal through tmux: outer terminal → tmux → client."""

import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.processes import Server, Wire
from tests.support.terminal import Terminal

pytestmark = pytest.mark.skipif(shutil.which("tmux") is None, reason="there is no tmux")


class Tmux:
    """A separate tmux in a terminal, with ``chat-client`` in its only pane."""

    def __init__(self, server: Server, home: Path, *options: str) -> None:
        self._socket = home / "tmux"
        (home / "tmux.conf").write_text("".join(f"set -g {option}\n" for option in options))
        client = [sys.executable, "-m", "chatroom.client", f"127.0.0.1:{server.port}", "--lang", "en"]
        self.terminal = Terminal(self._command("-f", str(home / "tmux.conf"), "new-session", *client), home)

    def close(self) -> None:
        self.run("kill-server")
        self.terminal.close()

    def run(self, *arguments: str) -> str:
        """Run a command of tmux; what it prints."""
        done = subprocess.run(self._command(*arguments), check=False, capture_output=True, text=True)
        return done.stdout

    def _command(self, *arguments: str) -> list[str]:
        return ["tmux", "-S", str(self._socket), *arguments]


@pytest.fixture
def bob(server: Server) -> Wire:
    return server.user("Bob")


@pytest.fixture
def tmux(server: Server, tmp_path: Path) -> Iterator[Tmux]:
    """A tmux with passthrough and focus events."""
    tmux = Tmux(server, tmp_path, "allow-passthrough on", "bell-action any", "focus-events on")
    yield tmux
    tmux.close()


@pytest.fixture
def outer(tmux: Tmux, bob: Wire) -> Terminal:
    """The terminal of the tmux, in which Alice is a friend of Bob."""
    terminal = tmux.terminal.wait_for("F2: create an account").press("F2").wait_for("Confirm password")
    terminal.type("Alice").press("Tab").type("111111").press("Tab").enter("111111")
    terminal.wait_for("Logged in as Alice").enter("/friend Bob").wait_for("Bob is now your friend")
    bob.event("friend")
    return terminal


@pytest.mark.parametrize(
    ("alert", "call"),
    [
        ("bell", b"\a"),
        ("osc9", b"\x1b]9;@Bob Bob: lunch? \xe5\x90\x83\xe9\xa5\xad\a"),
        ("osc777", b"\x1b]777;notify;@Bob;Bob: lunch? \xe5\x90\x83\xe9\xa5\xad\a"),
    ],
)
def test_notification_passes_tmux(outer: Terminal, bob: Wire, alert: str, call: bytes) -> None:
    outer.enter(f"/set alert {alert}").wait_for(f"alert = {alert}")
    outer.output = b""
    bob.request("send", to="@Alice", text="lunch? 吃饭")
    outer.wait_until(lambda: call in outer.output, f"for {call!r}")


def test_muted_conversation_does_not_notify(outer: Terminal, bob: Wire) -> None:
    outer.enter("/mute Bob").wait_for("@Bob: notifications off")
    outer.output = b""
    bob.request("send", to="@Alice", text="lunch?")
    outer.wait_for("1 unread")
    assert b"\a" not in outer.output
    outer.enter("/mute Bob").wait_for("@Bob: notifications for all messages")
    bob.request("send", to="@Alice", text="now?")
    outer.wait_until(lambda: b"\a" in outer.output, "for the bell")


def test_conversation_in_a_background_window_rings(tmux: Tmux, outer: Terminal, bob: Wire) -> None:
    outer.enter("/query Bob").wait_for("private chat with Bob")
    outer.output = b""
    bob.request("send", to="@Alice", text="in sight")
    outer.wait_for("Bob:in sight")
    assert b"\a" not in outer.output
    tmux.run("new-window", "cat")
    outer.wait_gone("Bob:in sight")
    bob.request("send", to="@Alice", text="out of sight")
    outer.wait_until(lambda: b"\a" in outer.output, "for the bell")
    tmux.run("last-window")
    outer.wait_for("Bob:out of sight", "new")


INDIC = "हिन्दी में लिखा हुआ यह संदेश काफ़ी लंबा है ताकि पंक्ति के अंत तक पहुँचे और अगली पंक्ति में भी चले 🇮🇳 👨‍👩‍👧 ❤️ தமிழ் மொழி"


def test_border_is_straight_beside_indic_text_and_emoji(outer: Terminal, bob: Wire) -> None:
    outer.enter("/query Bob").wait_for("private chat with Bob").press("Esc").wait_gone("Esc ─╯")
    bob.request("send", to="@Alice", text=INDIC)
    bob.request("send", to="@Alice", text="plain")
    outer.wait_for("Bob:plain")
    borders = {line.index("│") for line in outer.lines[1:-3]}
    assert len(borders) == 1


def test_address_in_the_bare_view_is_copied_whole(tmux: Tmux, outer: Terminal, bob: Wire) -> None:
    address = "https://example.org/" + "".join(f"{number:03}/" for number in range(60))
    outer.enter("/query Bob").wait_for("private chat with Bob").press("Esc").wait_gone("Esc ─╯")
    bob.request("send", to="@Alice", text=f"see {address}")
    outer.wait_for("058/059/").press("Alt-l").wait_gone("│")
    outer.wait_until(lambda: f"Bob:see {address}" in tmux.run("capture-pane", "-p", "-J"), "for one line")
