"""``--workers N``: several processes on one port, supervised."""

import os
import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from functools import partial
from itertools import islice
from pathlib import Path

import pytest

from tests.contract.test_admin import admin
from tests.contract.test_start_failures import failure
from tests.support.database import DatabaseServer, fresh_database
from tests.support.nats import NatsServer
from tests.support.processes import PATIENCE, QUICK, Server, Wire, lines_within

WORKERS = 2


@pytest.fixture
def site(tmp_path: Path, mariadb: DatabaseServer, shared_nats: NatsServer) -> Iterator[Server]:
    with fresh_database(mariadb) as url:
        server = Server(
            tmp_path / "data", "--database", url, "--cluster", shared_nats.url,
            "--workers", str(WORKERS), settings=(*QUICK, "limits.linger=60"),
            patience=(1 + WORKERS) * PATIENCE,
        )  # fmt: skip
        try:
            yield server.start()
        finally:
            server.close()


def workers(server: Server) -> list[int]:
    """The process ids of the workers."""
    children = Path(f"/proc/{server.process.pid}/task/{server.process.pid}/children").read_text()
    return [int(child) for child in children.split()]


def until(condition: Callable[[], object], description: str) -> None:
    deadline = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < deadline, description
        time.sleep(0.02)


def test_workers_serve_one_port_and_are_listed(site: Server) -> None:
    assert site.announcement.startswith("listening on ")
    assert len(workers(site)) == WORKERS
    people = [site.user(f"User{number}") for number in range(12)]
    listed = admin(site, "servers").out.splitlines()
    assert len(listed) == 1 + WORKERS
    assert sum(int(line.split()[1]) for line in listed[1:]) == len(people)
    sessions = admin(site, "sessions").out.splitlines()
    assert len(sessions) == 1 + len(people)


def test_dead_worker_is_replaced(site: Server) -> None:
    before = workers(site)
    os.kill(before[0], signal.SIGKILL)
    until(lambda: len(workers(site)) == WORKERS and before[0] not in workers(site), "no replacement")
    until(lambda: site.log.count("is process") == WORKERS + 1, site.log)
    for number in range(4):
        site.user(f"User{number}")


def test_stop_ends_all_workers(site: Server) -> None:
    children = workers(site)
    assert site.stop() == 0
    for child in children:
        with pytest.raises(ProcessLookupError):
            os.kill(child, 0)


def test_workers_end_with_their_supervisor(site: Server) -> None:
    children = workers(site)
    site.kill()
    for child in children:
        until(partial(has_ended, child), "a worker outlived its supervisor")


def has_ended(pid: int) -> bool:
    return not is_running(pid)


def is_running(pid: int) -> bool:
    with suppress(OSError):
        return Path(f"/proc/{pid}/stat").read_text().split()[2] != "Z"
    return False


def test_rolling_restart_is_seen_as_reconnects_only(site: Server) -> None:
    """All users send continuously and reconnect when asked to; no message is lost or duplicated."""
    owner = site.user("Owner")
    owner.request("create_room", room="#den", capacity=20)
    before = set(workers(site))
    stop = threading.Event()
    senders = [Sender(site, f"User{number}", stop) for number in range(4)]
    until(lambda: all(sender.sent > 3 for sender in senders), "nothing is sent")
    os.kill(site.process.pid, signal.SIGUSR2)
    until(lambda: "all workers are replaced" in site.log, site.log)
    stop.set()
    for sender in senders:
        sender.thread.join()
        assert sender.failure is None
    assert not before & set(workers(site))
    reader = site.connect().login("User0")
    texts: list[str] = []
    more = True
    while more:
        page = reader.request("history", conversation="#den", after=len(texts), limit=100)
        texts += [message["text"] for message in page["messages"]]
        more = page["more"]
    for sender in senders:
        mine = [text for text in texts if text.startswith(f"{sender.name} ")]
        assert mine == [f"{sender.name} {number}" for number in range(sender.sent)]


class Sender:
    """Sends messages one by one, each under its cid until it is confirmed."""

    def __init__(self, site: Server, name: str, stop: threading.Event) -> None:
        self.name, self.sent, self.failure = name, 0, None
        self._site, self._stop = site, stop
        self._token = ""
        self.thread = threading.Thread(target=self._run)
        self.thread.start()

    def _run(self) -> None:
        wire = Wire("127.0.0.1", self._site.port).register(self.name)
        wire.request("enter_room", room="#den", nickname=self.name)
        while not self._stop.is_set():
            number = self.sent
            try:
                wire.request("send", to="#den", text=f"{self.name} {number}", cid=f"{self.name}-{number}")
                self.sent += 1
            except (EOFError, OSError, AssertionError):
                wire.close()
                wire = self._log_in()
            time.sleep(0.01)
        wire.close()

    def _log_in(self) -> Wire:
        deadline = time.monotonic() + PATIENCE
        while True:
            with suppress(EOFError, OSError, AssertionError):
                return Wire("127.0.0.1", self._site.port).login(self.name)
            assert time.monotonic() < deadline
            time.sleep(0.02)


def test_workers_share_several_addresses(tmp_path: Path, mariadb: DatabaseServer) -> None:
    path = tmp_path / "chat.sock"
    with fresh_database(mariadb) as url:
        server = Server(
            tmp_path / "data", "--database", url, "--workers", str(WORKERS),
            "--listen", f"127.0.0.1:0,unix:{path},127.0.0.2:0", patience=(1 + WORKERS) * PATIENCE,
        )  # fmt: skip
        try:
            stdout = server.start().process.stdout
            assert stdout is not None
            unix, other = islice(lines_within(stdout.fileno(), PATIENCE), 2)
            assert unix == f"listening on unix:{path}"
            host, port = other.removeprefix("listening on ").split(":")
            server.user("User0")
            server.keep(Wire("", 0, path=path)).register("User1")
            server.keep(Wire(host, int(port))).register("User2")
            os.kill(server.process.pid, signal.SIGUSR2)
            until(lambda: "all workers are replaced" in server.log, server.log)
            server.keep(Wire("", 0, path=path)).login("User2")
            assert server.stop() == 0
            assert not path.exists()
        finally:
            server.close()


# Configuration errors are reported in one line


def test_workers_on_sqlite_are_refused(tmp_path: Path) -> None:
    line = failure(tmp_path, "--data", str(tmp_path), "--workers", "2")
    assert "--workers needs a MySQL or MariaDB database" in line


def test_workers_on_a_used_port_are_refused(site: Server, tmp_path: Path, mariadb: DatabaseServer) -> None:
    with fresh_database(mariadb) as url:
        line = failure(tmp_path, "--data", str(tmp_path / "other"), "--database", url,
                       "--workers", "2", "--port", str(site.port))  # fmt: skip
        assert "cannot listen on" in line


def test_worker_that_cannot_start_ends_the_server(tmp_path: Path) -> None:
    line = failure(tmp_path, "--data", str(tmp_path), "--workers", "2",
                   "--database", "mysql://chat@127.0.0.1:1/chat")  # fmt: skip
    assert "cannot reach the database" in line
