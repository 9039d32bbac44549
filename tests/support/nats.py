"""A private ``nats-server``, which a test may stop, kill and start again on the same port."""

import os
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Self

import pytest

from tests.support.processes import PATIENCE


def free_port() -> int:
    """A port on which no program listens."""
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port: int = probe.getsockname()[1]
        return port


class NatsServer:
    def __init__(self, folder: Path, *options: str) -> None:
        self.port = free_port()
        self._options = options
        self._log = folder / f"nats-{self.port}.log"
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        return f"nats://127.0.0.1:{self.port}"

    @property
    def process(self) -> subprocess.Popen[bytes]:
        assert self._process is not None, "this NATS was never started"
        return self._process

    def start(self) -> Self:
        """Start it, and wait until it accepts connections."""
        command = ["nats-server", "-a", "127.0.0.1", "-p", str(self.port), *self._options]
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        deadline = time.monotonic() + PATIENCE
        while not self._accepts():
            assert self.process.poll() is None, self._log.read_text()
            assert time.monotonic() < deadline, self._log.read_text()
            time.sleep(0.01)
        return self

    def _accepts(self) -> bool:
        try:
            socket.create_connection(("127.0.0.1", self.port)).close()
        except OSError:
            return False
        return True

    def kill(self) -> None:
        self.process.kill()
        self.process.wait(PATIENCE)

    def pause(self) -> None:
        """Suspend it: it keeps its connections and forwards no frames."""
        self.process.send_signal(signal.SIGSTOP)
        os.waitid(os.P_PID, self.process.pid, os.WSTOPPED | os.WNOWAIT)

    def resume(self) -> None:
        self.process.send_signal(signal.SIGCONT)


def need_nats() -> None:
    if shutil.which("nats-server") is None and not os.environ.get("CI"):
        pytest.skip("there is no nats-server here")


@pytest.fixture
def nats(tmp_path: Path) -> Iterator[NatsServer]:
    """A NATS for one test."""
    need_nats()
    server = NatsServer(tmp_path).start()
    yield server
    server.kill()


@pytest.fixture(scope="session")
def shared_nats(tmp_path_factory: pytest.TempPathFactory) -> Iterator[NatsServer]:
    """A NATS for all tests that do not stop it."""
    need_nats()
    server = NatsServer(tmp_path_factory.mktemp("nats")).start()
    yield server
    server.kill()
