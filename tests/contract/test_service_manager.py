"""What a service manager sees: notifications on a real socket, passed sockets, and reloads by SIGHUP."""

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from tests.conftest import Serve
from tests.support.processes import PATIENCE, QUICK, ROOT, Server, Wire, lines_within


class NotifySocket:
    """The other end of ``NOTIFY_SOCKET``."""

    def __init__(self, address: str) -> None:
        self.address = address
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.bind(address.replace("@", "\0", 1))
        self._socket.settimeout(PATIENCE)

    def read(self) -> dict[str, str]:
        return dict(line.split("=", 1) for line in self._socket.recv(4096).decode().splitlines())

    def read_until(self, name: str) -> dict[str, str]:
        """Return the next message with a field. Watchdog pings may come before it."""
        while name not in (message := self.read()):
            assert message == {"WATCHDOG": "1"}
        return message

    def read_all(self) -> list[bytes]:
        """Return what has arrived."""
        messages = []
        self._socket.setblocking(False)
        with suppress(BlockingIOError):
            while True:
                messages.append(self._socket.recv(4096))
        self._socket.settimeout(PATIENCE)
        return messages

    def close(self) -> None:
        self._socket.close()


@pytest.fixture(params=["file", "abstract"])
def notify_socket(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[NotifySocket]:
    address = str(tmp_path / "notify") if request.param == "file" else f"@chatroom-test-{os.getpid()}"
    notify = NotifySocket(address)
    yield notify
    notify.close()


@pytest.fixture
def notifying(notify_socket: NotifySocket, tmp_path: Path) -> Iterator[Server]:
    environment = {"NOTIFY_SOCKET": notify_socket.address, "WATCHDOG_USEC": "300000"}
    server = Server(tmp_path / "data", environment=environment)
    yield server.start()
    server.close()


def test_start_watchdog_reload_and_stop_are_notified(notifying: Server, notify_socket: NotifySocket) -> None:
    ready = notify_socket.read_until("READY")
    assert ready == {"READY": "1", "STATUS": notifying.announcement}
    for _ in range(3):
        assert notify_socket.read() == {"WATCHDOG": "1"}
    before = time.clock_gettime_ns(time.CLOCK_MONOTONIC) // 1000
    notifying.process.send_signal(signal.SIGHUP)
    assert int(notify_socket.read_until("RELOADING")["MONOTONIC_USEC"]) >= before
    assert notify_socket.read_until("READY")["STATUS"] == notifying.announcement
    notifying.stop()
    assert notify_socket.read_until("STOPPING")["STOPPING"] == "1"


def test_paused_server_sends_no_watchdog_pings(notifying: Server, notify_socket: NotifySocket) -> None:
    notify_socket.read_until("READY")
    notifying.pause()
    notify_socket.read_all()
    assert not notify_socket.read_all()
    notifying.resume()
    assert notify_socket.read() == {"WATCHDOG": "1"}


def test_missing_notify_socket_does_not_stop_the_server(tmp_path: Path) -> None:
    server = Server(tmp_path / "data", environment={"NOTIFY_SOCKET": str(tmp_path / "gone")})
    try:
        server.start().user("Alice")
    finally:
        server.close()
    assert "the service manager was not notified" in server.log


ACTIVATE = """
import os, sys
os.dup2(int(sys.argv[1]), 3)
os.environ.update(LISTEN_PID=str(os.getpid()), LISTEN_FDS="1")
os.execv(sys.executable, [sys.executable, "-m", "chatroom.server", *sys.argv[2:]])
"""


@pytest.mark.parametrize(
    ("address", "announced"), [("127.0.0.1", "127.0.0.1:{}"), ("0.0.0.0", "0.0.0.0:{} tls")]
)
def test_passed_socket_is_served_with_tls_if_others_can_reach_it(
    tmp_path: Path, address: str, announced: str
) -> None:
    with socket.create_server((address, 0)) as listening:
        port = listening.getsockname()[1]
        data = ["--data", str(tmp_path / "data")]
        settings = [word for setting in QUICK for word in ("--set", setting)]
        server = subprocess.Popen(
            [sys.executable, "-c", ACTIVATE, str(listening.fileno()), *data, *settings],
            cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, pass_fds=[listening.fileno()],
        )  # fmt: skip
        with server:
            assert server.stdout
            line = next(lines_within(server.stdout.fileno(), PATIENCE))
            assert line.startswith(f"listening on {announced.format(port)}")
            if "tls" not in announced:
                with Wire("127.0.0.1", port) as wire:
                    wire.register("Alice")
            server.terminate()
    assert server.returncode == 0


# Reload


def reload(server: Server, sign: str) -> None:
    """Send SIGHUP, and wait until the log says that it has been handled."""
    server.process.send_signal(signal.SIGHUP)
    deadline = time.monotonic() + PATIENCE
    while sign not in server.log:
        assert time.monotonic() < deadline, f"no {sign!r} in\n{server.log}"
        time.sleep(0.02)


def test_sighup_applies_limits_and_log_level_and_names_the_rest(serve: Serve, tmp_path: Path) -> None:
    file = tmp_path / "server.toml"
    file.write_text("[limits]\ntext = 10\n")
    server = serve("--config", str(file))
    alice = server.user("Alice")
    alice.request("create_room", room="#lab", capacity=2)
    alice.request("enter_room", room="#lab", nickname="ALICE")
    assert alice.refusal("send", to="#lab", text="x" * 11, cid="c1") == "text_too_long"
    file.write_text(
        'name = "Lab"\nport = 1\nlog_level = "debug"\n[limits]\ntext = 20\nconnections_per_address = 9\n'
        "linger = 7.0\n[password]\nmin = 8\n"
    )
    reload(server, "password.min has changed: restart the server for it")
    for line in (
        "limits.text is now 20 (was 10)",
        "name has changed: restart the server for it",
    ):
        assert line in server.log
    assert "limits.linger" not in server.log  # a flag sets it, which wins
    alice.request("send", to="#lab", text="x" * 11, cid="c2")
    assert server.connect().welcome["limits"]["text"] == 20
    assert server.connect().welcome["name"] == "chatroom"
    deadline = time.monotonic() + PATIENCE
    while "DEBUG chatroom.server.events: connection_opened" not in server.log:
        assert time.monotonic() < deadline
        time.sleep(0.02)


def test_sighup_changes_limits_of_connections_and_passwords(tmp_path: Path) -> None:
    file = tmp_path / "server.toml"
    file.write_text("")
    server = Server(tmp_path / "data", "--config", str(file), settings=("password.bcrypt_cost=4",))
    try:
        server.start().user("Alice")
        file.write_text(
            "[limits]\nconnections_per_address = 2\npassword_attempts = 1\nregistrations_burst = 1\n"
            "registrations_per_minute = 0.01\n"
        )
        reload(server, "limits.registrations_burst is now 1")
        second = server.connect()
        assert second.refusal("login", username="Alice", password="222222") == "wrong_password"
        assert second.refusal("login", username="Alice", password="111111") == "too_many_attempts"
        second.request("register", username="Bob", password="111111")
        assert second.refusal("register", username="Carol", password="111111") == "rate_limited"
        assert server.connect().welcome["code"] == "too_many_connections"
    finally:
        server.close()


def test_sighup_with_an_invalid_file_changes_nothing(serve: Serve, tmp_path: Path) -> None:
    file = tmp_path / "server.toml"
    file.write_text("[limits]\ntext = 10\n")
    server = serve("--config", str(file))
    file.write_text("[limits]\ntext = 20\nspeed = 1\n")
    reload(server, "nothing was reloaded: there is no setting limits.speed")
    assert server.connect().welcome["limits"]["text"] == 10
