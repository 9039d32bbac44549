"""A proxy between the clients and one server that injects network faults. ``faults`` decides when.

All faults are what a real network may do: bytes arrive late, in small pieces, or never; a connection ends in
the middle of a line, with or without FIN; what one end sent before it gave up may arrive long after. Only
repeating a line is not a network fault, but a second copy of a client could do it: ``replay`` repeats only a
``send`` that was acknowledged, which must change nothing.
"""

import asyncio
import json
import socket
import struct
from collections import deque
from collections.abc import Callable, Sequence
from random import Random

CHUNK = 65536
DRIP_BYTES = 48
"""Bytes that pass at once through a dripping flow, every ``DRIP`` seconds."""
DRIP = 0.005


class Flow:
    """One direction of a connection."""

    def __init__(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, see: Callable[[bytes], None]
    ):
        self._reader = reader
        self._writer = writer
        self._see = see
        self._rest = b""  # the unfinished last line
        self._open = asyncio.Event()
        self.mend()
        self.cut_after: int | None = None  # bytes from now
        self.is_cut = False  # permanent: later bytes are lost
        self.repeats: list[bytes] = []  # lines to insert at the next end of a line

    def mend(self) -> None:
        """Pass everything at once, including blocked bytes."""
        self.lag = 0.0
        self.drips = False
        self.cut_after = None
        self._open.set()

    def hold(self) -> None:
        """Block all bytes without losing any."""
        self._open.clear()

    async def run(self) -> None:
        """Copy bytes until the end or the cut. Bytes that arrive after the other end is gone are dropped."""
        try:
            while data := await self._reader.read(CHUNK):
                await self._open.wait()
                await asyncio.sleep(self.lag)
                await self._carry(self._with_repeats(data))
                if self.is_cut:
                    return
            self._writer.write_eof()
        except OSError:
            await self._drain()

    async def _carry(self, data: bytes) -> None:
        if self.cut_after is not None:
            data = data[: self.cut_after]
            self.cut_after -= len(data)
            self.is_cut = self.cut_after == 0
        step = DRIP_BYTES if self.drips else len(data)
        for start in range(0, len(data), step or 1):
            self._writer.write(data[start : start + step])
            await self._writer.drain()
            await asyncio.sleep(DRIP if self.drips else 0)

    def _with_repeats(self, data: bytes) -> bytes:
        """The bytes, with repeated lines inserted after the last complete line."""
        *lines, self._rest = (self._rest + data).split(b"\n")
        for line in lines:
            self._see(line)
        if not lines or not self.repeats:
            return data
        repeats, self.repeats = self.repeats, []
        whole = len(data) - len(self._rest)
        return data[:whole] + b"".join(line + b"\n" for line in repeats) + data[whole:]

    async def _drain(self) -> None:
        try:
            while await self._reader.read(CHUNK):
                pass
        except OSError:
            pass


Ends = tuple[asyncio.StreamReader, asyncio.StreamWriter]


class Cable:
    """One connection through the proxy: ``up`` to the server, ``down`` to the client."""

    def __init__(self, client: Ends, server: Ends) -> None:
        self.up = Flow(client[0], server[1], self._see_request)
        self.down = Flow(server[0], client[1], self._see_answer)
        self._writers = client[1], server[1]
        self._asked: dict[int, bytes] = {}  # open sends, by id
        self._confirmed: deque[bytes] = deque(maxlen=20)

    async def run(self) -> None:
        """Copy in both directions until both have ended or either is cut."""
        up, down = asyncio.create_task(self.up.run()), asyncio.create_task(self.down.run())
        try:
            await asyncio.wait((up, down), return_when=asyncio.FIRST_COMPLETED)
            if not (self.up.is_cut or self.down.is_cut):
                await asyncio.wait((up, down))
        finally:
            up.cancel()
            down.cancel()
            for writer in self._writers:
                writer.close()

    def mend(self) -> None:
        self.up.mend()
        self.down.mend()

    def reset(self) -> None:
        """Reset the connection (RST) in both directions."""
        for writer in self._writers:
            end: socket.socket = writer.get_extra_info("socket")
            if end.fileno() >= 0:
                end.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            writer.transport.abort()

    def replay(self, random: Random) -> None:
        """Repeat an acknowledged ``send`` to the server, if there was one."""
        if self._confirmed:
            self.up.repeats.append(random.choice(self._confirmed))

    def _see_request(self, line: bytes) -> None:
        if b'"type":"send"' in line:
            self._asked[json.loads(line)["id"]] = line

    def _see_answer(self, line: bytes) -> None:
        if b'"type":"sent"' in line:
            request = self._asked.pop(json.loads(line)["id"], None)
            if request is not None:
                self._confirmed.append(request)


class Proxy:
    """Listens on its own port and forwards every connection to the port ``target``."""

    def __init__(self, target: int) -> None:
        self._target = target
        self._cables: dict[Cable, asyncio.Task[None]] = {}
        self._listener: asyncio.Server | None = None
        self.port = 0

    async def open(self) -> None:
        self._listener = await asyncio.start_server(self._accept, "127.0.0.1", 0)
        self.port = self._listener.sockets[0].getsockname()[1]

    @property
    def cables(self) -> Sequence[Cable]:
        return list(self._cables)

    def heal(self) -> None:
        """Stop all faults."""
        for cable in self._cables:
            cable.mend()

    async def close(self) -> None:
        if self._listener is not None:
            self._listener.close()
            await self._listener.wait_closed()
        tasks = list(self._cables.values())
        for cable in list(self._cables):
            cable.reset()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            server = await asyncio.open_connection("127.0.0.1", self._target)
        except OSError:
            writer.transport.abort()
            return
        cable = Cable((reader, writer), server)
        self._cables[cable] = asyncio.create_task(cable.run())
        try:
            await asyncio.wait({self._cables[cable]})
        finally:
            self._cables.pop(cable)
