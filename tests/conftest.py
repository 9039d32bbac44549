"""What any test may ask for: a database, a running server, a terminal."""

import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.processes import QUICK, Server
from tests.terminal import Terminal

pytest_plugins = ["tests.database"]

Serve = Callable[..., Server]
Open = Callable[..., Terminal]


@pytest.fixture
def serve(tmp_path: Path) -> Iterator[Serve]:
    """Start servers, each with a data folder of its own: ``serve("--database", url, settings=(...))``."""
    servers: list[Server] = []

    def start(*arguments: str, settings: tuple[str, ...] = QUICK) -> Server:
        servers.append(Server(tmp_path / f"server-{len(servers)}", *arguments, settings=settings))
        return servers[-1].start()

    yield start
    for server in servers:
        server.close()


@pytest.fixture
def server(serve: Serve) -> Server:
    """A fresh server of its own on SQLite."""
    return serve()


@pytest.fixture
def terminal(tmp_path: Path) -> Iterator[Open]:
    """Open terminals with ``chat-client`` in them: ``terminal("alice@host/room", columns=100)``."""
    terminals: list[Terminal] = []

    def start(*arguments: str, user: str = "", columns: int = 80, lines: int = 24) -> Terminal:
        home = tmp_path / f"home-{user or len(terminals)}"
        home.mkdir(exist_ok=True)
        command = [sys.executable, "-m", "client", *arguments]
        terminals.append(Terminal(command, home, columns, lines))
        return terminals[-1]

    yield start
    for terminal in terminals:
        terminal.close()
