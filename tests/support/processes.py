"""A real ``chat-server`` in its own process, and ``Wire``, a minimal client.

Nothing here sleeps: a wait reads until the expected line arrives, or fails at a deadline far beyond what a
slow machine needs.
"""

import json
import os
import select
import signal
import socket
import ssl
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import Any, Self

ROOT = Path(__file__).parents[2]
PATIENCE = 60.0
"""Seconds after which a test gives up waiting. No test's outcome depends on it while the code is right."""

QUICK = ("password.bcrypt_cost=4", "limits.rate=0", "limits.password_attempts=0", "limits.linger=0.3",
         "limits.connections_per_address=0", "limits.new_connections_per_minute=0")  # fmt: skip
"""Settings for tests that are about something else than these."""

Json = dict[str, Any]


def crowding() -> float:
    """How many processes want each processor, 1 at least: so many times longer everything takes."""
    return max(1.0, os.getloadavg()[0] / (os.cpu_count() or 1))


class Refused(AssertionError):
    """A request that a test expected to succeed got an ``error``."""

    def __init__(self, error: Json) -> None:
        super().__init__(f"{error['code']}: {error['message']}")
        self.error = error
        self.code: str = error["code"]


class Wire:
    """One connection, line by line. Events that arrive while an answer is awaited are kept in ``events``.

    After the login, ``username`` and ``token`` are set, and ``session`` is the answer to the login.
    """

    def __init__(
        self, host: str, port: int, tls: ssl.SSLContext | None = None, *, path: Path | None = None,
        before: bytes = b"",
    ) -> None:  # fmt: skip
        """Connect to a host and port, or to a Unix socket; send ``before``, as a proxy does."""
        if path is None:
            plain = socket.create_connection((host, port), timeout=PATIENCE)
        else:
            plain = socket.socket(socket.AF_UNIX)
            plain.settimeout(PATIENCE)
            plain.connect(str(path))
        plain.sendall(before)
        self.socket = tls.wrap_socket(plain, server_hostname=host) if tls else plain
        self._lines = self.socket.makefile("rb")
        self._next_id = 0
        self.events: list[Json] = []
        self.username = ""
        self.session: Json = {}
        try:
            self.welcome = self.read()
        except BaseException:
            self.close()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        self._lines.close()
        self.socket.close()

    def send_bytes(self, data: bytes) -> None:
        self.socket.sendall(data)

    def send(self, **frame: Any) -> None:
        self.send_bytes(json.dumps(frame, ensure_ascii=False).encode() + b"\n")

    def read(self) -> Json:
        """The next line, whatever it is. Raises ``EOFError`` when the server has closed."""
        line = self._lines.readline()
        if not line.endswith(b"\n"):
            raise EOFError(f"the connection ended after {line!r}")
        frame: Json = json.loads(line)
        return frame

    def rest(self) -> list[Json]:
        """Everything that still comes until the server closes."""
        return [json.loads(line) for line in self._lines]

    def start(self, type: str, **fields: Any) -> int:
        """Send a request without waiting for its answer; its id."""
        self._next_id += 1
        self.send(type=type, id=self._next_id, **fields)
        return self._next_id

    def answer(self, id: int | str | None) -> Json:
        """The response with this id, an ``error`` too."""
        while (frame := self.read()).get("id", self) != id:
            self.events.append(frame)
        return frame

    def ask(self, type: str, **fields: Any) -> Json:
        """A request and its response, an ``error`` too."""
        return self.answer(self.start(type, **fields))

    def request(self, type: str, **fields: Any) -> Json:
        """A request and its response. Raises ``CommandRefused`` for an ``error``."""
        answer = self.ask(type, **fields)
        if answer["type"] == "error":
            raise Refused(answer)
        return answer

    def refusal(self, type: str, **fields: Any) -> str:
        """A request that must be refused; the code."""
        answer = self.ask(type, **fields)
        assert answer["type"] == "error", f"{type} should have been refused, and was answered {answer}"
        code: str = answer["code"]
        return code

    def event(self, type: str, **fields: Any) -> Json:
        """The next event of this type whose fields are these; what came before it stays in ``events``."""
        for place, event in enumerate(self.events):
            if _matches(event, type, fields):
                return self.events.pop(place)
        while not _matches(event := self.read(), type, fields):
            self.events.append(event)
        return event

    def message(self, **fields: Any) -> Json:
        """The message of the next ``message`` event whose message has these fields."""
        while True:
            message: Json = self.event("message")["message"]
            if fields.items() <= message.items():
                return message

    def login(self, username: str, password: str = "111111") -> Self:
        self.session = self.request("login", username=username, password=password)
        self.username = self.session["username"]
        return self

    @property
    def token(self) -> str:
        token: str = self.session["token"]
        return token

    @property
    def name(self) -> str:
        """How others call the private chat with this account."""
        return f"@{self.username}"

    def register(self, username: str, password: str = "111111") -> Self:
        """Make an account and log in to it."""
        self.request("register", username=username, password=password)
        return self.login(username, password)


def _matches(event: Json, type: str, fields: Json) -> bool:
    return event["type"] == type and fields.items() <= event.items()


class Server:
    """A ``chat-server`` with its data in ``data``, on a port it chose itself and keeps across restarts."""

    def __init__(
        self,
        data: Path,
        *arguments: str,
        settings: tuple[str, ...] = QUICK,
        environment: Mapping[str, str] | None = None,
        program: tuple[str, ...] = ("server",),
        patience: float = PATIENCE,
    ) -> None:
        self.data = data
        self.host = "127.0.0.1"
        self.port = 0
        self.announcement = ""
        self._program = ["-m", *program]
        self._patience = patience
        self.arguments = arguments
        self._arguments = [*arguments, *(word for setting in settings for word in ("--set", setting))]
        self._environment = {**os.environ, **(environment or {})}
        self._log = data.with_name(data.name + ".stderr")
        self._wires: list[Wire] = []
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def process(self) -> subprocess.Popen[bytes]:
        assert self._process is not None, "this server was never started"
        return self._process

    def start(self) -> Self:
        """Start it, and wait until clients can connect."""
        command = [sys.executable, *self._program, "--port", str(self.port), "--data", str(self.data)]
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(
                [*command, *self._arguments],
                cwd=ROOT, env=self._environment, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=log,
            )  # fmt: skip
        self.announcement = self._announced()
        self.port = int(self.announcement.removeprefix("listening on ").split()[0].rpartition(":")[2])
        return self

    def _announced(self) -> str:
        stdout = self.process.stdout
        assert stdout is not None
        for line in lines_within(stdout.fileno(), self._patience):
            if line.startswith("listening on "):
                return line
        raise AssertionError(f"the server did not start (code {self._reap()}):\n{self.log}")

    @property
    def log(self) -> str:
        """All output on standard error since the first start."""
        return self._log.read_text() if self._log.exists() else ""

    def wait_for_log(self, text: str) -> None:
        """Wait until the log has a text: a thread of its own writes it, soon after what it tells."""
        deadline = time.monotonic() + PATIENCE
        while text not in self.log:
            assert time.monotonic() < deadline, f"no {text!r} in\n{self.log}"
            time.sleep(0.02)

    def keep(self, wire: Wire) -> Wire:
        """Close a connection with the server."""
        self._wires.append(wire)
        return wire

    def connect(self) -> Wire:
        """A new connection, closed with the server."""
        self._wires.append(Wire(self.host, self.port))
        return self._wires[-1]

    def user(self, username: str) -> Wire:
        """A new connection on which a new account is logged in."""
        return self.connect().register(username)

    def stop(self) -> int:
        """Ask it to end, as an administrator would; its exit code."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGCONT)
            self.process.terminate()
        return self._reap()

    def kill(self) -> None:
        """End it at once, as a power cut would."""
        self.process.kill()
        self._reap()

    def pause(self) -> None:
        """Stop it, and return when it does nothing more."""
        self.process.send_signal(signal.SIGSTOP)
        os.waitid(os.P_PID, self.process.pid, os.WSTOPPED | os.WNOWAIT)

    def resume(self) -> None:
        self.process.send_signal(signal.SIGCONT)

    def restart_with(self, settings: tuple[str, ...]) -> Self:
        """Restart it with other settings."""
        self.stop()
        self._arguments = [*self.arguments, *(word for setting in settings for word in ("--set", setting))]
        return self.start()

    def restart(self) -> Self:
        self.stop()
        return self.start()

    def close(self) -> None:
        """Close all connections and the server, and check that it logged no traceback."""
        for wire in self._wires:
            wire.close()
        code = self.stop() if self._process else 0
        assert "Traceback" not in self.log, self.log
        assert code in (0, -signal.SIGKILL), f"the server ended with {code}:\n{self.log}"

    def _reap(self) -> int:
        code = self.process.wait(PATIENCE)
        if self.process.stdout:
            self.process.stdout.close()
        return code


@contextmanager
def running(data: Path, *arguments: str, settings: tuple[str, ...] = QUICK) -> Iterator[Server]:
    """A server for the length of a ``with``."""
    server = Server(data, *arguments, settings=settings)
    try:
        yield server.start()
    finally:
        server.close()


def lines_within(descriptor: int, seconds: float) -> Iterator[str]:
    """The lines of a pipe until it ends. What follows a line stays in the pipe until the next one is read.
    Raises ``AssertionError`` when that takes too long."""
    deadline, text = time.monotonic() + seconds, b""
    while select.select([descriptor], [], [], max(0.0, deadline - time.monotonic()))[0]:
        byte = os.read(descriptor, 1)
        if not byte:
            return
        text += byte
        if byte == b"\n":
            yield text[:-1].decode()
            text = b""
    raise AssertionError(f"nothing for {seconds:g} seconds but {text!r}")
