"""One connection to a server, from its first byte to its last. The counterpart is ``server.net.connection``.

``Link`` keeps one open; here is only what a single socket does: lines become frames, answers find the
requests they belong to, and everything that arrives goes to ``receive`` *in the order in which it came*,
before whoever asked goes on. So what changes the state has one order, whatever the tasks that wait for
answers do.
"""

import asyncio
import time
from collections.abc import Callable, Mapping
from typing import cast

import msgspec
from chatroom.client import background
from chatroom.client.net.answer_lines import AnswerLine, AnswerLines
from chatroom.protocol import events, requests, responses, wire
from chatroom.protocol.errors import BadFrame, WireError

LONGEST_LINE = 16 * 1024 * 1024
"""Bytes.

A page of the longest texts, every character escaped, is some 5 MiB; a server that sends more is none.
"""

Receive = Callable[[requests.AnyRequest | None, responses.AnyResponse | events.AnyEvent], None]
"""What takes the frames: an answer together with its request, an event with ``None``."""


class Refused(Exception):
    """The server, or the client itself, said no. ``code`` names the words, ``details`` fill them in."""

    def __init__(self, code: str, details: Mapping[str, object] | None = None) -> None:
        super().__init__(code)
        self.code = code
        self.details = dict(details or {})


class ConnectionLost(Exception):
    """The connection is gone, or there is none. What became of a request on its way is not known."""


class LineConnection(asyncio.Protocol):
    """One socket. ``closing`` is the code that the server gave for ending it, if it did."""

    def __init__(self, receive: Receive) -> None:
        loop = asyncio.get_running_loop()
        self.welcomed: asyncio.Future[events.Welcome] = loop.create_future()
        self.closed: asyncio.Future[None] = loop.create_future()
        self.closing = Refused("connection_lost")
        self.heard_at = time.monotonic()
        self._receive = receive
        self._lines = AnswerLines(LONGEST_LINE)
        self._waiting: dict[int, tuple[requests.AnyRequest, bool, asyncio.Future[responses.AnyResponse]]] = {}
        self._last_id = 0
        self._transport: asyncio.Transport | None = None

    @property
    def encrypted(self) -> bool:
        return self.certificate is not None

    @property
    def certificate(self) -> bytes | None:
        """The server's certificate (DER), or ``None`` on a plain connection."""
        tls = self._transport.get_extra_info("ssl_object") if self._transport else None
        return tls.getpeercert(binary_form=True) if tls else None

    async def request(self, frame: requests.AnyRequest, *, apart: bool = False) -> responses.AnyResponse:
        """Ask, under an id of our own, and wait for the answer, errors included. Raises ``ConnectionLost``.

        An answer ``apart`` is for whoever asked alone; ``receive`` does not get it.
        """
        if self._transport is None or self.closed.done():
            raise ConnectionLost
        self._last_id += 1
        frame = msgspec.structs.replace(frame, id=self._last_id)
        answered: asyncio.Future[responses.AnyResponse] = asyncio.get_running_loop().create_future()
        self._waiting[self._last_id] = (frame, apart, answered)
        self._transport.write(wire.encode_frame(frame))
        return await answered

    @property
    def awaits_password(self) -> bool:
        """Whether a request with a password has no answer yet."""
        return any(isinstance(getattr(frame, "password", None), str) for frame, *_ in self._waiting.values())

    def abort(self) -> None:
        """End it now; what was on its way is lost."""
        if self._transport is not None:
            self._transport.abort()

    def close(self) -> None:
        """End it once what was written is sent."""
        if self._transport is not None:
            self._transport.close()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)

    def data_received(self, data: bytes) -> None:
        self.heard_at = time.monotonic()
        for line in self._lines.feed(data):
            if line.too_long:
                self._cannot_read(line, "answer_too_long")
                continue
            try:
                frame = wire.read_answer(line.data)
                _check_run(frame)
            except WireError:
                self._cannot_read(line, "bad_answer")
            else:
                self._dispatch_frame(frame) if frame is not None else self._cannot_read(line, "bad_answer")

    def connection_lost(self, error: Exception | None) -> None:
        self.closed.set_result(None)
        if not self.welcomed.done():
            self.welcomed.set_exception(ConnectionLost())
            self.welcomed.exception()  # nobody need ask for it
        for _, _, answered in self._waiting.values():
            if not answered.done():
                answered.set_exception(ConnectionLost())
        self._waiting.clear()

    def _cannot_read(self, line: AnswerLine, code: str) -> None:
        """The request that this line answers has failed; an event is passed over. Before the welcome there is
        no chat server at the other end.
        """
        if not self.welcomed.done():
            self.closing = Refused("no_chat_server")
            self.abort()
        elif line.id in self._waiting:
            self._dispatch_frame(responses.Error(id=line.id, code=code, message="", details={}))

    def _dispatch_frame(self, frame: responses.AnyResponse | events.AnyEvent) -> None:
        match frame:
            case responses.Error(id=None, code=code, details=details):
                self.closing = Refused(code, details)
                return
            case events.Closing(code=code):
                if self.closing.code != code:  # an error before it may have told more
                    self.closing = Refused(code)
            case events.Welcome():
                if not self.welcomed.done():
                    self.welcomed.set_result(frame)
        request = None
        if isinstance(frame, responses.Response):
            if not isinstance(frame.id, int) or frame.id not in self._waiting:
                return
            request, apart, answered = self._waiting.pop(frame.id)
            if not answered.done():
                answered.set_result(frame)
            if apart:
                return
        try:
            self._receive(request, frame)
        except Exception as error:  # a mistake of ours costs this line, and neither the connection nor more
            background.report(error, f"a line of type {type(frame).__name__}")


def _check_run(frame: responses.AnyResponse | events.AnyEvent | None) -> None:
    """Raises ``BadFrame`` for a page that is no run of messages: the model counts on there being no gap."""
    if isinstance(frame, responses.Entered | responses.History):
        seqs = [message.seq for message in frame.messages]
        if seqs and (seqs[0] < 1 or seqs != list(range(seqs[0], seqs[0] + len(seqs)))):
            raise BadFrame(reason="the messages of a page are no run")
