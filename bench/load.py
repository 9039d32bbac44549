"""Many clients in one thread: they join rooms, and then send and receive messages.

The clients log in and join here. A talker, in C or in Python, does the sending and receiving. Each figure has
the share of a core that the load used, because a load that is too slow would measure itself.
"""

import select
import socket
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import TypeVar

from bench import compiled
from bench.dialects import Dialect, Step
from bench.talkers import CHUNK, Client, Delays, LoadError, PlainTalker, Talker, receive, whole_lines

T = TypeVar("T")

QUIET_SECONDS = 0.4
"""Seconds without data after which the effects of joining are over."""

TIMEOUT = 60.0
"""Seconds to wait for missing messages."""

CHECK_INTERVAL = 0.05
"""Seconds between two checks for missing messages."""


@dataclass(frozen=True)
class Count:
    """The messages received and confirmed up to a time."""

    time: float
    received: int
    confirmed: int


@dataclass(frozen=True)
class Talk:
    """The result of one measurement. ``delays`` are the times until confirmation."""

    seconds: float
    received: int
    confirmed: int
    delays: Delays
    compiled: bool  # whether the load was in C


OpenTalker = Callable[[Dialect, Sequence[Client], Delays], Talker]


def best_talker(dialect: Dialect) -> OpenTalker:
    return compiled.CompiledTalker if compiled.speaks(dialect) else PlainTalker


class ClientPool:
    """All clients of one server."""

    def __init__(self, dialect: Dialect, port: int, open_talker: OpenTalker | None = None) -> None:
        self._dialect = dialect
        self._port = port
        self._open_talker = open_talker or best_talker(dialect)
        self._epoll = select.epoll()
        self._by_file: dict[int, Client] = {}
        self._buffer = bytearray(CHUNK)

    @property
    def clients(self) -> list[Client]:
        return list(self._by_file.values())

    # Joining

    def join(self, names: Iterable[str], rooms: Sequence[str] = ()) -> list[Client]:
        """Connect and log in. With rooms, create them and distribute the clients over them in turn."""
        joined = []
        for group in self._in_groups(list(names)):
            connected = [self.connect(name) for name in group]
            self._run_together({client: self._dialect.log_in_steps(client.name) for client in connected})
            joined += connected
        if rooms:
            self.enter(joined, rooms)
        self.settle()
        return joined

    def enter(self, clients: Sequence[Client], rooms: Sequence[str]) -> None:
        """Create rooms and distribute the clients over them in turn. They send to these rooms from now on."""
        self.run_steps(clients[:1], lambda _: chain.from_iterable(map(self._dialect.make_room, rooms)))
        for number, client in enumerate(clients):
            client.room = rooms[number % len(rooms)]
        self.run_steps(clients, lambda client: self._dialect.enter(client.name, client.room))
        self.settle()

    def settle(self) -> None:
        """Receive and discard everything that is still in transit."""
        while ready := self._epoll.poll(QUIET_SECONDS, 1024):
            for file, _ in ready:
                receive(self._by_file[file], self._buffer)
        for client in self._by_file.values():
            client.rest = b""

    def close(self) -> None:
        self._epoll.close()
        for client in self._by_file.values():
            client.socket.close()

    def connect(self, name: str) -> Client:
        """Open one more connection, without logging in."""
        client = Client(name, socket.create_connection(("127.0.0.1", self._port)))
        client.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._by_file[client.socket.fileno()] = client
        self._epoll.register(client.socket, select.EPOLLIN)
        return client

    def run_steps(self, clients: Sequence[Client], make_steps: Callable[[Client], Iterator[Step]]) -> None:
        """Let the clients go through these steps, a group at a time."""
        for group in self._in_groups(clients):
            self._run_together({client: make_steps(client) for client in group})

    def _in_groups(self, items: Sequence[T]) -> Iterator[Sequence[T]]:
        size = self._dialect.at_once
        return (items[first : first + size] for first in range(0, len(items), size))

    def _run_together(self, steps_of: dict[Client, Iterator[Step]]) -> None:
        awaited: dict[Client, bytes] = {}
        for client in steps_of:
            self._step(client, steps_of, awaited)
        deadline = time.monotonic() + TIMEOUT
        while awaited:
            if time.monotonic() > deadline:
                raise LoadError(f"{len(awaited)} clients wait for {set(awaited.values())}")
            for file, _ in self._epoll.poll(1.0):
                client = self._by_file[file]
                lines = self._lines(client)
                if client in awaited and awaited[client] in lines:
                    del awaited[client]
                    self._step(client, steps_of, awaited)
                elif client in awaited and b'{"type":"error"' in lines:
                    raise LoadError(f"{client.name}: {lines.decode()}")

    def _step(
        self, client: Client, steps_of: dict[Client, Iterator[Step]], awaited: dict[Client, bytes]
    ) -> None:
        step = next(steps_of[client], None)
        if step is not None:
            client.socket.sendall(step.line)
            awaited[client] = step.answer

    # Talking

    def talk(
        self,
        speakers: Sequence[Client],
        *,
        window: int,
        warm_up: float,
        seconds: float,
        mark: Callable[[], None],
    ) -> Talk:
        """Let ``speakers`` send, with ``window`` unconfirmed messages each.

        ``mark`` is called at the start and at the end of the measured time. Raises ``LoadError`` unless all
        messages were then confirmed once, and received once by each client of the room.
        """
        for client in self.clients:
            client.begin(0)
        for client in speakers:
            client.begin(window)
        delays = Delays()
        talker = self._open_talker(self._dialect, self.clients, delays)
        try:
            talker.listen(warm_up, talking=True)
            delays.clear()
            mark()
            before = self._count()
            talker.listen(seconds, talking=True)
            after = self._count()
            mark()
            self._finish(talker)
        finally:
            talker.close()
        return Talk(
            after.time - before.time,
            after.received - before.received,
            after.confirmed - before.confirmed,
            delays,
            compiled=isinstance(talker, compiled.CompiledTalker),
        )

    def _count(self) -> Count:
        return Count(
            time.perf_counter(),
            sum(client.received for client in self._by_file.values()),
            sum(client.confirmed for client in self._by_file.values()),
        )

    def _finish(self, talker: Talker) -> None:
        """Wait for missing messages."""
        deadline = time.monotonic() + TIMEOUT
        while self._missing() and time.monotonic() < deadline:
            talker.listen(CHECK_INTERVAL, talking=False)
        talker.listen(CHECK_INTERVAL, talking=False)  # anything that arrives now is too much
        if missing := self._missing():
            raise LoadError(f"{missing} messages too few or too many were delivered or confirmed")

    def _missing(self) -> int:
        """Return how many messages and confirmations are missing or superfluous.

        A dialect that echoes delivers messages to their sender too.
        """
        spoken: dict[str, int] = {}
        for client in self._by_file.values():
            spoken[client.room] = spoken.get(client.room, 0) + client.sent
        return sum(
            abs(spoken[client.room] - client.received - (0 if self._dialect.echoes else client.sent))
            + client.sent
            - client.confirmed
            for client in self._by_file.values()
        )

    # Receiving

    def _lines(self, client: Client) -> bytes:
        """Receive, and return the complete lines."""
        fresh = self._buffer[: receive(client, self._buffer)]
        return whole_lines(client, fresh, self._dialect.end)
