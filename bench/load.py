"""Many clients in one thread: they join, talk, and count every line they hear. The counterpart is the server
under measurement.

Python is fast enough for this because it never looks at a single line: a chunk's newlines are counted, and
only those who speak look for their confirmations. How much of its core the load used stands beside every
figure, for a load that is too slow would measure itself.
"""

import select
import socket
import time
from array import array
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import chain
from typing import TypeVar

from bench.dialects import Dialect, Step

T = TypeVar("T")

CHUNK = 1 << 18
"""Bytes taken from a socket at once."""

AT_ONCE = 10
"""How many join at the same time. ngircd lets no more wait to be accepted; the next would try again a second
later."""

QUIET = 0.4
"""Seconds without a byte after which everything that joining caused is taken to be over."""

PATIENCE = 60.0
"""Seconds after which a server that owes us something is taken to be broken."""


class Lost(Exception):
    """The server owes us something, or told more than it should have."""


@dataclass(slots=True, eq=False)
class Client:
    """One connection. ``window`` is how many messages of its own may be unconfirmed; most only listen."""

    name: str
    socket: socket.socket
    room: str = ""
    window: int = 0
    heard: int = 0  # messages delivered to it
    said: int = 0
    confirmed: int = 0
    waiting: deque[float] = field(default_factory=deque)  # when each unconfirmed message was sent
    rest: bytes = b""  # the beginning of a line


@dataclass(frozen=True)
class Count:
    """How far everything had come at a moment."""

    time: float
    heard: int
    confirmed: int


@dataclass(frozen=True)
class Talk:
    """What came of talking for a while. ``delays`` is how long each confirmation took, in seconds."""

    seconds: float
    heard: int
    confirmed: int
    delays: Sequence[float]


class Crowd:
    """All clients of one server."""

    def __init__(self, dialect: Dialect, port: int) -> None:
        self._dialect = dialect
        self._port = port
        self._epoll = select.epoll()
        self._by_file: dict[int, Client] = {}
        self._buffer = bytearray(CHUNK)
        self._delays = array("d")
        self._talking = False

    @property
    def clients(self) -> list[Client]:
        return list(self._by_file.values())

    # Joining

    def join(self, names: Iterable[str], rooms: Sequence[str] = ()) -> list[Client]:
        """Connect and log in; with rooms, make them and spread everybody over them in turn."""
        joined = []
        for some in _in_groups(list(names)):
            greeted = [self.connect(name) for name in some]
            self._walk_together({client: self._dialect.greet(client.name) for client in greeted})
            joined += greeted
        self.walk(joined[:1], lambda _: chain.from_iterable(map(self._dialect.make_room, rooms)))
        for number, client in enumerate(joined if rooms else []):
            client.room = rooms[number % len(rooms)]
        if rooms:
            self.walk(joined, lambda client: self._dialect.enter(client.name, client.room))
        self.settle()
        return joined

    def settle(self) -> None:
        """Let everything arrive that is still under way, and forget it."""
        while ready := self._epoll.poll(QUIET, 1024):
            for file, _ in ready:
                self._receive(self._by_file[file])
        for client in self._by_file.values():
            client.rest = b""

    def close(self) -> None:
        self._epoll.close()
        for client in self._by_file.values():
            client.socket.close()

    def connect(self, name: str) -> Client:
        """One more connection, which says nothing by itself."""
        client = Client(name, socket.create_connection(("127.0.0.1", self._port)))
        client.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._by_file[client.socket.fileno()] = client
        self._epoll.register(client.socket, select.EPOLLIN)
        return client

    def walk(self, clients: Sequence[Client], way: Callable[[Client], Iterator[Step]]) -> None:
        """Everybody goes this way, some at a time."""
        for some in _in_groups(clients):
            self._walk_together({client: way(client) for client in some})

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
        """Everybody of ``speakers`` keeps ``window`` messages unconfirmed. ``mark`` is called at the
        beginning and at the end of what is measured.

        Afterwards all that was said must have been confirmed, and heard by everybody, once. Raises ``Lost``.
        """
        for client in speakers:
            client.window = window
        self._talking = True
        for client in speakers:
            self._say(client, window)
        self._listen_for(warm_up)
        self._delays = array("d")
        mark()
        before = self._count()
        self._listen_for(seconds)
        after = self._count()
        mark()
        delays = list(self._delays)
        self._talking = False
        self._finish(speakers)
        return Talk(
            after.time - before.time, after.heard - before.heard, after.confirmed - before.confirmed, delays
        )

    def _count(self) -> Count:
        return Count(
            time.perf_counter(),
            sum(client.heard for client in self._by_file.values()),
            sum(client.confirmed for client in self._by_file.values()),
        )

    def _listen_for(self, seconds: float) -> None:
        until = time.perf_counter() + seconds
        while (left := until - time.perf_counter()) > 0:
            self._listen(left)

    def _listen(self, timeout: float) -> None:
        for file, _ in self._epoll.poll(timeout, 1024):
            client = self._by_file[file]
            if client.window:
                self._hear_and_say(client)
            else:
                client.heard += self._buffer.count(b"\n", 0, self._receive(client))

    def _hear_and_say(self, client: Client) -> None:
        confirmed, heard = self._dialect.understand(self._lines(client))
        client.heard += heard
        client.confirmed += confirmed
        now = time.perf_counter()
        for _ in range(confirmed):
            self._delays.append(now - client.waiting.popleft())
        if confirmed and self._talking:
            self._say(client, confirmed)

    def _say(self, client: Client, count: int) -> None:
        client.socket.sendall(self._dialect.say(client.room, count))
        client.said += count
        now = time.perf_counter()
        client.waiting.extend([now] * count)

    def _finish(self, speakers: Sequence[Client]) -> None:
        """Wait for what is still owed."""
        deadline = time.monotonic() + PATIENCE
        while any(client.waiting for client in speakers) and time.monotonic() < deadline:
            self._listen(1.0)
        while self._owed() and time.monotonic() < deadline:
            self._listen(1.0)
        if owed := self._owed():
            raise Lost(f"{owed} messages too few or too many were delivered or confirmed")
        for client in self._by_file.values():
            client.window = client.heard = client.said = client.confirmed = 0

    def _owed(self) -> int:
        """How far what was heard is from what was said. A server may tell a speaker's messages to the speaker
        too, or not."""
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

    def _receive(self, client: Client) -> int:
        """How many bytes came; they are at the beginning of the buffer."""
        size = client.socket.recv_into(self._buffer)
        if not size:
            raise Lost(f"the server hung up on {client.name}")
        return size

    def _lines(self, client: Client) -> bytes:
        """The whole lines that came."""
        data = client.rest + self._buffer[: self._receive(client)]
        end = data.rfind(b"\n") + 1
        client.rest = data[end:]
        return data[:end]


def _in_groups(all: Sequence[T]) -> Iterator[Sequence[T]]:
    return (all[first : first + AT_ONCE] for first in range(0, len(all), AT_ONCE))
