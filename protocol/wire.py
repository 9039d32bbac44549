"""Bytes to lines, lines to frames, frames to lines.

Both sides use ``LineBuffer``; the server reads requests with ``read_request``, the client reads answers with
``read_answer``. This module does no I/O.
"""

import re
from itertools import islice
from typing import NoReturn

import msgspec
from msgspec import UNSET, UnsetType
from msgspec.json import Decoder

from chatroom.protocol import events, requests, responses
from chatroom.protocol.errors import BadFrame, LineTooLong, UnknownType, WireError
from chatroom.protocol.frame import Frame
from chatroom.protocol.strict import diagnose_line

_encoder = msgspec.json.Encoder()


def encode_frame(frame: Frame) -> bytes:
    """Return a frame as a line, with the ``\\n``."""
    return _encoder.encode(frame) + b"\n"


def encoded_size(value: object) -> int:
    """Return the number of bytes of a value in a frame."""
    return len(_encoder.encode(value))


_END_OF_LINE = b"\r\n"
_MAX_EMPTY_BYTES = 16_384
"""Bytes of empty lines that are skipped in one step."""


class LineBuffer:
    """The received bytes of one connection, split into lines.

    Lines are taken one at a time, so a busy reader can leave the rest in the buffer. The rest stays one bytes
    object: a million short lines take no more memory than their bytes. ``limit`` is the maximum length of a
    line in bytes, without its end; it may change between two lines. After a line that is too long no line is
    returned any more, because its tail must not be read as a line. ``consumed`` is the number of bytes that
    the latest ``take_line`` used.
    """

    __slots__ = ("_buffer", "_overrun", "_start", "consumed", "limit")

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self.consumed = 0
        self._buffer = b""
        self._start = 0  # of the bytes that were not taken yet
        self._overrun = False

    @property
    def waiting_bytes(self) -> int:
        """The bytes that were not taken yet."""
        return len(self._buffer) - self._start

    def has_line(self) -> bool:
        """Whether ``take_line`` would return a line or raise."""
        return self._buffer.find(b"\n", self._start) >= 0 or self._is_too_long()

    def feed_bytes(self, data: bytes) -> None:
        if not self._overrun:
            self._buffer = self._buffer[self._start :] + data if self._start < len(self._buffer) else data
            self._start = 0

    def take_line(self) -> bytes | None:
        """Return the next line without its end, or ``None`` if there is no complete line.

        Empty lines are skipped. After ``_MAX_EMPTY_BYTES`` of them an empty line is returned, so that one
        call stays short. Raises ``LineTooLong`` once; later calls return ``None``.
        """
        buffer, start = self._buffer, self._start
        if buffer[start : start + 1] in _END_OF_LINE:
            blank = buffer[start : start + _MAX_EMPTY_BYTES]
            start += len(blank) - len(blank.lstrip(_END_OF_LINE))
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
        """Whether the incomplete line is already too long; its ``\\r`` does not count."""
        excess = len(self._buffer) - self._start - self.limit
        return excess > 1 or (excess == 1 and not self._buffer.endswith(b"\r"))

    def _refuse(self) -> NoReturn:
        self._overrun, self._buffer, self._start = True, b"", 0
        raise LineTooLong(limit=self.limit)


_request: Decoder[requests.AnyRequest] = Decoder(requests.AnyRequest)
_ESCAPE = ord("\\")


def read_request(line: bytes) -> requests.AnyRequest:
    """Parse a line as a request. Raises a ``WireError`` with the request's id, if that can be read.

    msgspec checks nearly everything in 0.3 µs. It accepts duplicate keys and an escaped NUL, and its errors
    are not exact; ``diagnose_line`` is slow and exact. A line without escapes that equals our own encoding of
    the frame needs no diagnosis.
    """
    try:
        frame = _request.decode(line)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise _wire_error(line, error) from None
    if _needs_diagnosis(line, frame):
        diagnose_line(line)
    return frame


_STRING = re.compile(rb'"[^"\\]*+(?:\\.[^"\\]*+)*+"', re.DOTALL)


def _needs_diagnosis(line: bytes, frame: Frame) -> bool:
    """Whether a line may hold more than the frame that msgspec read from it, such as a duplicate key."""
    if _ESCAPE not in line:
        return line != _encoder.encode(frame) and line.count(b'"') != 2 * _count_strings(frame)
    if any(isinstance(value, str) and _SUSPECT.search(value) for value in msgspec.structs.astuple(frame)):
        return True
    expected = _count_strings(frame)
    return sum(1 for _ in islice(_STRING.finditer(line), expected + 1)) != expected


_SUSPECT = re.compile("[\0\ud800-\udfff]")


def _count_strings(frame: Frame) -> int:
    """Return the number of strings, keys included, in the line of a frame without duplicate keys."""
    strings = 2  # "type" and its value
    for value in msgspec.structs.astuple(frame):
        if value is not UNSET:
            strings += 2 if isinstance(value, str) else 1
    return strings


_UNKNOWN_TAG = re.compile(r"Invalid value '.*' - at `\$\.type`", re.DOTALL)


def _wire_error(line: bytes, error: Exception) -> WireError:
    """Return why msgspec refused a line. Raises the fault that ``diagnose_line`` finds, if any."""
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
    """Parse a line from the server: a response, an event, or ``None`` for an unknown type.

    Raises ``BadFrame`` for anything else, which no chat server sends.
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
