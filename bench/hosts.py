"""The servers under measurement: ours, and the floor below it. ``peers`` has those of others.

Each runs on the server's core, on loopback, with everything that protects it from one busy address turned
off, and in a folder that is thrown away. One that hangs is killed after a while, so that whoever waits for it
learns that it has hung up, and the run goes on with the next. The counterpart is ``dialects``, which talks to
them.
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

PATIENCE = 30.0
"""Seconds in which a server has to start or to end."""

LIFE = 600.0
"""Seconds after which a server under measurement is taken to hang. None needs half of it."""

PEERS_LIFE = 180.0
"""The same for other people's servers, which are on no curve."""

SETTINGS = ("limits.rate=0", "limits.connections_per_address=0", "limits.new_connections_per_minute=0",
            "limits.password_attempts=0", "limits.rooms=0", "password.bcrypt_cost=4")  # fmt: skip


@dataclass(frozen=True)
class Host:
    """A server that runs and can be connected to."""

    pid: int
    port: int
    dialect: Dialect


class Hung(Exception):
    """A server did not get through with what was to be measured."""


Opening = Callable[[], AbstractContextManager[Host]]


@contextmanager
def on_sqlite(settings: Sequence[str] = SETTINGS) -> Iterator[Host]:
    """Our server with a file of its own."""
    with temporary() as data, on_file(data, settings) as host:
        yield host


@contextmanager
def on_file(data: Path, settings: Sequence[str] = SETTINGS) -> Iterator[Host]:
    """Our server with ``chatroom.sqlite`` in this folder."""
    with _chatroom(data, settings) as host:
        yield host


@contextmanager
def timed(data: Path, file: Path) -> Iterator[Host]:
    """The same with timers in it, which write into a file."""
    with _announced("bench.stages", str(file), *_flags(data, SETTINGS)) as host:
        yield host


@contextmanager
def on_mariadb(settings: Sequence[str] = SETTINGS) -> Iterator[Host]:
    """Our server with a MariaDB of its own."""
    with mariadb() as database, on_database(database.url("chatroom"), settings) as host:
        yield host


@contextmanager
def on_database(url: str, settings: Sequence[str] = SETTINGS) -> Iterator[Host]:
    """Our server with a database that is there."""
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
    """What is measured of each of these servers that there is here. Whichever fails is given up, and the next
    has its turn."""
    for who, opening in hosts.items():
        if installed(who):
            try:
                with opening() as host:
                    yield from measure(who, host)
            except Exception as error:
                yield GivenUp(scenario, who, str(error) or repr(error))


def installed(who: str) -> bool:
    """Whether what this one of ours needs is on this machine."""
    return not who.endswith("MariaDB") or path("mariadbd") is not None


@contextmanager
def mariadb() -> Iterator[PrivateMariaDB]:
    """A database server of the benchmark's own, which flushes. It runs on whichever core is free."""
    with temporary() as folder:
        with machine.on(*machine.CORES):
            database = PrivateMariaDB(folder).start()
        try:
            yield database
        finally:
            database.kill()


def path(program: str) -> str | None:
    """Where a program is, if it is installed: servers often lie where only an administrator looks."""
    return shutil.which(program, path="/usr/sbin:/sbin:/usr/local/sbin:/usr/bin:/bin:/usr/local/bin")


@contextmanager
def temporary() -> Iterator[Path]:
    """One that is thrown away."""
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
    """One of our own programs, which chooses its port and says so."""
    command = [sys.executable, "-m", module, *arguments]
    with started(command, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        lines = lines_within(process.stdout.fileno(), PATIENCE)
        told = next((line for line in lines if "listening on" in line), None)
        if told is None:
            raise Hung("it ended before it listened")
        yield Host(process.pid, int(told.split()[2].rpartition(":")[2]), Chat())


@contextmanager
def program(command: list[str], port: int, dialect: Dialect) -> Iterator[Host]:
    """Somebody else's program, which listens on a port given to it."""
    with started(command, stdout=subprocess.DEVNULL, life=PEERS_LIFE) as process:
        _wait_for(port)
        yield Host(process.pid, port, dialect)


@contextmanager
def started(command: list[str], stdout: int, life: float = LIFE) -> Iterator[subprocess.Popen[bytes]]:
    """Raises ``Hung`` when the block was not through within its ``life``, in seconds."""
    with machine.on(machine.SERVER_CORE):
        process = subprocess.Popen(
            command, cwd=ROOT, stdin=subprocess.DEVNULL, stdout=stdout, stderr=subprocess.DEVNULL
        )
    hung = threading.Event()

    def kill() -> None:
        hung.set()
        process.kill()

    deadline = threading.Timer(life, kill)
    deadline.start()
    try:
        yield process
    except Exception as error:
        if hung.is_set():
            raise Hung(f"it hung, and was killed after {life:.0f} seconds") from error
        raise
    finally:
        deadline.cancel()
        _end(process)


def _end(process: subprocess.Popen[bytes]) -> None:
    process.terminate()
    try:
        process.wait(PATIENCE)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
    if process.stdout is not None:
        process.stdout.close()


def _wait_for(port: int) -> None:
    """Until somebody listens there."""
    deadline = time.monotonic() + PATIENCE
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
    """One that nobody listens on."""
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port: int = probe.getsockname()[1]
        return port
