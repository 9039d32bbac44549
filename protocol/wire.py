"""Bytes to lines, lines to frames, frames to lines. The counterpart is the other end of the connection.

Both sides use ``Lines``; the server reads requests with ``read_request``, the client reads answers with
``read_answer``. Nothing here waits, so all of it is tested with bytes in, frames out.
"""

import re
from itertools import islice

import msgspec
from msgspec import UNSET, UnsetType
from msgspec.json import Decoder

from protocol import events, requests, responses
from protocol.errors import BadFrame, LineTooLong, UnknownType, WireError
from protocol.frame import Frame
from protocol.strict import diagnose

_encoder = msgspec.json.Encoder()


def encode(frame: Frame) -> bytes:
    """A frame -> its line, with the ``\\n``."""
    return _encoder.encode(frame) + b"\n"


class Lines:
    """The bytes of one connection, cut into lines.

    Feed it what arrives; take lines one at a time, so that whoever is busy can leave the rest where it is.
    ``limit`` is the longest line in bytes, its end not counted, and may change between two lines. Past the
    first line that is too long nothing is ever taken again: its tail must not be read as a line of its own.
    """

    __slots__ = ("_overrun", "_rest", "_whole", "limit")

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self._whole: list[bytes] = []  # the next one last
        self._rest = b""  # the beginning of a line
        self._overrun = False

    def has_line(self) -> bool:
        """Whether ``take`` would have something to do."""
        return bool(self._whole) or len(self._rest) > self.limit

    def feed(self, data: bytes) -> None:
        if self._overrun:
            return
        lines = (self._rest + data).split(b"\n")
        self._rest = lines.pop()
        lines.reverse()
        self._whole = lines + self._whole if self._whole else lines

    def take(self) -> bytes | None:
        """The next line without its end, or ``None`` when there is no whole one. Empty lines are passed over.

        Raises ``LineTooLong``, and from then on returns ``None``.
        """
        while self._whole:
            line = self._whole.pop()
            if len(line) > self.limit or line.endswith(b"\r"):
                line = self._checked(line)
            if line and not line.isspace():
                return line
        if len(self._rest) > self.limit:
            self._checked(self._rest)
        return None

    def _checked(self, line: bytes) -> bytes:
        """A line without its end, which is not a part of what is limited."""
        line = line.removesuffix(b"\r")
        if len(line) > self.limit:
            self._overrun, self._whole, self._rest = True, [], b""
            raise LineTooLong(limit=self.limit)
        return line


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
        raise _why_not(line, error) from None
    if _hides_something(line, frame):
        diagnose(line)
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


def _why_not(line: bytes, error: Exception) -> WireError:
    """Why msgspec refused a line. Raises what ``diagnose`` finds, which comes first."""
    id = diagnose(line)
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
