"""A server under attack, with honest users: for the tests, and for ``python -m tests.attack``."""

import subprocess
import sys
import time
from pathlib import Path

from tests.attack.honest import Waits, measure
from tests.contract.test_hostile_peers import memory, trusting
from tests.support.processes import PATIENCE, QUICK, ROOT, Server, Wire

PASSWORD = "wrong-1"
SLOW_STEPS = ("slow_step_ms=200",)
"""The server logs what uses more CPU time in one step; usually it is a tenth of that."""

CALM = "none"
"""No attack, to compare with."""

Flood = subprocess.Popen[bytes]


def attack(server: Server, kind: str, source: str, connections: int, *options: str) -> Flood:
    """Start a flood, and wait until it has a connection."""
    command = [sys.executable, "-m", "tests.attack.flood", str(server.port), kind, "--addresses", source]
    flood = subprocess.Popen(
        [*command, "--connections", str(connections), *options], cwd=ROOT, stdout=subprocess.PIPE
    )
    assert flood.stdout is not None
    assert flood.stdout.readline() == b"connected\n"
    return flood


def end(flood: Flood) -> None:
    flood.kill()
    flood.wait(PATIENCE)
    assert flood.stdout is not None
    flood.stdout.close()


class Scene:
    """A server with its default limits, and two honest users in a room."""

    def __init__(self, data: Path, *arguments: str) -> None:
        self.server = Server(data, *arguments, settings=SLOW_STEPS)
        self.server.start()
        self.is_encrypted = "--tls" in arguments
        self.pinging, self.sending = self.connect().register("Bob"), self.connect().register("Alice")
        self.connect().register("Mallory", PASSWORD).close()
        self.sending.request("create_room", room="#lab", capacity=9)
        self.sending.request("enter_room", room="#lab", nickname="A")

    def fill_room(self) -> None:
        """Restart with messages that are expensive to search and to export."""
        self.close_users()
        self.server.restart_with(QUICK)
        writer = self.connect().login("Mallory", PASSWORD)
        writer.request("enter_room", room="#lab", nickname="M")
        for number in range(120):
            writer.request("send", to="#lab", text=("\ufdfa" if number % 2 else "\x01") * 4000)
        writer.close()
        self.server.restart_with(SLOW_STEPS)
        self.pinging, self.sending = self.connect().login("Bob"), self.connect().login("Alice")
        self.sending.request("enter_room", room="#lab", nickname="A")

    def connect(self) -> Wire:
        return Wire(self.server.host, self.server.port, trusting() if self.is_encrypted else None)

    def waits_beside(
        self, kind: str, source: str, connections: int, *options: str, seconds: float = 1.0
    ) -> Waits:
        if kind == CALM:
            return measure(self.pinging, self.sending, "#lab", seconds)
        encrypted = ("--tls",) if self.is_encrypted else ()
        flood = attack(self.server, kind, source, connections, *encrypted, *options)
        try:
            return measure(self.pinging, self.sending, "#lab", seconds)
        finally:
            end(flood)

    def login_seconds(self) -> float:
        """How long an honest login takes."""
        began = time.monotonic()
        self.connect().login("Bob").close()
        return time.monotonic() - began

    def memory(self) -> int:
        return memory(self.server)

    def close_users(self) -> None:
        self.pinging.close()
        self.sending.close()

    def close(self) -> None:
        self.close_users()
        self.server.close()
        assert "slow step" not in self.server.log, self.server.log
