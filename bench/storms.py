"""Storms: many users register, log in, enter rooms, or reconnect after a crash, all at once.

The figure of a storm is the CPU time of the server per user. Beside it: the seconds until all are served, and
the latency of pings of a user who was already logged in.
"""

import re
import select
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, closing
from functools import partial
from itertools import chain
from os import kill

from bench import machine
from bench.dialects import PASSWORD, Chat, frame
from bench.figures import Figure, Measured, share
from bench.hosts import SETTINGS, Host, installed, mariadb, on_database, on_file, temporary
from bench.load import ClientPool
from bench.talkers import Client, LoadError, drain

USERS, MEMBERS = 2000, 100
"""Users of a storm, and members of each room."""

STORM_SETTINGS = (*SETTINGS, "password.queue=0")  # no login is refused

TIMEOUT = 120.0
"""Seconds in which all users must be served."""

TOKEN = re.compile(rb'"token":"([^"]+)"')

Opening = Callable[[], AbstractContextManager[Host]]


def measure(users: int = USERS) -> Iterator[Measured]:
    with temporary() as data:
        yield from _all_storms("chatroom on SQLite", partial(on_file, data, STORM_SETTINGS), users)
    if installed("MariaDB"):
        with mariadb() as database:
            yield from _all_storms(
                "chatroom on MariaDB", partial(on_database, database.url("chatroom"), STORM_SETTINGS), users
            )


def _all_storms(system: str, opening: Opening, users: int) -> Iterator[Figure]:
    """The users register, log in and enter rooms; the server is killed; they resume and read."""
    with opening() as host, closing(Crowd(system, host, users)) as crowd:
        yield crowd.storm("register", lambda user: frame("register", username=user, password=PASSWORD), b"ok")
        yield crowd.storm("log in", lambda user: frame("login", username=user, password=PASSWORD), b"session")
        tokens = crowd.tokens
        crowd.make_rooms()
        yield crowd.storm("enter a room", crowd.enter_line, b"entered")
        kill(host.pid, signal.SIGKILL)
    with opening() as host, closing(Crowd(system, host, users)) as crowd:
        yield crowd.storm("resume", lambda user: frame("resume", token=tokens[user]), b"session")
        yield crowd.storm("newest page", crowd.history_line, b"history")


class Crowd:
    """Connected users, and one logged-in user that sends pings."""

    def __init__(self, system: str, host: Host, users: int) -> None:
        self._system = system
        self._host = host
        self._pool = ClientPool(host.dialect, host.port)
        [self._quiet] = self._pool.join([f"quiet{time.monotonic_ns() % 10**4}"])
        self._clients = [self._pool.connect(f"u{number}") for number in range(users)]
        self._pool.settle()
        self.tokens: dict[str, str] = {}

    def close(self) -> None:
        self._pool.close()

    def make_rooms(self) -> None:
        rooms = -(-len(self._clients) // MEMBERS)
        names = [f"room{number}" for number in range(rooms)]
        self._pool.run_steps(self._clients[:1], lambda _: chain.from_iterable(map(Chat().make_room, names)))

    def enter_line(self, user: str) -> bytes:
        return frame("enter_room", room=self._room(user), nickname=user)

    def history_line(self, user: str) -> bytes:
        return frame("history", conversation=f"#{self._room(user)}")

    def _room(self, user: str) -> str:
        return f"room{int(user[1:]) // MEMBERS}"

    def storm(self, name: str, line_of: Callable[[str], bytes], answer: bytes) -> Figure:
        """All users send a request at once. Wait until all have the answer."""
        cpu, began = machine.cpu_seconds(self._host.pid), time.perf_counter()
        for client in self._clients:
            client.socket.sendall(line_of(client.name))
        pings = self._wait_for_all(b'{"type":"%s","id":0' % answer)
        seconds = time.perf_counter() - began
        self._pool.settle()
        cpu = machine.cpu_seconds(self._host.pid) - cpu
        beside = {"s until all are served": seconds, "ping p99 ms": share(pings, 0.99) * 1e3}
        return Figure(f"storm: {name}", self._system, cpu / len(self._clients) * 1e3, "ms", beside=beside)

    def _wait_for_all(self, answer: bytes) -> list[float]:
        """Wait until all clients are answered. Return the latencies of the pings until then."""
        waiting = {client.socket.fileno(): client for client in self._clients}
        pings: list[float] = []
        with closing(select.epoll()) as poller:
            for file in (*waiting, self._quiet.socket.fileno()):
                poller.register(file, select.EPOLLIN)
            deadline = time.monotonic() + TIMEOUT
            sent_at = self._ping()
            while waiting:
                if time.monotonic() > deadline:
                    raise LoadError(f"{len(waiting)} users were not served")
                for file, _ in poller.poll(1.0):
                    client = waiting.get(file, self._quiet)
                    client.rest += drain(client)
                    if client is self._quiet:
                        if b'"pong"' in client.rest:
                            pings.append(time.perf_counter() - sent_at)
                            client.rest, sent_at = b"", self._ping()
                    elif self._is_answered(client, answer):
                        poller.unregister(file)
                        del waiting[file]
        return pings or [time.perf_counter() - sent_at]

    def _ping(self) -> float:
        self._quiet.socket.sendall(frame("ping"))
        return time.perf_counter()

    def _is_answered(self, client: Client, answer: bytes) -> bool:
        if b'{"type":"error"' in client.rest:
            raise LoadError(f"{client.name}: {client.rest.decode()}")
        start = client.rest.find(answer)
        if start < 0 or client.rest.find(b"\n", start) < 0:
            return False
        if token := TOKEN.search(client.rest):
            self.tokens[client.name] = token[1].decode()
        client.rest = b""
        return True
