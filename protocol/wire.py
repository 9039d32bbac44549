"""Bytes to lines, lines to frames, frames to lines. The counterpart is the other end of the connection.

Both sides use ``LineBuffer``; the server reads requests with ``read_request``, the client reads answers with
``read_answer``. Nothing here waits, so all of it is tested with bytes in, frames out.
"""

import re
from itertools import islice
from typing import NoReturn

import msgspec
from chatroom.protocol import events, requests, responses
from chatroom.protocol.errors import BadFrame, LineTooLong, UnknownType, WireError
from chatroom.protocol.frame import Frame
from chatroom.protocol.strict import diagnose_line
from msgspec import UNSET, UnsetType
from msgspec.json import Decoder

_encoder = msgspec.json.Encoder()


def encode_frame(frame: Frame) -> bytes:
    """A frame -> its line, with the ``\\n``."""
    return _encoder.encode(frame) + b"\n"


_END_OF_LINE = b"\r\n"
_MOST_EMPTY = 16_384
"""Bytes of empty lines that are skipped in one step."""


class LineBuffer:
    """The bytes of one connection, cut into lines.

    Feed it what arrives; take lines one at a time, so that a busy reader can leave the rest where it is. What
    is left stays one piece of bytes: a million short lines take no more memory than they took on the way.
    ``limit`` is the longest line in bytes, its end not counted, and may change between two lines. Past the
    first line that is too long nothing is ever taken again: its tail must not be read as a line of its own.
    ``consumed`` is how many bytes the latest ``take_line`` used up.
    """

    __slots__ = ("_buffer", "_overrun", "_start", "consumed", "limit")

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self.consumed = 0
        self._buffer = b""
        self._start = 0  # of what was not taken yet
        self._overrun = False

    def has_line(self) -> bool:
        """Whether ``take_line`` would have something to do."""
        return self._buffer.find(b"\n", self._start) >= 0 or self._is_too_long()

    def feed_bytes(self, data: bytes) -> None:
        if not self._overrun:
            self._buffer = self._buffer[self._start :] + data if self._start < len(self._buffer) else data
            self._start = 0

    def take_line(self) -> bytes | None:
        """The next line without its end, or ``None`` when there is no whole one. Empty lines are skipped, but
        so many of them in one step: then there is an empty one.

        Raises ``LineTooLong``, and from then on returns ``None``.
        """
        buffer, start = self._buffer, self._start
        if buffer[start : start + 1] in _END_OF_LINE:
            some = buffer[start : start + _MOST_EMPTY]
            start += len(some) - len(some.lstrip(_END_OF_LINE))
        end = buffer.find(b"\n", start)
        if end < 0:
            self.consumed = start - self._start
            self._buffer, self._start = buffer[start:], 0
            if self._is_too_long():
                self._refuse()
            return None
        self.consumed = end + 1 - self._start
        self._start = end + 1
        line = buffer[start:end]
        if line.endswith(b"\r"):
            line = line[:-1]
        if len(line) > self.limit:
            self._refuse()
        return line

    def _is_too_long(self) -> bool:
        """Whether the line whose end has not come yet is too long already; its ``\\r`` does not count."""
        excess = len(self._buffer) - self._start - self.limit
        return excess > 1 or (excess == 1 and not self._buffer.endswith(b"\r"))

    def _refuse(self) -> NoReturn:
        self._overrun, self._buffer, self._start = True, b"", 0
        raise LineTooLong(limit=self.limit)


_request: Decoder[requests.AnyRequest] = Decoder(requests.AnyRequest)
_ESCAPE = ord("\\")


def read_request(line: bytes) -> requests.AnyRequest:
    """A line -> the request it is. Raises a ``WireError`` that knows the request's id, where it can be read.

    msgspec checks nearly everything in 0.3 µs. What it lets pass (a key that stands twice, an escaped NUL) or
    words in its own way is settled by ``diagnose``, which is slow and exact. A line without escapes that is
    just what we would have written ourselves hides nothing.
    """
    try:
        frame = _request.decode(line)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise _wire_error(line, error) from None
    if _hides_something(line, frame):
        diagnose_line(line)
    return frame


_STRING = re.compile(rb'"[^"\\]*+(?:\\.[^"\\]*+)*+"', re.DOTALL)


def _hides_something(line: bytes, frame: Frame) -> bool:
    """Whether there may be more in a line than the frame that was read from it."""
    if _ESCAPE not in line:
        return line != _encoder.encode(frame) and line.count(b'"') != 2 * _strings(frame)
    if any(isinstance(value, str) and _SUSPECT.search(value) for value in msgspec.structs.astuple(frame)):
        return True
    most = _strings(frame)
    return sum(1 for _ in islice(_STRING.finditer(line), most + 1)) != most


_SUSPECT = re.compile("[\0\ud800-\udfff]")


def _strings(frame: Frame) -> int:
    """How many strings the line of a frame has when no key stands twice: its keys, and those that are
    values."""
    strings = 2  # "type" and its value
    for value in msgspec.structs.astuple(frame):
        if value is not UNSET:
            strings += 2 if isinstance(value, str) else 1
    return strings


_UNKNOWN_TAG = re.compile(r"Invalid value '.*' - at `\$\.type`", re.DOTALL)


def _wire_error(line: bytes, error: Exception) -> WireError:
    """Why msgspec refused a line. Raises what ``diagnose`` finds, which comes first."""
    id = diagnose_line(line)
    if _UNKNOWN_TAG.fullmatch(str(error)):
        return UnknownType(id=id)
    return BadFrame(id=id, reason=str(error))


class _Envelope(msgspec.Struct):
    type: str
    id: int | str | UnsetType | None = UNSET


_envelope = Decoder(_Envelope)
_response: Decoder[responses.AnyResponse] = Decoder(responses.AnyResponse)
_event: Decoder[events.AnyEvent] = Decoder(events.AnyEvent)


def read_answer(line: bytes) -> responses.AnyResponse | events.AnyEvent | None:
    """A line from the server -> a response, an event, or ``None`` for a kind of event that we do not know.

    Raises ``BadFrame`` for anything else: whoever sent that is no chat server.
    """
    try:
        envelope = _envelope.decode(line)
        if envelope.id is not UNSET:
            return _response.decode(line)
        return _event.decode(line)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        if _UNKNOWN_TAG.fullmatch(str(error)):
            return None
        raise BadFrame(reason=str(error)) from None
