"""The HTTP endpoint: a thread with an event loop of its own, so that a scrape never delays the server's loop,
and so that a stalled loop is reported instead of a timeout.

h11 speaks HTTP; a connection here is a loop around it.
"""

import asyncio
import hmac
import logging
import socket
from collections.abc import Iterable
from contextlib import suppress
from http import HTTPStatus
from typing import NamedTuple

import h11
from prometheus_client.exposition import choose_encoder

from chatroom.db import background
from chatroom.protocol import RELEASE
from chatroom.server.http.health import HealthChecks
from chatroom.server.http.metrics import build_registry
from chatroom.server.http.sources import ServerSources

log = logging.getLogger(__name__)

MAX_CONNECTIONS = 64
IDLE_SECONDS = 60.0
"""Seconds until a connection must have sent its next request; Prometheus keeps one open between scrapes."""

MAX_HEAD_BYTES = 16 * 1024
MAX_BODY_BYTES = 64 * 1024
"""Bodies are read and ignored."""

CLOSE_SECONDS = 2.0
"""Seconds for which the end of the thread is awaited."""


class HttpReply(NamedTuple):
    status: int
    body: str | bytes
    content_type: str = "text/plain; charset=utf-8"
    headers: tuple[tuple[str, str], ...] = ()


class BodyTooLong(Exception):
    """A request with a body, which no path takes."""


class HttpThread:
    """Serves on bound sockets from the start until ``close``."""

    def __init__(self, sockets: list[socket.socket], sources: ServerSources, token: str) -> None:
        self._sockets = sockets
        self._loop = asyncio.new_event_loop()
        self._stopped = asyncio.Event()
        self._pages = HttpPages(sources, token)
        self._connections: set[asyncio.StreamWriter] = set()
        self._thread = background.start_thread(self._run, "http", lambda: None)

    def close(self) -> None:
        """Stop serving. Blocks until the thread has ended, for a moment at most."""
        with suppress(RuntimeError):  # the loop is closed
            self._loop.call_soon_threadsafe(self._stopped.set)
        self._thread.join(CLOSE_SECONDS)

    def _run(self) -> None:
        with asyncio.Runner(loop_factory=lambda: self._loop) as runner:
            runner.run(self._serve())

    async def _serve(self) -> None:
        servers = [await asyncio.start_server(self._handle_client, sock=each) for each in self._sockets]
        await self._stopped.wait()
        for server in servers:
            server.close()
        for writer in list(self._connections):
            writer.close()

    async def _handle_client(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if len(self._connections) >= MAX_CONNECTIONS:
            writer.close()
            return
        self._connections.add(writer)
        try:
            await HttpConnection(reader, writer, self._pages).serve_requests()
        except (OSError, TimeoutError):
            pass
        finally:
            self._connections.discard(writer)
            writer.close()


class HttpPages:
    """The answer to each path."""

    def __init__(self, sources: ServerSources, token: str) -> None:
        self._health = HealthChecks(sources)
        self._registry = build_registry(sources)
        self._token = token

    async def answer(self, request: h11.Request) -> HttpReply:
        if request.method not in (b"GET", b"HEAD"):
            return HttpReply(405, "only GET and HEAD\n", headers=(("Allow", "GET, HEAD"),))
        headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in request.headers}
        match request.target.partition(b"?")[0]:
            case b"/healthz":
                return _check_reply(self._health.life_problem())
            case b"/readyz":
                return _check_reply(await self._health.service_problem())
            case b"/metrics" if not self._may_read(headers):
                return HttpReply(401, "a token is needed\n", headers=(("WWW-Authenticate", "Bearer"),))
            case b"/metrics":
                encode, content_type = choose_encoder(headers.get("accept", ""))
                return HttpReply(200, encode(self._registry), content_type)
        return HttpReply(404, "there are /healthz, /readyz and /metrics\n")

    def _may_read(self, headers: dict[str, str]) -> bool:
        if not self._token:
            return True
        scheme, _, token = headers.get("authorization", "").partition(" ")
        expected = self._token.encode()
        return scheme.lower() == "bearer" and hmac.compare_digest(token.strip().encode("latin-1"), expected)


def _check_reply(problem: str) -> HttpReply:
    return HttpReply(503, f"{problem}\n") if problem else HttpReply(200, "ok\n")


class HttpConnection:
    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, pages: HttpPages) -> None:
        self._reader = reader
        self._writer = writer
        self._pages = pages
        self._http = h11.Connection(h11.SERVER, max_incomplete_event_size=MAX_HEAD_BYTES)

    async def serve_requests(self) -> None:
        """Answer requests until either side closes. Raises ``OSError`` and ``TimeoutError``."""
        while True:
            try:
                async with asyncio.timeout(IDLE_SECONDS):
                    request = await self._next_request()
            except (h11.RemoteProtocolError, BodyTooLong):
                await self._refuse_request()
                return
            if request is None:
                return
            await self._send(request, await self._answer(request))
            if self._http.our_state is not h11.DONE or self._http.their_state is not h11.DONE:
                return
            self._http.start_next_cycle()

    async def _next_request(self) -> h11.Request | None:
        """Return the next request, without its body, or ``None`` if the peer has closed."""
        request, body = None, 0
        while True:
            match await self._next_event():
                case h11.Request() as head:
                    request = head
                case h11.Data(data=data):
                    body += len(data)
                    if body > MAX_BODY_BYTES:
                        raise BodyTooLong
                case h11.EndOfMessage():
                    return request
                case h11.ConnectionClosed():
                    return None

    async def _next_event(self) -> h11.Event:
        while True:
            event = self._http.next_event()
            if isinstance(event, h11.Event):
                return event
            if self._http.they_are_waiting_for_100_continue:
                raise BodyTooLong
            self._http.receive_data(await self._reader.read(8192))

    async def _answer(self, request: h11.Request) -> HttpReply:
        try:
            return await self._pages.answer(request)
        except Exception as error:
            background.report(error, "an HTTP request")
            return HttpReply(500, "internal error; see the log of the server\n")

    async def _refuse_request(self) -> None:
        if self._http.our_state in (h11.IDLE, h11.SEND_RESPONSE):
            await self._send(None, HttpReply(400, "this is not a request that is answered here\n"))

    async def _send(self, request: h11.Request | None, reply: HttpReply) -> None:
        body = reply.body if isinstance(reply.body, bytes) else reply.body.encode()
        head = h11.Response(
            status_code=reply.status,
            reason=_reason_of(reply.status),
            headers=[
                ("Server", f"chatroom/{RELEASE}"),
                ("Content-Type", reply.content_type),
                ("Content-Length", str(len(body))),
                ("Cache-Control", "no-store"),
                *reply.headers,
                *([] if request else [("Connection", "close")]),
            ],
        )
        events: list[h11.Event] = [head, h11.EndOfMessage()]
        if request is None or request.method != b"HEAD":
            events.insert(1, h11.Data(data=body))
        self._writer.write(_encode_events(self._http, events))
        async with asyncio.timeout(IDLE_SECONDS):
            await self._writer.drain()


def _encode_events(http: h11.Connection, events: Iterable[h11.Event]) -> bytes:
    return b"".join(http.send(event) or b"" for event in events)


def _reason_of(status: int) -> str:
    return HTTPStatus(status).phrase
