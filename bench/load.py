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
from bench.talkers import CHUNK, Client, Delays, Lost, PlainTalker, Talker, receive, whole_lines

T = TypeVar("T")

QUIET = 0.4
"""Seconds without data after which the effects of joining are over."""

PATIENCE = 60.0
"""Seconds to wait for missing messages."""

A_MOMENT = 0.05
"""Seconds between two checks for missing messages."""


@dataclass(frozen=True)
class Count:
    """The messages received and confirmed up to a time."""

    time: float
    heard: int
    confirmed: int


@dataclass(frozen=True)
class Talk:
    """The result of one measurement. ``delays`` are the times until confirmation."""

    seconds: float
    heard: int
    confirmed: int
    delays: Delays
    compiled: bool  # whether the load was in C


OpenTalker = Callable[[Dialect, Sequence[Client], Delays], Talker]


def best_talker(dialect: Dialect) -> OpenTalker:
    return compiled.CompiledTalker if compiled.speaks(dialect) else PlainTalker


class Crowd:
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
        for some in self._in_groups(list(names)):
            greeted = [self.connect(name) for name in some]
            self._walk_together({client: self._dialect.greet(client.name) for client in greeted})
            joined += greeted
        if rooms:
            self.enter(joined, rooms)
        self.settle()
        return joined

    def enter(self, people: Sequence[Client], rooms: Sequence[str]) -> None:
        """Create rooms and distribute the clients over them in turn. They send to these rooms from now on."""
        self.walk(people[:1], lambda _: chain.from_iterable(map(self._dialect.make_room, rooms)))
        for number, client in enumerate(people):
            client.room = rooms[number % len(rooms)]
        self.walk(people, lambda client: self._dialect.enter(client.name, client.room))
        self.settle()

    def settle(self) -> None:
        """Receive and discard everything that is still in transit."""
        while ready := self._epoll.poll(QUIET, 1024):
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

    def walk(self, clients: Sequence[Client], way: Callable[[Client], Iterator[Step]]) -> None:
        """Let the clients go through these steps, a group at a time."""
        for some in self._in_groups(clients):
            self._walk_together({client: way(client) for client in some})

    def _in_groups(self, all: Sequence[T]) -> Iterator[Sequence[T]]:
        size = self._dialect.at_once
        return (all[first : first + size] for first in range(0, len(all), size))

    def _walk_together(self, ways: dict[Client, Iterator[Step]]) -> None:
        awaited: dict[Client, bytes] = {}
        for client in ways:
            self._step(client, ways, awaited)
        deadline = time.monotonic() + PATIENCE
        while awaited:
            if time.monotonic() > deadline:
                raise Lost(f"{len(awaited)} clients wait for {set(awaited.values())}")
            for file, _ in self._epoll.poll(1.0):
                client = self._by_file[file]
                lines = self._lines(client)
                if client in awaited and awaited[client] in lines:
                    del awaited[client]
                    self._step(client, ways, awaited)
                elif client in awaited and b'{"type":"error"' in lines:
                    raise Lost(f"{client.name}: {lines.decode()}")

    def _step(self, client: Client, ways: dict[Client, Iterator[Step]], awaited: dict[Client, bytes]) -> None:
        step = next(ways[client], None)
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

        ``mark`` is called at the start and at the end of the measured time. Raises ``Lost`` unless all
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
            after.heard - before.heard,
            after.confirmed - before.confirmed,
            delays,
            compiled=isinstance(talker, compiled.CompiledTalker),
        )

    def _count(self) -> Count:
        return Count(
            time.perf_counter(),
            sum(client.heard for client in self._by_file.values()),
            sum(client.confirmed for client in self._by_file.values()),
        )

    def _finish(self, talker: Talker) -> None:
        """Wait for missing messages."""
        deadline = time.monotonic() + PATIENCE
        while self._owed() and time.monotonic() < deadline:
            talker.listen(A_MOMENT, talking=False)
        talker.listen(A_MOMENT, talking=False)  # anything that arrives now is too much
        if owed := self._owed():
            raise Lost(f"{owed} messages too few or too many were delivered or confirmed")

    def _owed(self) -> int:
        """Return how many messages and confirmations are missing or superfluous.

        A dialect that echoes delivers messages to their sender too.
        """
        spoken: dict[str, int] = {}
        for client in self._by_file.values():
            spoken[client.room] = spoken.get(client.room, 0) + client.said
        return sum(
            abs(spoken[client.room] - client.heard - (0 if self._dialect.echoes else client.said))
            + client.said
            - client.confirmed
            for client in self._by_file.values()
        )

    # Receiving

    def _lines(self, client: Client) -> bytes:
        """Receive, and return the complete lines."""
        fresh = self._buffer[: receive(client, self._buffer)]
        return whole_lines(client, fresh, self._dialect.end)
