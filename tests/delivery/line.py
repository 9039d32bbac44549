"""One connection of a client: lines out, lines in. The counterpart is the server, by way of ``proxy``.

It knows of the protocol that a request gets one response with its ``id``, and nothing else.
"""

import asyncio
import json
from asyncio import Future, StreamReader, StreamWriter
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

from tests.support.processes import crowding

Json = dict[str, Any]

LONGEST = 2**24
"""Bytes of a line. A page of the longest texts fits many times."""

PATIENCE = 2.0
"""Seconds without any sign of life after which a connection counts as dead, on a machine of its own."""


class Lost(Exception):
    """The connection has ended, and what became of the requests on it is unknown."""


class Line:
    """``hear`` is told every frame that comes, before whoever waits for it."""

    def __init__(self, reader: StreamReader, writer: StreamWriter, hear: Callable[[Json], None]) -> None:
        self._reader = reader
        self._writer = writer
        self._hear = hear
        self._waiting: dict[int, Future[Json]] = {}  # for answers, by id

    def send(self, frame: Json) -> None:
        """Hand a request to the network and do not wait."""
        self._writer.write(json.dumps(frame, ensure_ascii=False, separators=(",", ":")).encode() + b"\n")

    async def ask(self, frame: Json) -> Json:
        """A request and its response. Raises ``ConnectionLost``."""
        answer: Future[Json] = asyncio.get_running_loop().create_future()
        self._waiting[frame["id"]] = answer
        self.send(frame)
        try:
            return await answer
        finally:
            del self._waiting[frame["id"]]

    def close(self) -> None:
        """The network's way to end it."""
        self._writer.transport.abort()

    def lose(self) -> None:
        """Whoever still waits for an answer hears that there will be none."""
        for answer in self._waiting.values():
            if not answer.done():
                answer.set_exception(Lost())

    async def listen(self) -> None:
        """Hear every frame until the end, which raises ``ConnectionLost``."""
        try:
            while (line := await self._reader.readline()).endswith(b"\n"):
                frame: Json = json.loads(line)
                self._hear(frame)
                answer = self._waiting.get(frame.get("id", 0))
                if answer is not None and not answer.done():
                    answer.set_result(frame)
        except OSError:
            pass
        raise Lost

    async def watch(self, next_id: Callable[[], int]) -> None:
        """Ask for a sign of life now and then. Raises ``ConnectionLost`` when none comes in time."""
        while True:
            try:
                async with asyncio.timeout(PATIENCE * crowding()):
                    await self.ask({"type": "ping", "id": next_id()})
            except TimeoutError:
                raise Lost from None
            await asyncio.sleep(PATIENCE / 4)


@asynccontextmanager
async def connected(port: int, hear: Callable[[Json], None]) -> AsyncIterator[Line]:
    """A connection for the length of an ``async with``. Raises ``OSError`` when there is none to be had."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port, limit=LONGEST)
    line = Line(reader, writer, hear)
    try:
        yield line
    finally:
        line.lose()
        writer.close()


async def ask_in_passing(port: int, login: Json, request: Json) -> Json:
    """The response to a request on a connection that is made for it alone.

    Raises ``ConnectionLost``, also when the login is refused; ``OSError``; ``TimeoutError``.
    """
    async with connected(port, lambda frame: None) as line:
        listening = asyncio.create_task(line.listen())
        try:
            async with asyncio.timeout(PATIENCE * crowding()):
                session = await line.ask(login)
                if session["type"] != "session":
                    raise Lost
                return await line.ask(request)
        finally:
            listening.cancel()
            await asyncio.wait([listening])
