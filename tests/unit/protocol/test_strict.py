"""``diagnose`` by itself: it must agree with the fast reader about every line that both of them see."""

import json
import sys
from typing import Any

import pytest
from chatroom.protocol import requests
from chatroom.protocol.errors import BadFrame, BadJson, WireError
from chatroom.protocol.strict import MAX_DEPTH, diagnose_line
from chatroom.protocol.wire import encode_frame
from hypothesis import given
from hypothesis import strategies as st

from tests.support import strategies


@given(strategies.any_request)
def test_nothing_is_wrong_with_a_request(request: requests.AnyRequest) -> None:
    assert diagnose_line(encode_frame(request)) == request.id


@given(st.dictionaries(strategies.text, strategies.json_values))
def test_nothing_is_wrong_with_an_object_that_a_careful_library_wrote(value: dict[str, object]) -> None:
    id = value.get("id")
    usable = isinstance(id, (int, str)) and not isinstance(id, bool)
    try:
        read = diagnose_line(json.dumps(value).encode())
    except BadFrame as refused:  # with 64 values it is no frame, but the id is read nevertheless
        read = refused.id if refused.details == {"reason": "too many values"} else "another reason"
    assert read == (id if usable else None)


LARGE = (65_000, 4_000)


@pytest.mark.parametrize("size", LARGE)
@pytest.mark.parametrize(
    ("line", "code", "id"),
    [
        (b'{"id":7,"x":[%s0]}|{},', "bad_frame", 7),
        (b'{"id":"\\n","x":[%s0]}|[],', "bad_frame", "\n"),
        (b'{"id":7,"x":[%s0]}|"",', "bad_frame", 7),
        (b'{"x":[%s0],"id":7}|1,', "bad_frame", 7),
        (b'{"id":7,%s"x":0}|"k":1,', "bad_frame", 7),
        (b'{"id":7,%s"x":0|"k":1,', "bad_json", None),
        (b'{"id":7,"x":[%s0|{},', "bad_json", None),
        (b'{"id":7,"x":[%s0]}|NaN,', "bad_json", None),
        (b"[%s0]|{},", "bad_frame", None),
        (b"%s|[", "bad_json", None),
        (b'%s|{"a":', "bad_json", None),
        (b'{"id":7,"x":%s}|-', "bad_json", None),
        (b'{"id":7,"x":0%s}|1', "bad_json", None),
        (b'{"id":7,"x":1%s}|1', "bad_frame", 7),
        (b'{"id":1%s}|1', "bad_frame", None),
        (b'{"id":7,"x":1.1%s}|1', "bad_json", 7),
        (b'{"id":"%s"}|1', None, None),
        (b'{"id":"%s"}|\\n', None, None),
    ],
)  # fmt: skip
def test_a_large_line_is_read_by_a_bounded_number_of_python_steps(
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
        read, refusal = diagnose_line(whole), None
    except WireError as error:
        read, refusal = error.id, error.code
    finally:
        sys.settrace(None)
    assert (refusal, read) == (code, id)
    assert steps < 3000


def test_brackets_in_strings_are_no_depth() -> None:
    assert diagnose_line(b'{"id":1,"x":"' + b"[" * 100 + b'\\"[[["}') == 1


@pytest.mark.parametrize("brackets", [(b"[", b"]"), (b'{"a":', b"}")])
def test_the_deepest_allowed_is_allowed_and_one_more_is_not(brackets: tuple[bytes, bytes]) -> None:
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
def test_the_id_is_known_in_spite_of_what_nobody_should_guess_about(line: bytes, id: int | None) -> None:
    with pytest.raises(BadJson) as refused:
        diagnose_line(line)
    assert refused.value.id == id
