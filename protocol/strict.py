"""Say exactly what is wrong with a line, for the few lines that ``wire.read_request`` cannot accept at once.

JSON readers disagree about much that RFC 8259 leaves open (https://seriot.ch/projects/parsing_json.html). Two
readers that disagree about one line are a security hole, so this module refuses what is open: duplicate keys,
NaN and Infinity, lone surrogates, numbers beyond a double, and nesting deeper than any frame needs.

A line of any size is checked in full. Every step over its values runs in C: the densest line takes about
0.3 ms at 4 KiB (the limit before login) and 4 ms at 64 KiB.
"""

import json
import re
from operator import itemgetter
from typing import Any

import msgspec

from chatroom.protocol.errors import BadEncoding, BadFrame, BadJson
from chatroom.protocol.frame import MAX_INTEGER

MAX_DEPTH = 16
"""No frame needs more than two levels; the standard JSON reader recurses once per level."""

_any_value = msgspec.json.Decoder()
_encoder = msgspec.json.Encoder()

_BRACKETS = b"[]{}"
_TO_SQUARE = bytes.maketrans(b"{}", b"[]")
_NOT_BRACKETS = bytes(set(range(256)) - set(_BRACKETS))

_LONG_NUMBER = re.compile(rb"[\d.eE+-]{16,}+")
"""A number outside of strings that may be an integer beyond 53 bits."""

_SURROGATE = re.compile("[\ud800-\udfff]")


def diagnose_line(line: bytes) -> int | str | None:
    """Check a line from its bytes up to its being an object with unambiguous members.

    Returns the ``id`` in it, if it has one that could be a request's. Raises ``BadEncoding``, ``BadJson``, or
    ``BadFrame`` for JSON that is no object or holds an integer beyond 53 bits.
    """
    text = _decode_utf8(line)
    structure = _without_strings(line)
    if _is_too_deep(structure):
        raise BadJson(reason=f"nested deeper than {MAX_DEPTH}")
    try:
        value = _any_value.decode(line)
    except msgspec.MsgspecError:
        value = _read_refused(text, structure)
    written = _encoder.encode(value)
    if _has_duplicate_keys(line, written):
        raise BadJson(id=_unambiguous_id(_read_leniently(text)), reason="a duplicate key")
    if not isinstance(value, dict):
        raise BadFrame(reason="not a JSON object")
    id = _request_id(value.get("id"))
    if rb"\u0000" in written.replace(rb"\\", b""):
        raise BadEncoding(id=id, reason="NUL")
    if any(_is_beyond_53_bits(match[0]) for match in _LONG_NUMBER.finditer(structure)):
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


def _without_escaped_quotes(json_text: bytes) -> bytes:
    return json_text.replace(rb"\\", b"").replace(rb"\"", b"")


def _without_strings(json_text: bytes) -> bytes:
    return b"".join(_without_escaped_quotes(json_text).split(b'"')[::2])


def _has_duplicate_keys(line: bytes, written: bytes) -> bool:
    """Whether a line has more strings than its decoded value written again: of equal keys, one is left."""
    return _without_escaped_quotes(line).count(b'"') != _without_escaped_quotes(written).count(b'"')


def _is_too_deep(structure: bytes) -> bool:
    """Whether brackets nest deeper than ``MAX_DEPTH``. Each round removes the innermost level."""
    brackets = structure.translate(_TO_SQUARE, _NOT_BRACKETS)
    for _ in range(MAX_DEPTH):
        brackets = brackets.replace(b"[]", b"")
    return brackets.count(b"[") > 0


def _is_beyond_53_bits(number: bytes) -> bool:
    digits = number.lstrip(b"-")
    return digits.isdigit() and (len(digits) > 16 or int(digits) > MAX_INTEGER)


def _parse_int(digits: str) -> int:
    """Return an integer; for one of absurd length, one just beyond 53 bits (``int`` takes quadratic time)."""
    return int(digits) if len(digits) <= 32 else MAX_INTEGER + 1


_lenient_reader = json.JSONDecoder(object_pairs_hook=tuple)
"""Accepts NaN, Infinity, numbers out of range and lone surrogates. An object becomes a tuple of its pairs."""

_reader_of_long_integers = json.JSONDecoder(object_pairs_hook=tuple, parse_int=_parse_int)
_reader_without_pairs = json.JSONDecoder(parse_int=_parse_int)

_strict_writer = json.JSONEncoder(ensure_ascii=False, allow_nan=False)


def _read_refused(text: str, structure: bytes) -> Any:
    """Say why msgspec refuses a line, with the id if the line is JSON except for one open point.

    A line with an integer of absurd length is no exception, and is returned with a shorter integer.
    """
    try:
        value = _read_leniently(text)
    except ValueError:
        raise BadJson(reason="syntax error") from None
    id = _unambiguous_id(value)
    for constant in ("NaN", "Infinity"):
        if constant.encode() in structure:
            raise BadJson(id=id, reason=f"{constant} is not a number")
    try:
        written = _strict_writer.encode(value)
    except ValueError:
        raise BadJson(id=id, reason="a number out of range") from None
    if _SURROGATE.search(written):
        raise BadJson(id=id, reason="half of a surrogate pair")
    return _reader_without_pairs.decode(text)


def _read_leniently(text: str) -> Any:
    try:
        return _lenient_reader.decode(text)
    except json.JSONDecodeError:
        raise
    except ValueError:  # an integer of more digits than ``int`` reads
        return _reader_of_long_integers.decode(text)


def _unambiguous_id(value: Any) -> int | str | None:
    """Return the id from the pairs of an object, or None if it has several, or from anything else."""
    if not isinstance(value, tuple):
        return None
    keys = list(map(itemgetter(0), value))
    return _request_id(dict(value)["id"]) if keys.count("id") == 1 else None


def _request_id(value: Any) -> int | str | None:
    match value:
        case bool():
            return None
        case int(number) if abs(number) <= MAX_INTEGER:
            return number
        case str(text) if len(text) <= 64 and not _SURROGATE.search(text):
            return text
    return None
