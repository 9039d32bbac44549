"""A network that can be spoilt: it stands between the clients and one server. The counterpart is ``faults``.

Everything here is what a real network may do to two honest ends. Bytes come late, in crumbs, or never; a
connection ends in the middle of a line, with or without a farewell; what one end sent before it gave up can
arrive long after. The one thing that no network does by itself is to repeat a line, but a second copy of a
client could: so ``replay`` repeats only a ``send`` that has been acknowledged, which must change nothing.
"""

import asyncio
import json
import socket
import struct
from collections import deque
from collections.abc import Callable, Sequence
from random import Random

CHUNK = 65536
CRUMB = 48
"""How many bytes at a time come through a dripping flow, each after ``DRIP`` seconds."""
DRIP = 0.005


class Flow:
    """One direction of one connection."""

    def __init__(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, see: Callable[[bytes], None]
    ):
        self._reader = reader
        self._writer = writer
        self._see = see
        self._rest = b""  # of a line that has passed in part
        self._open = asyncio.Event()
        self.mend()
        self.cut_after: int | None = None  # bytes from now
        self.is_cut = False  # for good: what came behind is lost, and cannot be mended
        self.repeats: list[bytes] = []  # lines to slip in at the next end of a line

    def mend(self) -> None:
        """Let everything through, at once. What was held goes on its way."""
        self.lag = 0.0
        self.drips = False
        self.cut_after = None
        self._open.set()

    def hold(self) -> None:
        """Let nothing through; nothing is lost either."""
        self._open.clear()

    async def run(self) -> None:
        """Carry bytes until the end, or until the cut. What comes after the far end has gone is dropped."""
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
        step = CRUMB if self.drips else len(data)
        for start in range(0, len(data), step or 1):
            self._writer.write(data[start : start + step])
            await self._writer.drain()
            await asyncio.sleep(DRIP if self.drips else 0)

    def _with_repeats(self, data: bytes) -> bytes:
        """The bytes, with what is to be repeated behind the last line that ends in them."""
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
        self._asked: dict[int, bytes] = {}  # sends on their way, by id
        self._confirmed: deque[bytes] = deque(maxlen=20)

    async def run(self) -> None:
        """Carry both ways until both have ended, or either is cut."""
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
        """End it without a farewell (RST), both ways."""
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
    """Listens on a port of its own and carries every connection to the port ``target``."""

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
        """From here on, nothing is spoilt."""
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
