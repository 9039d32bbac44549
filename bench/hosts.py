"""The measured servers: ours, and the floor. ``peers`` has those of other projects.

Each runs on its own core, on loopback, with all limits per address turned off, and in a temporary folder. A
server that hangs is killed after a while, so that its connections close and the run continues with the next
one.
"""

import shutil
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path

from bench import machine
from bench.dialects import Chat, Dialect
from bench.figures import Figure, GivenUp, Measured
from tests.support.database import PrivateMariaDB
from tests.support.processes import ROOT, lines_within

TIMEOUT = 60.0
"""Seconds that a server may take to start or to end."""

MAX_LIFETIME = 600.0
"""Seconds after which a measured server is killed, because it hangs. None needs half of this."""

MAX_PEER_LIFETIME = 180.0
"""The same for other projects' servers, which have no curves."""

SETTINGS = ("limits.rate=0", "limits.connections_per_address=0", "limits.new_connections_per_minute=0",
            "limits.password_attempts=0", "limits.rooms=0", "password.bcrypt_cost=4")  # fmt: skip


@dataclass(frozen=True)
class Host:
    """A running server."""

    pid: int
    port: int
    dialect: Dialect


class ServerHung(Exception):
    """A server did not finish the measurement in time."""


Opening = Callable[[], AbstractContextManager[Host]]


@contextmanager
def on_sqlite(settings: Sequence[str] = SETTINGS) -> Iterator[Host]:
    """Run our server with a new database file."""
    with temporary() as data, on_file(data, settings) as host:
        yield host


@contextmanager
def on_file(data: Path, settings: Sequence[str] = SETTINGS) -> Iterator[Host]:
    """Run our server with ``chatroom.sqlite`` in this folder."""
    with _chatroom(data, settings) as host:
        yield host


@contextmanager
def timed(data: Path, file: Path) -> Iterator[Host]:
    """Run our server with timers that write to a file."""
    with _announced("bench.stages", str(file), *_flags(data, SETTINGS)) as host:
        yield host


@contextmanager
def on_mariadb(settings: Sequence[str] = SETTINGS) -> Iterator[Host]:
    """Run our server with its own MariaDB."""
    with mariadb() as database, on_database(database.url("chatroom"), settings) as host:
        yield host


@contextmanager
def on_database(url: str, settings: Sequence[str] = SETTINGS) -> Iterator[Host]:
    """Run our server with an existing database."""
    with temporary() as data, _chatroom(data, settings, "--database", url) as host:
        yield host


@contextmanager
def floor() -> Iterator[Host]:
    with _announced("bench.floor") as host:
        yield host


OURS: dict[str, Opening] = {"chatroom on SQLite": on_sqlite, "chatroom on MariaDB": on_mariadb}
FLOOR: dict[str, Opening] = {"floor: uvloop, ready bytes": floor}


def on_each(
    scenario: str, hosts: Mapping[str, Opening], measure: Callable[[str, Host], Iterator[Figure]]
) -> Iterator[Measured]:
    """Measure each of these servers that is installed. If one fails, continue with the next."""
    for system, opening in hosts.items():
        if installed(system):
            try:
                with opening() as host:
                    yield from measure(system, host)
            except Exception as error:
                yield GivenUp(scenario, system, str(error) or repr(error))


def installed(system: str) -> bool:
    """Return whether this machine has what this variant of our server needs."""
    return not system.endswith("MariaDB") or path("mariadbd") is not None


@contextmanager
def mariadb() -> Iterator[PrivateMariaDB]:
    """Run a MariaDB that flushes at each commit, on any core."""
    with temporary() as folder:
        with machine.on(*machine.CORES):
            database = PrivateMariaDB(folder).start()
        try:
            yield database
        finally:
            database.kill()


def path(program: str) -> str | None:
    """Return the path of a program, or ``None``. Servers are often in the administrator's ``PATH`` only."""
    return shutil.which(program, path="/usr/sbin:/sbin:/usr/local/sbin:/usr/bin:/bin:/usr/local/bin")


@contextmanager
def temporary() -> Iterator[Path]:
    """Make a folder and remove it afterwards."""
    with tempfile.TemporaryDirectory(prefix="chat-bench-") as folder:
        yield Path(folder)


@contextmanager
def _chatroom(data: Path, settings: Sequence[str], *arguments: str) -> Iterator[Host]:
    with _announced("server", *_flags(data, settings), *arguments) as host:
        yield host


def _flags(data: Path, settings: Sequence[str]) -> list[str]:
    settings_each = [word for setting in settings for word in ("--set", setting)]
    return ["--port", "0", "--data", str(data), *settings_each]


@contextmanager
def _announced(module: str, *arguments: str) -> Iterator[Host]:
    """Run one of our programs, which prints the port that it has chosen."""
    command = [sys.executable, "-m", module, *arguments]
    with started(command, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        lines = lines_within(process.stdout.fileno(), TIMEOUT)
        announcement = next((line for line in lines if "listening on" in line), None)
        if announcement is None:
            raise ServerHung("it ended before it listened")
        yield Host(process.pid, int(announcement.split()[2].rpartition(":")[2]), Chat())


@contextmanager
def program(command: list[str], port: int, dialect: Dialect) -> Iterator[Host]:
    """Run another project's server, which listens on this port."""
    with started(command, stdout=subprocess.DEVNULL, lifetime=MAX_PEER_LIFETIME) as process:
        _wait_for(port)
        yield Host(process.pid, port, dialect)


@contextmanager
def started(
    command: list[str], stdout: int, lifetime: float = MAX_LIFETIME
) -> Iterator[subprocess.Popen[bytes]]:
    """Run a program. Raises ``ServerHung`` if the block takes longer than ``lifetime`` seconds."""
    with machine.on(machine.SERVER_CORE):
        process = subprocess.Popen(
            command, cwd=ROOT, stdin=subprocess.DEVNULL, stdout=stdout, stderr=subprocess.DEVNULL
        )
    hung = threading.Event()

    def kill() -> None:
        hung.set()
        process.kill()

    deadline = threading.Timer(lifetime, kill)
    deadline.start()
    try:
        yield process
    except Exception as error:
        if hung.is_set():
            raise ServerHung(f"it hung, and was killed after {lifetime:.0f} seconds") from error
        raise
    finally:
        deadline.cancel()
        _end(process)


def _end(process: subprocess.Popen[bytes]) -> None:
    process.terminate()
    try:
        process.wait(TIMEOUT)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
    if process.stdout is not None:
        process.stdout.close()


def _wait_for(port: int) -> None:
    """Wait until a server listens on the port."""
    deadline = time.monotonic() + TIMEOUT
    while True:
        try:
            socket.create_connection(("127.0.0.1", port)).close()
        except ConnectionRefusedError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.02)
        else:
            return


def free_port() -> int:
    """Return a port on which no program listens."""
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port: int = probe.getsockname()[1]
        return port
