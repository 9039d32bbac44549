"""A proxy between one server process and NATS, which loses, repeats, delays, reorders and spoils what NATS
delivers, and cuts the process off.

It reads NATS's own protocol, since only whole frames can be lost without breaking the connection.
"""

import asyncio
from asyncio import StreamReader, StreamWriter
from collections.abc import Callable
from contextlib import suppress
from random import Random

MAX_DELAY = 0.3
"""Seconds by which a frame is delayed at most. Later ones overtake it."""


class HintProxy:
    """``noise`` is the share of frames that something happens to."""

    def __init__(self, port: int, nats_port: int, random: Random, noise: float = 0.0) -> None:
        self._port = port
        self._nats_port = nats_port
        self._random = random
        self._connected = asyncio.Event()
        self._connected.set()
        self._connections: set[asyncio.Task[None]] = set()
        self.noise = noise
        self.only = ""  # what happens to them, if always the same
        self.spoilt = 0  # frames that something happened to

    async def open(self) -> None:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", self._port)

    async def close(self) -> None:
        self._server.close()
        for connection in list(self._connections):
            connection.cancel()

    def partition(self) -> None:
        """Carry nothing in either direction, and keep the connection."""
        self._connected.clear()

    def heal(self) -> None:
        self._connected.set()

    async def _serve(self, reader: StreamReader, writer: StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._connections.add(task)
        to_nats: StreamWriter | None = None
        try:
            from_nats, to_nats = await asyncio.open_connection("127.0.0.1", self._nats_port)
            up = asyncio.create_task(self._copy(reader, to_nats))
            down = asyncio.create_task(self._carry_frames(from_nats, writer))
            await asyncio.wait((up, down), return_when=asyncio.FIRST_COMPLETED)
            up.cancel()
            down.cancel()
        except (OSError, asyncio.CancelledError):
            pass
        finally:
            self._connections.discard(task)
            writer.close()
            if to_nats is not None:
                to_nats.close()

    async def _copy(self, reader: StreamReader, writer: StreamWriter) -> None:
        with suppress(OSError):
            while data := await reader.read(65536):
                await self._connected.wait()
                writer.write(data)
                await writer.drain()

    async def _carry_frames(self, reader: StreamReader, writer: StreamWriter) -> None:
        with suppress(OSError, asyncio.IncompleteReadError):
            while line := await reader.readline():
                await self._connected.wait()
                if line.startswith(b"MSG "):
                    size = int(line.rsplit(b" ", 1)[1])
                    self._carry_message(line, await reader.readexactly(size + 2), writer.write)
                else:
                    writer.write(line)
                await writer.drain()

    def _carry_message(self, line: bytes, payload: bytes, write: Callable[[bytes], None]) -> None:
        if self._random.random() >= self.noise:
            write(line + payload)
            return
        self.spoilt += 1
        match self.only or self._random.choice(("lose", "repeat", "delay", "spoil")):
            case "repeat":
                write((line + payload) * 2)
            case "delay":
                delay = self._random.uniform(0, MAX_DELAY)
                asyncio.get_running_loop().call_later(delay, write, line + payload)
            case "spoil" if len(payload) > 2:
                place = self._random.randrange(len(payload) - 2)
                write(line + payload[:place] + bytes([payload[place] ^ 1]) + payload[place + 1 :])
