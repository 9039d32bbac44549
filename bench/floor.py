"""The floor for all servers: uvloop and prepared bytes, nothing else. ``python -m bench.floor``

It implements our protocol just enough for ``load``: every client may join, and each message is answered
with prepared bytes of the real length, with one write per tick and connection. It parses, checks, encodes
and stores nothing. No server in Python can be faster, and few in any language are.
"""

import asyncio
import re
from typing import cast

import uvloop

from bench.dialects import TEXT

CONFIRMED = (
    b'{"type":"sent","id":1,"cid":"019aa8d5-4d6a-7cc2-a6ee-0c6cbbb8e8c5","seq":12345,'
    b'"time":"2026-11-22T04:22:43.273Z","duplicate":false}\n'
)
DELIVERED = (
    '{"type":"message","message":{"conversation":"#room0","seq":12345,"time":"2026-11-22T04:22:43.273Z",'
    f'"kind":"text","username":"user0","nickname":"user0","text":"{TEXT}"}}}}\n'
).encode()
ANSWERS = {
    b"register": b'{"type":"ok","id":0}\n',
    b"login": b'{"type":"session","id":0}\n',
    b"create_room": b'{"type":"room","id":0}\n',
    b"enter_room": b'{"type":"entered","id":0}\n',
    b"add_friend": b'{"type":"friend","id":0}\n',
}
SEND = b'{"type":"send"'
_TYPE = re.compile(rb'^{"type":"(\w+)"')
_ROOM = re.compile(rb'"room":"([^"]*)"')


class Room:
    """The clients in a room, and the number of messages of this tick."""

    def __init__(self) -> None:
        self.members: list[Peer] = []
        self.waiting = 0

    def add(self, count: int) -> None:
        if not self.waiting:
            asyncio.get_running_loop().call_soon(self._flush)
        self.waiting += count

    def _flush(self) -> None:
        lines = DELIVERED * self.waiting
        self.waiting = 0
        for member in self.members:
            member.flush(lines)


class Peer(asyncio.Protocol):
    def __init__(self, rooms: dict[bytes, Room]) -> None:
        self._rooms = rooms
        self._room: Room | None = None
        self._confirmed = 0
        self._rest = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)
        self._transport.write(b'{"type":"welcome"}\n')

    def data_received(self, data: bytes) -> None:
        lines, newline, self._rest = (self._rest + data).rpartition(b"\n")
        if not newline:
            return
        if self._room is not None and lines.startswith(SEND):
            count = lines.count(b"\n") + 1
            self._confirmed += count
            self._room.add(count)
            return
        for line in lines.split(b"\n"):
            self._join(line)

    def connection_lost(self, error: Exception | None) -> None:
        if self._room is not None:
            self._room.members.remove(self)

    def flush(self, lines: bytes) -> None:
        self._transport.write(CONFIRMED * self._confirmed + lines if self._confirmed else lines)
        self._confirmed = 0

    def _join(self, line: bytes) -> None:
        type = _TYPE.match(line)
        room = _ROOM.search(line)
        if room is not None and type is not None and type[1] == b"enter_room":
            self._room = self._rooms.setdefault(room[1], Room())
            self._room.members.append(self)
        if type is not None:
            self._transport.write(ANSWERS[type[1]])


async def serve() -> None:
    loop = asyncio.get_running_loop()
    rooms: dict[bytes, Room] = {}
    listener = await loop.create_server(lambda: Peer(rooms), "127.0.0.1", 0, backlog=1024)
    print(f"listening on 127.0.0.1:{listener.sockets[0].getsockname()[1]}", flush=True)
    await listener.serve_forever()


if __name__ == "__main__":
    uvloop.run(serve())
