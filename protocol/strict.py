"""What exactly is wrong with a line, for the few lines that ``wire.read_request`` does not simply accept.

JSON readers disagree about much that RFC 8259 leaves open (https://seriot.ch/projects/parsing_json.html); two
that disagree about one line are a hole. So what is open is refused: keys that stand twice, NaN and Infinity,
lone surrogates, numbers that no double holds, and nesting deeper than any frame needs.
"""

import json
import math
import re
from typing import Any, NoReturn

import msgspec
from chatroom.protocol.errors import BadEncoding, BadFrame, BadJson
from chatroom.protocol.frame import MAX_INTEGER
from msgspec import Raw
from msgspec.json import Decoder

MAX_DEPTH = 16
"""No frame needs more than two; the standard reader would recurse once a level."""

MAX_VALUES = 64
"""Strings, and brackets and commas outside of strings, that are looked at one by one. No request has half as
many, and each costs a microsecond, so a longer line is no frame, whatever else is wrong with it."""

MAX_NUMBER = 1024
"""Characters of a number with a fraction or an exponent; reading one takes time that grows faster than its
length."""

MAX_RAW_ID = 6 * 64 + 2
"""Bytes of an id of 64 characters, all escaped, with its quotation marks."""

_STRUCTURE = re.compile(r"[\[\]{},]")

_STRING = re.compile(r'"[^"\\]*+(?:\\.[^"\\]*+)*+"?', re.DOTALL)
"""One that never ends is one too: a search that failed there would begin anew at each quotation mark in it,
and take a minute for a line."""

_SURROGATE = re.compile("[\ud800-\udfff]")


def diagnose_line(line: bytes) -> int | str | None:
    """Check a line from its bytes up to its being an object.

    Returns the ``id`` in it, if it has one that could be a request's. Raises ``BadEncoding``, ``BadJson``, or
    ``BadFrame`` for JSON that is no object, holds an integer beyond 53 bits, or has too many values.

    The time that it takes is bounded: by the length for what runs in C, by ``MAX_VALUES`` for the rest.
    """
    text = _decode_utf8(line)
    bare, cut = _STRING.subn("", text, MAX_VALUES)
    if cut == MAX_VALUES or not _is_small(bare):
        _diagnose_large(line)
    reader = _StrictDecoder()
    try:
        value = reader.decode(text)
    except ValueError:
        raise BadJson(reason="it does not parse") from None
    id = _request_id(value) if isinstance(value, dict) else None
    if reader.fault is not None:
        raise BadJson(id=id, reason=reader.fault)
    if not isinstance(value, dict):
        raise BadFrame(reason="not an object")
    scalars = _walk_scalars(value)
    strings = [scalar for scalar in scalars if isinstance(scalar, str)]
    if any(not string.isascii() and _SURROGATE.search(string) for string in strings):
        raise BadJson(id=id, reason="half of a surrogate pair")
    if any("\0" in string for string in strings):
        raise BadEncoding(id=id, reason="NUL")
    if any(isinstance(scalar, int) and abs(scalar) > MAX_INTEGER for scalar in scalars):
        raise BadFrame(id=id, reason="an integer beyond 53 bits")
    return id


def _decode_utf8(line: bytes) -> str:
    if line.startswith(b"\xef\xbb\xbf"):
        raise BadEncoding(reason="a byte order mark")
    if b"\0" in line:
        raise BadEncoding(reason="NUL")
    try:
        return line.decode()
    except UnicodeDecodeError as error:
        raise BadEncoding(reason=f"byte {error.start} is not UTF-8") from None


def _is_small(bare: str) -> bool:
    """Whether text, without its strings, has few enough values to be read one by one. Raises ``BadJson`` when
    it is nested too deep."""
    depth = 0
    for place, found in enumerate(_STRUCTURE.finditer(bare)):
        if place == MAX_VALUES:
            return False
        if found[0] in "[{":
            depth += 1
        elif found[0] in "]}":
            depth -= 1
        if depth > MAX_DEPTH:
            raise BadJson(reason=f"nested deeper than {MAX_DEPTH}")
    return True


class _OnlyId(msgspec.Struct):
    id: Raw = Raw(b"null")


_any: Decoder[Raw] = Decoder(Raw)
_only_id: Decoder[_OnlyId] = Decoder(_OnlyId)


def _diagnose_large(line: bytes) -> NoReturn:
    """Check a line with too many values to be looked at one by one. Never returns: it is no frame."""
    try:
        _any.decode(line)
        raw = bytes(_only_id.decode(line).id)
    except msgspec.ValidationError:
        raise BadFrame(reason="not an object") from None
    except RecursionError:
        raise BadJson(reason=f"nested deeper than {MAX_DEPTH}") from None
    except msgspec.DecodeError:
        raise BadJson(reason="it does not parse") from None
    id = _request_id({"id": json.loads(raw)}) if len(raw) <= MAX_RAW_ID else None
    raise BadFrame(id=id, reason="too many values")


class _StrictDecoder(json.JSONDecoder):
    """Reads to the end past what is open in RFC 8259, so that the id is known, and keeps what it was."""

    def __init__(self) -> None:
        self.fault: str | None = None
        super().__init__(
            object_pairs_hook=self._refuse_duplicates,
            parse_constant=self._note_constant,
            parse_float=self._parse_float,
            parse_int=_parse_int,
        )

    def _refuse_duplicates(self, pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        value = dict(pairs)
        if len(value) != len(pairs):
            self.fault = "a key stands twice"
            if sum(key == "id" for key, _ in pairs) > 1:
                del value["id"]  # nobody can tell which of them is meant
        return value

    def _note_constant(self, name: str) -> None:
        self.fault = f"{name} is no number"

    def _parse_float(self, digits: str) -> float:
        number = float(digits) if len(digits) <= MAX_NUMBER else math.inf
        if math.isinf(number):
            self.fault = "a number out of range"
        return number


def _parse_int(digits: str) -> int:
    """An integer; one of absurd length counts as just beyond the limit (reading it takes quadratic time)."""
    return int(digits) if len(digits) <= 32 else MAX_INTEGER + 1


def _request_id(value: dict[str, Any]) -> int | str | None:
    match value.get("id"):
        case bool():
            return None
        case int(number) if abs(number) <= MAX_INTEGER:
            return number
        case str(text) if len(text) <= 64 and not _SURROGATE.search(text):
            return text
    return None


def _walk_scalars(value: Any) -> list[Any]:
    """Every key and every scalar in a JSON value."""
    found: list[Any] = []
    waiting = [value]
    while waiting:
        match waiting.pop():
            case dict(members):
                found.extend(members)
                waiting.extend(members.values())
            case list(items):
                waiting.extend(items)
            case scalar:
                found.append(scalar)
    return found
