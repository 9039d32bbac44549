"""``diagnose_line`` agrees with the fast reader and names every fault, however long the line is."""

import json
import sys
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chatroom.protocol import requests
from chatroom.protocol.errors import BadJson, WireError
from chatroom.protocol.strict import MAX_DEPTH, diagnose_line
from chatroom.protocol.wire import encode_frame
from tests.support import strategies


@given(strategies.any_request)
def test_valid_request_has_no_fault(request: requests.AnyRequest) -> None:
    assert diagnose_line(encode_frame(request)) == request.id


@given(st.dictionaries(strategies.text, strategies.json_values))
def test_object_written_by_the_standard_library_has_no_fault(value: dict[str, object]) -> None:
    id = value.get("id")
    usable = isinstance(id, (int, str)) and not isinstance(id, bool)
    assert diagnose_line(json.dumps(value).encode()) == (id if usable else None)


PADDINGS = [b"0,", b'"",', b'"\\"[",', b"{},", b"[[]],", b'{"k":1.5e3},', b"-123456789012345,"]
FAULTS = [
    (b'{"x":[%s0],"id":7,"id":8}', "bad_json", None),
    (b'{"id":7,"x":[%s0],"type":"a","type":"a"}', "bad_json", 7),
    (b'{"id":7,"x":[%s{"a":1,"\\u0061":1}]}', "bad_json", 7),
    (b'{"id":7,"x":[{"a":1,"a":{}},%s0]}', "bad_json", 7),
    (b'{"id":7,"x":[%sNaN]}', "bad_json", 7),
    (b'{"id":7,"x":[%s-Infinity]}', "bad_json", 7),
    (b'{"id":7,"x":[%s1e999]}', "bad_json", 7),
    (b'{"id":7,"x":[%s"\\ud800"]}', "bad_json", 7),
    (b'{"id":7,"x":[%s"\\ude00\\ud83d"]}', "bad_json", 7),
    (b'{"id":7,"x":[%s{"\\udc00":0}]}', "bad_json", 7),
    (b'{"id":7,"x":[%s' + b"[" * 15 + b"]" * 15 + b"]}", "bad_json", None),
    (b'{"id":7,"x":[%s0],}', "bad_json", None),
    (b'{"id":7,"x":[%s"\\u0000"]}', "bad_encoding", 7),
    (b'{"id":7,"x":[%s9007199254740992]}', "bad_frame", 7),
    (b'{"id":7,"x":[%s' + b"9" * 5000 + b"]}", "bad_frame", 7),
    (b'{"id":7,"x":[%s' + b"9" * 5000 + b',{"a":1,"a":1}]}', "bad_json", 7),
    (b'{"id":7,"x":[%s' + b"9" * 5000 + b',"\\u0000"]}', "bad_encoding", 7),
    (b'[%s{"id":7}]', "bad_frame", None),
    (b'{"id":7,"x":[%s9007199254740991]}', None, 7),
    (b'{"id":7,"x":[%s1.12345678901234567,12345678901234567e1,1e-12345678901234567]}', None, 7),
    (b'{"id":7,"x":[%s' + b"[" * 14 + b"]" * 14 + b"]}", None, 7),
    (b'{"id":7,"x":[%s"\\ud83d\\ude00","\\\\u0000","\\\\\\"NaN"]}', None, 7),
]


@pytest.mark.parametrize("size", [100, 4_000, 60_000])
@pytest.mark.parametrize(("line", "code", "id"), FAULTS, ids=lambda value: repr(value)[:40])
def test_fault_is_named_in_lines_of_any_length_and_density(
    line: bytes, code: str | None, id: int | None, size: int
) -> None:
    for padding in PADDINGS:
        assert _verdict(line.replace(b"%s", padding * (size // len(padding)))) == (code, id)


def _verdict(line: bytes) -> tuple[str | None, int | str | None]:
    try:
        return None, diagnose_line(line)
    except WireError as error:
        return error.code, error.id


LARGE = (65_000, 4_000)


@pytest.mark.parametrize("size", LARGE)
@pytest.mark.parametrize(
    ("line", "code", "id"),
    [
        (b'{"id":7,"x":[%s0]}|{},', None, 7),
        (b'{"id":"\\n","x":[%s0]}|[],', None, "\n"),
        (b'{"id":7,"x":[%s0]}|"",', None, 7),
        (b'{"x":[%s0],"id":7}|1,', None, 7),
        (b'{"id":7,%s"x":0}|"k":1,', "bad_json", 7),
        (b'{"id":7,"x":[%s0]}|{"a":0,"a":0},', "bad_json", 7),
        (b'{"id":7,%s"x":0|"k":1,', "bad_json", None),
        (b'{"id":7,"x":[%s0|{},', "bad_json", None),
        (b'{"id":7,"x":[%s0]}|NaN,', "bad_json", 7),
        (b"[%s0]|{},", "bad_frame", None),
        (b"%s|[", "bad_json", None),
        (b'%s|{"a":', "bad_json", None),
        (b'{"id":7,"x":%s}|-', "bad_json", None),
        (b'{"id":7,"x":0%s}|1', "bad_json", None),
        (b'{"id":7,"x":1%s}|1', "bad_frame", 7),
        (b'{"id":1%s}|1', "bad_frame", None),
        (b'{"id":7,"x":1.1%s}|1', None, 7),
        (b'{"id":"%s"}|1', None, None),
        (b'{"id":"%s"}|\\n', None, None),
    ],
)  # fmt: skip
def test_large_line_is_diagnosed_in_a_bounded_number_of_python_steps(
    line: bytes, code: str | None, id: int | str | None, size: int
) -> None:
    """Steps, not seconds: each call of a Python function and each line of this module counts as one."""
    frame, _, piece = line.rpartition(b"|")
    whole, steps = frame % (piece * (size // len(piece))), 0

    def count_step(*_: object) -> Any:
        nonlocal steps
        steps += 1
        return count_step

    sys.settrace(count_step)
    try:
        verdict = _verdict(whole)
    finally:
        sys.settrace(None)
    assert verdict == (code, id)
    assert steps < 3000


def test_brackets_in_strings_do_not_count_as_depth() -> None:
    assert diagnose_line(b'{"id":1,"x":"' + b"[" * 100 + b'\\"[[["}') == 1


@pytest.mark.parametrize("brackets", [(b"[", b"]"), (b'{"a":', b"}")])
def test_depth_limit_is_accepted_and_one_more_is_refused(brackets: tuple[bytes, bytes]) -> None:
    opening, closing = brackets
    inside = MAX_DEPTH - 1
    assert diagnose_line(b'{"id":1,"x":' + opening * inside + b"0" + closing * inside + b"}") == 1
    with pytest.raises(BadJson):
        diagnose_line(b'{"id":1,"x":' + opening * (inside + 1) + b"0" + closing * (inside + 1) + b"}")


@pytest.mark.parametrize(
    ("line", "id"),
    [
        (b'{"type":"ping","id":7,"type":"ping"}', 7),
        (b'{"type":"ping","id":7,"id":8}', None),
        (b'{"type":"ping","id":7,"x":{"id":8,"a":1,"a":2}}', 7),
        (b'{"type":"ping","id":7,"x":{"id":8,"id":9}}', 7),
        (b'{"type":"ping","id":7,"x":NaN}', 7),
        (b'{"type":"ping","x":-1e999,"id":7}', 7),
        (b'[NaN,{"id":7}]', None),
    ],
)
def test_ambiguous_json_is_refused_with_its_unambiguous_id(line: bytes, id: int | None) -> None:
    with pytest.raises(BadJson) as refused:
        diagnose_line(line)
    assert refused.value.id == id
