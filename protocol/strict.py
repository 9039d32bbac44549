"""What exactly is wrong with a line, for the few lines that ``wire.read_request`` does not simply accept.

JSON readers disagree about much that RFC 8259 leaves open (https://seriot.ch/projects/parsing_json.html); two
that disagree about one line are a hole. So what is open is refused: keys that stand twice, NaN and Infinity,
lone surrogates, numbers that no double holds, and nesting deeper than any frame needs.
"""

import json
import math
import re
from typing import Any, NoReturn

from protocol.errors import BadEncoding, BadFrame, BadJson
from protocol.frame import MAX_INTEGER

MAX_DEPTH = 16
"""No frame needs more than two; the standard reader would recurse once a level."""

_STRING = re.compile(r'"[^"\\]*+(?:\\.[^"\\]*+)*+"?', re.DOTALL)
"""One that never ends is one too: a search that failed there would begin anew at each quotation mark in it,
and take a minute for a line."""

_SURROGATE = re.compile("[\ud800-\udfff]")


class _Strict(Exception):
    """What is open in RFC 8259. ``id`` is that of the object in which it was found."""

    def __init__(self, reason: str, id: int | str | None = None) -> None:
        super().__init__(reason)
        self.id = id


def diagnose(line: bytes) -> int | str | None:
    """Check a line from its bytes up to its being an object.

    Returns the ``id`` in it, if it has one that could be a request's. Raises ``BadEncoding``, ``BadJson``, or
    ``BadFrame`` for JSON that is no object or holds an integer beyond 53 bits.
    """
    text = _decode(line)
    depth = _depth(text)
    if depth > MAX_DEPTH:
        raise BadJson(reason=f"nested deeper than {MAX_DEPTH}")
    try:
        value = _reader.decode(text)
    except _Strict as error:
        raise BadJson(id=error.id if depth == 1 else None, reason=str(error)) from None
    except ValueError:
        raise BadJson(reason="it does not parse") from None
    if not isinstance(value, dict):
        raise BadFrame(reason="not an object")
    id = _id(value)
    strings, integers = [text for text in _walk(value) if isinstance(text, str)], _integers(value)
    if any(_SURROGATE.search(text) for text in strings):
        raise BadJson(id=id, reason="half of a surrogate pair")
    if any("\0" in text for text in strings):
        raise BadEncoding(id=id, reason="NUL")
    if any(abs(number) > MAX_INTEGER for number in integers):
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


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    value = dict(pairs)
    if len(value) != len(pairs):
        unique = sum(key == "id" for key, _ in pairs) == 1
        raise _Strict("a key stands twice", _id(value) if unique else None)
    return value


def _constant(name: str) -> NoReturn:
    raise _Strict(f"{name} is no number")


def _float(digits: str) -> float:
    if math.isinf(number := float(digits)):
        raise _Strict("a number out of range")
    return number


def _int(digits: str) -> int:
    """An integer; one of absurd length counts as just beyond the limit (reading it takes quadratic time)."""
    return int(digits) if len(digits) <= 32 else MAX_INTEGER + 1


_reader = json.JSONDecoder(
    object_pairs_hook=_once, parse_constant=_constant, parse_float=_float, parse_int=_int
)


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


def _integers(value: Any) -> list[int]:
    return [scalar for scalar in _walk(value) if isinstance(scalar, int)]
