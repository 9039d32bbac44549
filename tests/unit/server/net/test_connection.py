"""A connection whose peer does not read, with a fake transport."""

import asyncio
import json
from typing import Any

from chatroom.server.net.connection import PeerConnection
from chatroom.server.net.flusher import WriteFlusher
from chatroom.server.net.input_queue import InputQueue
from chatroom.server.net.limits import InputBudgets
from chatroom.server.net.memory_budget import MemoryBudget


class Stuck(asyncio.Transport):
    """A transport that holds what is written; ``taken`` bytes of it the peer has read."""

    def __init__(self) -> None:
        super().__init__()
        self.written = b""
        self.taken = 0
        self.closed = asyncio.Event()

    def write(self, data: Any) -> None:
        self.written += data

    def get_write_buffer_size(self) -> int:
        return len(self.written) - self.taken

    def set_write_buffer_limits(self, high: int | None = None, low: int | None = None) -> None:
        pass

    def pause_reading(self) -> None:
        pass

    def resume_reading(self) -> None:
        pass

    def close(self) -> None:
        self.closed.set()

    def abort(self) -> None:
        self.closed.set()

    @property
    def last_words(self) -> str:
        return str(json.loads(self.written.splitlines()[-1])["code"])


class Nobody:
    """Takes no lines."""

    def receive_lines(self) -> None:
        pass

    def input_ended(self) -> None:
        pass

    def connection_lost(self) -> None:
        pass


def connected(
    transport: Stuck, *, outbox_bytes: int = 0, outbox_stall: float = 0.0, memory: MemoryBudget | None = None
) -> PeerConnection:
    connection = PeerConnection(
        lambda _: Nobody(),
        flusher=WriteFlusher(asyncio.get_running_loop()),
        input_queue=InputQueue(asyncio.get_running_loop(), 0.0),
        budgets=InputBudgets(0, 0, 0, 0),
        memory=memory or MemoryBudget(0),
        line_limit=4096,
        outbox_bytes=outbox_bytes,
        outbox_stall=outbox_stall,
        ping_interval=30,
        dead_after=75,
    )
    connection.connection_made(transport)
    return connection


async def test_stalled_reader_is_disconnected() -> None:
    transport = Stuck()
    connection = connected(transport, outbox_stall=0.01)
    connection.send_event(b"{}\n")
    await asyncio.sleep(0)
    connection.pause_writing()
    await transport.closed.wait()
    assert transport.last_words == "slow_consumer"


async def test_slow_reader_with_progress_stays_connected() -> None:
    transport = Stuck()
    connection = connected(transport, outbox_stall=0.01)
    connection.send_event(b"{}\n" * 100)
    await asyncio.sleep(0)
    connection.pause_writing()
    connection._check_progress(transport.get_write_buffer_size() + 1)  # a byte went since
    assert not transport.closed.is_set()
    connection.connection_lost(None)


async def test_waiting_events_are_limited_and_answers_are_not() -> None:
    transport = Stuck()
    connection = connected(transport, outbox_bytes=10)
    connection.pause_writing()
    connection.send_answer(b"x" * 1000)
    connection.send_event(b"x" * 10)
    assert not transport.closed.is_set()
    connection.send_event(b"x")
    assert transport.closed.is_set()
    assert transport.last_words == "slow_consumer"
    connection.connection_lost(None)


async def test_connection_that_holds_most_is_dropped_first() -> None:
    memory = MemoryBudget(1000)
    transports = [Stuck(), Stuck(), Stuck()]
    connections = [connected(transport, memory=memory) for transport in transports]
    for connection, size in zip(connections, (100, 500, 200), strict=True):
        connection.send_answer(b"x" * size)
        await asyncio.sleep(0)
        connection.pause_writing()
    assert (memory.held_bytes, memory.dropped) == (800, 0)
    connections[0].send_answer(b"x" * 300)
    assert [transport.closed.is_set() for transport in transports] == [False, True, False]
    assert (memory.held_bytes, memory.dropped) == (600, 1)
    connections[2].resume_writing()
    assert memory.held_bytes == 400
    connections[0].connection_lost(None)
    assert memory.held_bytes == 0


async def test_waiting_input_counts_as_memory() -> None:
    memory = MemoryBudget(1000)
    transport = Stuck()
    connection = connected(transport, memory=memory)
    connection.data_received(b"{" * 600)
    assert memory.held_bytes == 600
    connection.data_received(b"{" * 600)
    assert transport.closed.is_set()
