"""One connection of a client, through ``proxy``.

It knows of the protocol only that a request gets one response with its ``id``.
"""

import asyncio
import json
from asyncio import Future, StreamReader, StreamWriter
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

from tests.support.processes import crowding

Json = dict[str, Any]

MAX_LINE_BYTES = 2**24
"""Bytes of a line. A page of the longest texts fits many times."""

PING_TIMEOUT_SECONDS = 2.0
"""Seconds without any answer after which a connection counts as dead, on an idle machine."""


class ConnectionEnded(Exception):
    """The connection has ended; the outcome of its open requests is unknown."""


class ClientLine:
    """``hear`` is called with every frame, before the caller of ``ask`` gets it."""

    def __init__(self, reader: StreamReader, writer: StreamWriter, hear: Callable[[Json], None]) -> None:
        self._reader = reader
        self._writer = writer
        self._hear = hear
        self._waiting: dict[int, Future[Json]] = {}  # for answers, by id

    def send(self, frame: Json) -> None:
        """Write a request without waiting."""
        self._writer.write(json.dumps(frame, ensure_ascii=False, separators=(",", ":")).encode() + b"\n")

    async def ask(self, frame: Json) -> Json:
        """Send a request and return its response. Raises ``ConnectionEnded``."""
        answer: Future[Json] = asyncio.get_running_loop().create_future()
        self._waiting[frame["id"]] = answer
        self.send(frame)
        try:
            return await answer
        finally:
            del self._waiting[frame["id"]]

    def close(self) -> None:
        """Abort the connection."""
        self._writer.transport.abort()

    def lose(self) -> None:
        """Fail all open requests."""
        for answer in self._waiting.values():
            if not answer.done():
                answer.set_exception(ConnectionEnded())

    async def listen(self) -> None:
        """Read frames until the end, which raises ``ConnectionEnded``."""
        try:
            while (line := await self._reader.readline()).endswith(b"\n"):
                frame: Json = json.loads(line)
                self._hear(frame)
                answer = self._waiting.get(frame.get("id", 0))
                if answer is not None and not answer.done():
                    answer.set_result(frame)
        except OSError:
            pass
        raise ConnectionEnded

    async def watch(self, next_id: Callable[[], int]) -> None:
        """Send a ``ping`` now and then. Raises ``ConnectionEnded`` if no answer arrives in time."""
        while True:
            try:
                async with asyncio.timeout(PING_TIMEOUT_SECONDS * crowding()):
                    await self.ask({"type": "ping", "id": next_id()})
            except TimeoutError:
                raise ConnectionEnded from None
            await asyncio.sleep(PING_TIMEOUT_SECONDS / 4)


@asynccontextmanager
async def connected(port: int, hear: Callable[[Json], None]) -> AsyncIterator[ClientLine]:
    """Open a connection for the length of an ``async with``. Raises ``OSError``."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port, limit=MAX_LINE_BYTES)
    line = ClientLine(reader, writer, hear)
    try:
        yield line
    finally:
        line.lose()
        writer.close()


async def ask_once(port: int, login: Json, request: Json) -> Json:
    """Send a request on a connection of its own and return the response.

    Raises ``ConnectionEnded`` (also if the login is refused), ``OSError`` or ``TimeoutError``.
    """
    async with connected(port, lambda frame: None) as line:
        listening = asyncio.create_task(line.listen())
        try:
            async with asyncio.timeout(PING_TIMEOUT_SECONDS * crowding()):
                session = await line.ask(login)
                if session["type"] != "session":
                    raise ConnectionEnded
                return await line.ask(request)
        finally:
            listening.cancel()
            await asyncio.wait([listening])
