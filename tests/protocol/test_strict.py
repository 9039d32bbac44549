"""``diagnose`` by itself: it must agree with the fast reader about every line that both of them see."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from protocol import requests
from protocol.errors import BadJson
from protocol.strict import MAX_DEPTH, diagnose
from protocol.wire import encode
from tests import strategies


@given(strategies.any_request)
def test_nothing_is_wrong_with_a_request(request: requests.AnyRequest) -> None:
    assert diagnose(encode(request)) == request.id


@given(st.dictionaries(strategies.text, strategies.json_values))
def test_nothing_is_wrong_with_an_object_that_a_careful_library_wrote(value: dict[str, object]) -> None:
    id = value.get("id")
    usable = isinstance(id, (int, str)) and not isinstance(id, bool)
    assert diagnose(json.dumps(value).encode()) == (id if usable else None)


def test_brackets_in_strings_are_no_depth() -> None:
    assert diagnose(b'{"id":1,"x":"' + b"[" * 100 + b'\\"[[["}') == 1


@pytest.mark.parametrize("brackets", [(b"[", b"]"), (b'{"a":', b"}")])
def test_the_deepest_allowed_is_allowed_and_one_more_is_not(brackets: tuple[bytes, bytes]) -> None:
    opening, closing = brackets
    inside = MAX_DEPTH - 1
    assert diagnose(b'{"id":1,"x":' + opening * inside + b"0" + closing * inside + b"}") == 1
    with pytest.raises(BadJson):
        diagnose(b'{"id":1,"x":' + opening * (inside + 1) + b"0" + closing * (inside + 1) + b"}")


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
        diagnose(line)
    assert refused.value.id == id
