"""Send and receive messages for many clients that have joined, and count them.

Each sending client keeps a number of messages unconfirmed. ``load`` joins the clients and checks the
counts. There are two talkers: this one, and a faster one in C (``compiled``), which is used if there is a
compiler. Python is fast enough for most servers, because it does not parse lines: it counts the newlines of
a chunk, and only sending clients look for confirmations.
"""

import select
import socket
import time
from collections import deque
from collections.abc import Sequence
from ctypes import Array, c_uint32, memset, sizeof
from dataclasses import dataclass
from typing import Protocol

from bench.dialects import Dialect

CHUNK = 1 << 18
"""Bytes received from a socket at once."""

SLOT, SLOTS = 1e-5, 1_000_000
"""The width of a slot in the table of delays, in seconds, and the number of slots."""


class LoadError(Exception):
    """The connection was closed, or the server sent too few or too many messages."""


@dataclass(slots=True, eq=False)
class Client:
    """One connection. ``window`` is its maximum of unconfirmed messages; 0 if it only receives."""

    name: str
    socket: socket.socket
    room: str = ""
    window: int = 0
    received: int = 0  # messages that it received
    sent: int = 0
    confirmed: int = 0
    rest: bytes = b""  # the start of an incomplete line

    def begin(self, window: int) -> None:
        self.window, self.received, self.sent, self.confirmed = window, 0, 0, 0


class Delays:
    """A histogram of the time until confirmation. The C talker writes to ``slots`` too."""

    def __init__(self) -> None:
        self.slots: Array[c_uint32] = (c_uint32 * SLOTS)()

    def add(self, seconds: float, count: int = 1) -> None:
        self.slots[min(int(seconds / SLOT), SLOTS - 1)] += count

    def clear(self) -> None:
        """Forget the delays of the warm-up."""
        memset(self.slots, 0, sizeof(self.slots))

    def within(self, part: float) -> float:
        """Return a percentile in seconds; ``part`` is for example 0.99."""
        counts = list(self.slots)
        left = sum(counts) * part
        for place, count in enumerate(counts):
            left -= count
            if count and left <= 0:
                return (place + 1) * SLOT
        return 0.0


class Talker(Protocol):
    """Sends and receives for all clients, and updates their counts."""

    def listen(self, seconds: float, *, talking: bool) -> None:
        """Receive for this time, and with ``talking`` keep all windows full. Raises ``LoadError``."""

    def close(self) -> None: ...


class PlainTalker:
    """The talker in Python."""

    def __init__(self, dialect: Dialect, clients: Sequence[Client], delays: Delays) -> None:
        self._dialect = dialect
        self._delays = delays
        self._buffer = bytearray(CHUNK)
        self._sent_at: dict[Client, deque[float]] = {client: deque() for client in clients if client.window}
        self._by_file = {client.socket.fileno(): client for client in clients}
        self._epoll = select.epoll()
        for client in clients:
            self._epoll.register(client.socket, select.EPOLLIN)

    def listen(self, seconds: float, *, talking: bool) -> None:
        until = time.perf_counter() + seconds
        for client in self._sent_at if talking else ():
            self._fill_window(client)
        while (left := until - time.perf_counter()) > 0:
            for file, _ in self._epoll.poll(left, 1024):
                client = self._by_file[file]
                if client.window:
                    self._receive_confirmations(client)
                    if talking:
                        self._fill_window(client)
                else:
                    client.received += self._count(client)

    def close(self) -> None:
        self._epoll.close()

    def _fill_window(self, client: Client) -> None:
        """Send messages until the window is full."""
        missing = client.window - (client.sent - client.confirmed)
        if missing:
            client.socket.sendall(self._dialect.say(client.name, client.room, missing))
            client.sent += missing
            self._sent_at[client].extend([time.perf_counter()] * missing)

    def _receive_confirmations(self, client: Client) -> None:
        lines = whole_lines(client, self._buffer[: receive(client, self._buffer)], self._dialect.end)
        confirmed, received = self._dialect.count_lines(client.name, lines)
        client.received += received
        client.confirmed += confirmed
        sent_at, now = self._sent_at[client], time.perf_counter()
        for _ in range(confirmed):
            self._delays.add(now - sent_at.popleft())

    def _count(self, client: Client) -> int:
        size = receive(client, self._buffer)
        if self._dialect.end == b"\n":
            return self._buffer.count(b"\n", 0, size)
        lines = whole_lines(client, self._buffer[:size], self._dialect.end)
        _, received = self._dialect.count_lines(client.name, lines)
        return received


def receive(client: Client, buffer: bytearray) -> int:
    """Receive into the buffer. Return the number of bytes. Raises ``LoadError``."""
    size = client.socket.recv_into(buffer)
    if not size:
        raise LoadError(f"the server hung up on {client.name}")
    return size


def take(client: Client) -> bytes:
    """Wait for data and return it. Raises ``LoadError``."""
    data = client.socket.recv(CHUNK)
    if not data:
        raise LoadError(f"the server hung up on {client.name}")
    return data


def drain(client: Client) -> bytes:
    """Return the data that has arrived, without waiting."""
    try:
        return client.socket.recv(CHUNK, socket.MSG_DONTWAIT)
    except BlockingIOError:
        return b""


def whole_lines(client: Client, fresh: bytes | bytearray, end: bytes) -> bytes:
    """Return the complete lines; keep the start of an incomplete one for the next call."""
    data = client.rest + fresh
    cut = data.rfind(end) + 1
    client.rest = data[cut:]
    return data[:cut]
