"""One connection to a server: turns lines into frames and matches responses to requests.

Every frame is passed to ``receive`` in the order of arrival, before the task that waits for the response
continues. So changes to the state have one order, independent of the waiting tasks. ``reconnect`` keeps a
connection open.
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

MAX_LINE_BYTES = 16 * 1024 * 1024
"""A longer line is not read. A page of the longest texts, with every character escaped, has about 5 MiB."""

FrameReceiver = Callable[[requests.AnyRequest | None, responses.AnyResponse | events.AnyEvent], None]
"""Receives the frames: a response with its request, an event with ``None``."""


class Refused(Exception):
    """The server or the client refuses an action. ``code`` is a message id, filled in with ``details``."""

    def __init__(self, code: str, details: Mapping[str, object] | None = None) -> None:
        super().__init__(code)
        self.code = code
        self.details = dict(details or {})


class ConnectionLost(Exception):
    """There is no connection, or it was lost. Whether the server handled a pending request is unknown."""


class LineConnection(asyncio.Protocol):
    """One socket. ``close_error`` has the reason of the server for closing it, else ``connection_lost``."""

    def __init__(self, receive: FrameReceiver) -> None:
        loop = asyncio.get_running_loop()
        self.welcomed: asyncio.Future[events.Welcome] = loop.create_future()
        self.closed: asyncio.Future[None] = loop.create_future()
        self.close_error = Refused("connection_lost")
        self.received_at = time.monotonic()
        self._receive = receive
        self._lines = AnswerLines(MAX_LINE_BYTES)
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

    async def request(
        self, frame: requests.AnyRequest, *, update_state: bool = True
    ) -> responses.AnyResponse:
        """Send a request with a new id and return the response, also an error. Raises ``ConnectionLost``.

        Without ``update_state``, the response is not passed to ``receive``.
        """
        if self._transport is None or self.closed.done():
            raise ConnectionLost
        self._last_id += 1
        frame = msgspec.structs.replace(frame, id=self._last_id)
        answered: asyncio.Future[responses.AnyResponse] = asyncio.get_running_loop().create_future()
        self._waiting[self._last_id] = (frame, update_state, answered)
        self._transport.write(wire.encode_frame(frame))
        return await answered

    @property
    def awaits_password(self) -> bool:
        """Whether a request with a password is not answered yet."""
        return any(isinstance(getattr(frame, "password", None), str) for frame, *_ in self._waiting.values())

    def abort(self) -> None:
        """Close the connection at once; unsent data is lost."""
        if self._transport is not None:
            self._transport.abort()

    def close(self) -> None:
        """Close the connection after all data is sent."""
        if self._transport is not None:
            self._transport.close()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)

    def data_received(self, data: bytes) -> None:
        self.received_at = time.monotonic()
        for line in self._lines.feed(data):
            if line.too_long:
                self._reject_line(line, "answer_too_long")
                continue
            try:
                frame = wire.read_answer(line.data)
                _check_page(frame)
            except WireError:
                self._reject_line(line, "bad_answer")
            else:
                self._dispatch_frame(frame) if frame is not None else self._reject_line(line, "bad_answer")

    def connection_lost(self, error: Exception | None) -> None:
        self.closed.set_result(None)
        if not self.welcomed.done():
            self.welcomed.set_exception(ConnectionLost())
            self.welcomed.exception()  # mark it as retrieved
        for _, _, answered in self._waiting.values():
            if not answered.done():
                answered.set_exception(ConnectionLost())
        self._waiting.clear()

    def _reject_line(self, line: AnswerLine, code: str) -> None:
        """Fail the request that an unreadable line answers, and ignore an unreadable event.

        Before the welcome, an unreadable line means that the other end is not a chat server.
        """
        if not self.welcomed.done():
            self.close_error = Refused("no_chat_server")
            self.abort()
        elif line.id in self._waiting:
            self._dispatch_frame(responses.Error(id=line.id, code=code, message="", details={}))

    def _dispatch_frame(self, frame: responses.AnyResponse | events.AnyEvent) -> None:
        match frame:
            case responses.Error(id=None, code=code, details=details):
                self.close_error = Refused(code, details)
                return
            case events.Closing(code=code):
                if self.close_error.code != code:  # an error before it may have had details
                    self.close_error = Refused(code)
            case events.Welcome():
                if not self.welcomed.done():
                    self.welcomed.set_result(frame)
        request = None
        if isinstance(frame, responses.Response):
            if not isinstance(frame.id, int) or frame.id not in self._waiting:
                return
            request, update_state, answered = self._waiting.pop(frame.id)
            if not answered.done():
                answered.set_result(frame)
            if not update_state:
                return
        try:
            self._receive(request, frame)
        except Exception as error:  # a bug loses this frame only, not the connection
            background.report(error, f"a line of type {type(frame).__name__}")


def _check_page(frame: responses.AnyResponse | events.AnyEvent | None) -> None:
    """Raise ``BadFrame`` for a page with a gap, which the model does not handle."""
    if isinstance(frame, responses.Entered | responses.History):
        seqs = [message.seq for message in frame.messages]
        if seqs and (seqs[0] < 1 or seqs != list(range(seqs[0], seqs[0] + len(seqs)))):
            raise BadFrame(reason="the messages of a page have a gap")
