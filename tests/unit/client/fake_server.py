"""A scripted server, so that a test reads as a transcript of both sides.

It sends and expects exactly the frames of the test, in this order. Any other request of the client is a
failure, except routine ones. It knows JSON lines, and not the protocol.
"""

import asyncio
import json
from typing import Any, Self

Json = dict[str, Any]

TEST_TIMEOUT = 30.0
"""Seconds until a test that waits for a client fails. No test that passes depends on it."""

LIMITS = {
    "line": 65536,
    "text": 4096,
    "username": [2, 10],
    "password": [6, 72],
    "room": [1, 32],
    "nickname": [1, 32],
    "page": 3,
}

ROUTINE_REQUESTS = frozenset({"list_rooms", "list_members", "show_room", "ping", "read"})
"""Requests that the client sends by itself; the server gives them empty responses."""


class Peer:
    """The server's end of one connection."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer
        self.routine_requests: list[Json] = []  # that were answered so far

    def send(self, **frame: Any) -> None:
        """Send a frame to the client."""
        self._writer.write(json.dumps(frame, ensure_ascii=False).encode() + b"\n")

    def send_bytes(self, data: bytes) -> None:
        self._writer.write(data)

    def send_welcome(self, **changes: Any) -> None:
        frame = {"type": "welcome", "protocol": 1, "server": "fake/1", "name": "Fake", "limits": LIMITS}
        self.send(**(frame | changes))

    async def expect(self, type: str, **fields: Any) -> Json:
        """Return the next request that is not routine; it must have this type and these fields."""
        request = await self.next_request({type})
        assert request["type"] == type, request
        assert fields.items() <= request.items(), request
        return request

    def answer(self, request: Json, type: str, **fields: Any) -> None:
        self.send(type=type, id=request["id"], **fields)

    def answer_error(self, request: Json, code: str, **details: Any) -> None:
        self.answer(request, "error", code=code, message=code, details=details)

    async def expect_close(self) -> None:
        """Wait until the client closes the connection, with only routine requests and a logout before."""
        line = await self._reader.readline()
        while line and json.loads(line)["type"] in ROUTINE_REQUESTS | {"logout"}:
            line = await self._reader.readline()
        assert not line, line

    def abort(self) -> None:
        """Cut the connection."""
        self._writer.transport.abort()

    async def next_request(self, types: set[str]) -> Json:
        """Return the next request that is of one of these types or not routine."""
        while True:
            async with asyncio.timeout(TEST_TIMEOUT):
                line = await self._reader.readline()
            assert line, f"the client closed the connection instead of {types}"
            request: Json = json.loads(line)
            if request["type"] in types or request["type"] not in ROUTINE_REQUESTS:
                return request
            self.routine_requests.append(request)
            self._answer_routine(request)

    def _answer_routine(self, request: Json) -> None:
        match request["type"]:
            case "list_rooms":
                self.answer(request, "rooms", rooms=[])
            case "list_members":
                self.answer(request, "members", members=[])
            case "show_room":
                self.answer_error(request, "unknown_room", room=request["room"])
            case "ping":
                self.answer(request, "pong")
            case "read":
                self.answer(request, "ok")


class FakeServer:
    """Listens on a free port. ``accept`` waits for the next client."""

    def __init__(self, **limits: int) -> None:
        self.limits = limits
        self._peers: asyncio.Queue[Peer] = asyncio.Queue()
        self._accepted: list[Peer] = []
        self._server: asyncio.Server | None = None

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._accept_peer, "127.0.0.1", 0)
        return self

    async def __aexit__(self, *_: object) -> None:
        assert self._server is not None
        self._server.close()
        for peer in self._accepted:
            peer.abort()
        await self._server.wait_closed()

    @property
    def address(self) -> str:
        assert self._server is not None
        host, port = self._server.sockets[0].getsockname()
        return f"{host}:{port}"

    async def accept(self) -> Peer:
        async with asyncio.timeout(TEST_TIMEOUT):
            return await self._peers.get()

    async def accept_and_welcome(self) -> Peer:
        """Accept the next client and send the welcome, with the usual limits and ``limits``."""
        peer = await self.accept()
        peer.send_welcome(limits=LIMITS | self.limits)
        return peer

    async def _accept_peer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        peer = Peer(reader, writer)
        self._accepted.append(peer)
        self._peers.put_nowait(peer)


def message(seq: int, text: str = "", **fields: Any) -> Json:
    """Return a message of Bob in #lab as on the wire."""
    fixed = {
        "conversation": "#lab",
        "seq": seq,
        "time": f"2026-11-22T04:{seq // 60 % 60:02}:{seq % 60:02}.000Z",
        "kind": "text",
        "username": "Bob",
        "nickname": "BOB",
        "text": text or f"number {seq}",
    }
    return fixed | fields


def room(name: str = "#lab", **fields: Any) -> Json:
    """Return a room that Alice is a member of and has entered."""
    made = {"room": name, "members": 2, "capacity": 5, "member": True, "entered": True, "nickname": "ALICE"}
    return made | {"head": 0, "read": 0, "unread": 0, "owner": "Bob"} | fields


def friend(name: str = "@Bob", **fields: Any) -> Json:
    return {"friend": name, "online": True, "entered": False, "head": 0, "read": 0, "unread": 0} | fields
