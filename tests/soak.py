"""A scripted user at a terminal and thirty peers, with cuts and restarts, for as long as one likes.

    python -m tests.soak --minutes 60 --seed 7

Afterwards nothing that was typed is missing or doubled, the screen is that of a fresh client, and the client
has the memory and the file descriptors that it had. ``tests/e2e/test_soak.py`` does it for some seconds.
"""

import argparse
import os
import random
import re
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

from tests.support.processes import QUICK, Json, Server, Wire
from tests.support.terminal import Terminal

PEERS = 30
ROOM = "#soak"
SIZES = ((80, 24), (120, 40), (40, 12), (100, 30), (12, 5))

COMMANDS = ("/members", "/rooms", "/friends", "/whois Peer1", "/search m1", "/goto 2020-01-01", "/nothing",
            "/topic x", "/save ~nosuchuser/x", "/goto 99999", "/clear", "/mute soak", "/help join", "/away",
            "/back", "/react tada", "/notify all", "/bind x y")  # fmt: skip

KEYS = ("PageUp", "PageDown", "Alt-Home", "Alt-End", "Alt-a", "Alt-n", "Alt-p", "Alt-u", "Alt-Up", "F1", "F7",
        "F8", "Ctrl-L", "Alt-l", "Esc", "Up", "Tab", "Ctrl-A", "Alt-o")  # fmt: skip

PIECES = ("hello", "你好", "हिन्दी", "👨‍👩‍👧", "🇨🇳", "https://example.org/a/b", "@Alice", "é̂", "ไทย", "x" * 90)

MAX_GROWTH = 40 * 1024
"""Kilobytes that the client may grow after it has warmed up."""


class Soak:
    """The server, the user's terminal and the peers."""

    def __init__(self, folder: Path, seed: int) -> None:
        self.random = random.Random(seed)
        self._folder = folder
        self.server = Server(folder / "server", settings=(*QUICK, "limits.linger=600")).start()
        self.server.user("Owner").request("create_room", room=ROOM, capacity=PEERS + 2)
        self.peers = [self._enter(self.server.user(f"Peer{number}")) for number in range(PEERS)]
        self.server.user("Alice").close()
        self.terminal = self._open_client("soaked")
        self.typed: list[str] = []
        self._sent = 0

    def _enter(self, peer: Wire) -> Wire:
        peer.request("enter_room", room=ROOM, nickname=peer.username)
        return peer

    def _open_client(self, name: str) -> Terminal:
        home = self._folder / name
        home.mkdir(exist_ok=True)
        address = f"Alice@127.0.0.1:{self.server.port}/soak"
        terminal = Terminal([sys.executable, "-m", "chatroom.client", address, "--lang", "en"], home)
        return terminal.wait_for("Password").enter("111111").wait_for("You joined #soak").press("Esc")

    def close(self) -> None:
        self.terminal.close()
        self.server.close()

    def run(self, seconds: float) -> None:
        """Do one thing after the other. The client is measured after a tenth of the time, and at the end."""
        start = time.monotonic()
        before: tuple[int, int] | None = None
        while (elapsed := time.monotonic() - start) < seconds:
            self._do_something()
            self.terminal.wait_until_quiet(0.02)
            if before is None and elapsed > seconds / 10:
                before = self._measure()
        self._calm()
        self._check_messages()
        self._check_screen()
        files, memory = self._measure()
        assert before is not None
        assert files <= before[0] + 1, (before, files)
        assert memory <= before[1] + MAX_GROWTH, (before, memory)

    def _do_something(self) -> None:
        say, peers_say = self._say, self._peers_say
        actions = (say, say, peers_say, peers_say, self._command, self._press, self._paste, self._resize)
        if self.random.random() < 0.02:
            self._restart()
        else:
            self.random.choice(actions)()

    def _text(self, prefix: str) -> str:
        self._sent += 1
        words = self.random.choices(PIECES, k=self.random.randint(0, 4))
        return " ".join([f"{prefix}{self._sent}", *words])

    def _to_input(self) -> None:
        """Leave questions, menus, history lines and other conversations; the input is empty."""
        for key in ("Esc", "Ctrl-C", "Esc"):  # Ctrl-C asks whether to quit if the input is empty
            self.terminal.press(key).wait_until_quiet(0.1)
        self.terminal.enter("/switch soak").wait_until_quiet(0.02)

    def _say(self) -> None:
        self._to_input()
        text = self._text("t")
        self.terminal.enter(text)
        self.typed.append(text.split()[0])

    def _paste(self) -> None:
        self._to_input()
        text = self._text("p")
        self.terminal.paste(f"{text}\nsecond line").press("Enter")
        self.typed.append(text.split()[0])

    def _command(self) -> None:
        self._to_input()
        self.terminal.enter(self.random.choice(COMMANDS))

    def _press(self) -> None:
        self.terminal.press(*self.random.choices(KEYS, k=3))

    def _resize(self) -> None:
        self.terminal.resize(*self.random.choice(SIZES))

    def _peers_say(self) -> None:
        for peer in self.random.sample(self.peers, self.random.randint(1, 5)):
            peer.request("send", to=ROOM, text=self._text("m"))
            peer.events.clear()

    def _restart(self) -> None:
        """Cut all connections: the server is killed or stopped, and started again."""
        if self.random.random() < 0.5:
            self.server.kill()
        else:
            self.server.stop()
        if self.random.random() < 0.5:
            self._say()
        self.server.start()
        for number, peer in enumerate(self.peers):
            peer.close()
            self.peers[number] = self._enter(self.server.connect().login(f"Peer{number}"))

    def _calm(self) -> None:
        """Wait until all is sent, and show the end of the room as a new client does."""
        self.terminal.resize(80, 24).wait_until_quiet(0.5)
        for key in ("Esc", "Esc", "Esc"):
            self.terminal.press(key).wait_until_quiet(0.1)
        self._to_input()
        self.peers[0].request("send", to=ROOM, text="the end")
        self.terminal.press("Alt-End").wait_for("the end").wait_gone("sending")

    def _history(self) -> list[Json]:
        wire = self.server.connect().login("Owner")
        wire.request("enter_room", room=ROOM, nickname="Owner")
        messages: list[Json] = []
        while page := wire.request("history", conversation=ROOM, after=len(messages), limit=100)["messages"]:
            messages += page
        wire.close()
        return messages

    def _check_messages(self) -> None:
        """Everything that the user typed is stored once, in its order."""
        mine = [message for message in self._history() if message["username"] == "Alice" and message["text"]]
        stored = [message["text"].split()[0] for message in mine if re.match(r"[tp]\d+\b", message["text"])]
        lost, doubled = Counter(self.typed) - Counter(stored), Counter(stored) - Counter(self.typed)
        assert stored == self.typed, f"lost {lost}, doubled {doubled}, in another order {stored}"

    def _check_screen(self) -> None:
        """The texts in sight are those that a fresh client shows."""
        fresh = self._open_client("fresh")
        try:
            fresh.wait_for("the end").wait_until_quiet(0.5)
            ours, theirs = _shown_texts(self.terminal), _shown_texts(fresh)
        finally:
            fresh.close()
        length = min(len(ours), len(theirs))
        assert length > 0
        assert ours[-length:] == theirs[-length:], f"{ours}\n{theirs}"

    def _measure(self) -> tuple[int, int]:
        """The file descriptors of the client, and its memory in kilobytes."""
        status = Path(f"/proc/{self.terminal.process}/status").read_text()
        memory = re.search(r"VmRSS:\s+(\d+)", status)
        assert memory is not None
        return len(os.listdir(f"/proc/{self.terminal.process}/fd")), int(memory[1])


def _shown_texts(terminal: Terminal) -> list[str]:
    """The authors and numbers of the messages in sight."""
    return re.findall(r"\w+:[mtp]\d+", terminal.text)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--minutes", type=float, default=60.0)
    parser.add_argument("--seed", type=int, default=int(time.time()))
    arguments = parser.parse_args()
    print(f"seed {arguments.seed}", flush=True)
    with tempfile.TemporaryDirectory() as folder:
        soak = Soak(Path(folder), arguments.seed)
        try:
            soak.run(arguments.minutes * 60)
        except AssertionError:
            print(soak.terminal.text)
            raise
        finally:
            soak.close()
        print(f"{len(soak.typed)} messages typed, all stored once")


if __name__ == "__main__":
    main()
