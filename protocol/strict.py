"""What exactly is wrong with a line, for the few lines that ``wire.read_request`` does not simply accept.

JSON readers disagree about much that RFC 8259 leaves open (https://seriot.ch/projects/parsing_json.html); two
that disagree about one line are a hole. So what is open is refused: keys that stand twice, NaN and Infinity,
lone surrogates, numbers that no double holds, and nesting deeper than any frame needs.
"""

import json
import math
import re
from typing import Any

from protocol.errors import BadEncoding, BadFrame, BadJson
from protocol.frame import MAX_INTEGER

MAX_DEPTH = 16
"""No frame needs more than two; the standard reader would recurse once a level."""

_STRING = re.compile(r'"[^"\\]*+(?:\\.[^"\\]*+)*+"?', re.DOTALL)
"""One that never ends is one too: a search that failed there would begin anew at each quotation mark in it,
and take a minute for a line."""

_SURROGATE = re.compile("[\ud800-\udfff]")


def diagnose(line: bytes) -> int | str | None:
    """Check a line from its bytes up to its being an object.

    Returns the ``id`` in it, if it has one that could be a request's. Raises ``BadEncoding``, ``BadJson``, or
    ``BadFrame`` for JSON that is no object or holds an integer beyond 53 bits.
    """
    text = _decode(line)
    if _depth(text) > MAX_DEPTH:
        raise BadJson(reason=f"nested deeper than {MAX_DEPTH}")
    reader = _Reader()
    try:
        value = reader.decode(text)
    except ValueError:
        raise BadJson(reason="it does not parse") from None
    id = _id(value) if isinstance(value, dict) else None
    if reader.fault is not None:
        raise BadJson(id=id, reason=reader.fault)
    if not isinstance(value, dict):
        raise BadFrame(reason="not an object")
    scalars = _walk(value)
    strings = [scalar for scalar in scalars if isinstance(scalar, str)]
    if any(_SURROGATE.search(string) for string in strings):
        raise BadJson(id=id, reason="half of a surrogate pair")
    if any("\0" in string for string in strings):
        raise BadEncoding(id=id, reason="NUL")
    if any(isinstance(scalar, int) and abs(scalar) > MAX_INTEGER for scalar in scalars):
        raise BadFrame(id=id, reason="an integer beyond 53 bits")
    return id


def _decode(line: bytes) -> str:
    if line.startswith(b"\xef\xbb\xbf"):
        raise BadEncoding(reason="a byte order mark")
    if b"\0" in line:
        raise BadEncoding(reason="NUL")
    try:
        return line.decode()
    except UnicodeDecodeError as error:
        raise BadEncoding(reason=f"byte {error.start} is not UTF-8") from None


def _depth(text: str) -> int:
    depth = deepest = 0
    for character in _STRING.sub("", text):
        if character in "[{":
            depth += 1
            deepest = max(deepest, depth)
        elif character in "]}":
            depth -= 1
    return deepest


class _Reader(json.JSONDecoder):
    """Reads to the end past what is open in RFC 8259, so that the id is known, and keeps what it was."""

    def __init__(self) -> None:
        self.fault: str | None = None
        super().__init__(
            object_pairs_hook=self._once,
            parse_constant=self._constant,
            parse_float=self._float,
            parse_int=_int,
        )

    def _once(self, pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        value = dict(pairs)
        if len(value) != len(pairs):
            self.fault = "a key stands twice"
            if sum(key == "id" for key, _ in pairs) > 1:
                del value["id"]  # nobody can tell which of them is meant
        return value

    def _constant(self, name: str) -> None:
        self.fault = f"{name} is no number"

    def _float(self, digits: str) -> float:
        if math.isinf(number := float(digits)):
            self.fault = "a number out of range"
        return number


def _int(digits: str) -> int:
    """An integer; one of absurd length counts as just beyond the limit (reading it takes quadratic time)."""
    return int(digits) if len(digits) <= 32 else MAX_INTEGER + 1


def _id(value: dict[str, Any]) -> int | str | None:
    match value.get("id"):
        case bool():
            return None
        case int(number) if abs(number) <= MAX_INTEGER:
            return number
        case str(text) if len(text) <= 64 and not _SURROGATE.search(text):
            return text
    return None


def _walk(value: Any) -> list[Any]:
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
