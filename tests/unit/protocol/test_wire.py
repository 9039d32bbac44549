"""Bytes become lines, and lines become frames."""

import json
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chatroom.protocol import events, requests, responses
from chatroom.protocol.errors import LineTooLong, WireError
from chatroom.protocol.requests import Login, Ping, Send
from chatroom.protocol.wire import LineBuffer, encode_frame, read_answer, read_request
from tests.support import strategies

LIMIT = 20


def taken(lines: LineBuffer) -> list[bytes]:
    """Take all complete lines."""
    return list(iter(lines.take_line, None))


def verdict(read: Callable[[bytes], object], line: bytes) -> str:
    """The code of the ``WireError`` that reading a line raises; "" when it raises none."""
    try:
        read(line)
    except WireError as error:
        return error.code
    return ""


# Lines


def test_incomplete_line_is_not_returned() -> None:
    lines = LineBuffer(LIMIT)
    lines.feed_bytes(b"first\nsec")
    assert taken(lines) == [b"first"]
    lines.feed_bytes(b"ond\n")
    assert taken(lines) == [b"second"]
    assert not lines.has_line()


@given(st.lists(st.binary(max_size=LIMIT).filter(lambda line: line.strip() and b"\n" not in line)), st.data())
def test_lines_are_the_same_for_any_split_of_the_bytes(sent: list[bytes], data: st.DataObject) -> None:
    rest, lines, received = b"".join(line + b"\n" for line in sent), LineBuffer(LIMIT), []
    while rest:
        size = data.draw(st.integers(1, len(rest)))
        lines.feed_bytes(rest[:size])
        rest = rest[size:]
        received += taken(lines)
    assert received == [line.lstrip(b"\r").removesuffix(b"\r") for line in sent]


def test_thousands_of_lines_in_one_packet_are_returned() -> None:
    lines = LineBuffer(LIMIT)
    lines.feed_bytes(b"line\n" * 5000)
    assert taken(lines) == [b"line"] * 5000


def test_carriage_return_is_stripped_and_empty_lines_are_skipped() -> None:
    lines = LineBuffer(LIMIT)
    lines.feed_bytes(b"\r\n\n  \none\r\n\ntwo\r\r\n")
    assert taken(lines) == [b"  ", b"one", b"two\r"]


def test_million_empty_lines_are_skipped_in_bounded_steps() -> None:
    lines, steps = LineBuffer(LIMIT), []
    lines.feed_bytes(b"\n" * 999_999 + b"x\n")
    while (line := lines.take_line()) is not None:
        steps.append((line, lines.consumed))
    assert [line for line, _ in steps if line] == [b"x"]
    assert sum(size for _, size in steps) == 1_000_001
    assert max(size for _, size in steps) < 20_000


def test_full_line_with_a_split_end_is_incomplete() -> None:
    lines = LineBuffer(LIMIT)
    lines.feed_bytes(b"x" * LIMIT + b"\r")
    assert not lines.has_line()
    lines.feed_bytes(b"\n")
    assert lines.has_line()
    assert taken(lines) == [b"x" * LIMIT]


@pytest.mark.parametrize("end", [b"\n", b"\r\n"])
@pytest.mark.parametrize("size", [1, 1000])
def test_line_of_the_maximum_length_is_returned(end: bytes, size: int) -> None:
    lines, sent, received = LineBuffer(LIMIT), b"x" * LIMIT + end, []
    for start in range(0, len(sent), size):
        lines.feed_bytes(sent[start : start + size])
        received += taken(lines)
    assert received == [b"x" * LIMIT]


@pytest.mark.parametrize("sent", [b"x" * 21 + b"\n", b"x" * 21, b"x" * 20 + b"\rx", b"x" * 21 + b"\r\n"])
def test_line_over_the_limit_is_refused_before_its_end(sent: bytes) -> None:
    lines = LineBuffer(LIMIT)
    lines.feed_bytes(sent)
    with pytest.raises(LineTooLong) as refusal:
        lines.take_line()
    assert refusal.value.details == {"limit": LIMIT}


def test_tail_of_a_too_long_line_is_not_a_line() -> None:
    lines = LineBuffer(LIMIT)
    lines.feed_bytes(b"good\n" + b"x" * 100 + b"\nevil\n")
    assert lines.take_line() == b"good"
    with pytest.raises(LineTooLong):
        lines.take_line()
    lines.feed_bytes(b"evil\n")
    assert lines.take_line() is None
    assert not lines.has_line()


def test_limit_can_grow_between_two_lines() -> None:
    lines = LineBuffer(4)
    lines.feed_bytes(b"tiny\nnot so tiny\n")
    assert lines.take_line() == b"tiny"
    lines.limit = LIMIT
    assert lines.take_line() == b"not so tiny"


# Requests


@given(strategies.any_request)
def test_every_request_is_encoded_and_read_back(request: requests.AnyRequest) -> None:
    line = encode_frame(request)
    assert line.endswith(b"\n")
    assert line.count(b"\n") == 1
    assert read_request(line[:-1]) == request


@given(strategies.any_request)
def test_request_of_another_json_library_is_read(request: requests.AnyRequest) -> None:
    value = json.loads(encode_frame(request))
    assert read_request(json.dumps(value, ensure_ascii=True, indent=1).encode()) == request
    assert read_request(json.dumps(dict(reversed(value.items())), ensure_ascii=False).encode()) == request


@given(st.binary() | strategies.json_values.map(lambda value: json.dumps(value).encode()))
def test_any_line_is_a_request_or_a_wire_error(line: bytes) -> None:
    assert verdict(read_request, line) in ("", "bad_encoding", "bad_json", "bad_frame", "unknown_type")


@given(strategies.any_request, st.data())
def test_damaged_byte_gives_a_request_or_a_wire_error(
    request: requests.AnyRequest, data: st.DataObject
) -> None:
    line = bytearray(encode_frame(request)[:-1])
    line[data.draw(st.integers(0, len(line) - 1))] = data.draw(st.integers(0, 255))
    assert verdict(read_request, bytes(line)) in ("", "bad_encoding", "bad_json", "bad_frame", "unknown_type")


@given(strategies.any_request, st.data())
def test_duplicate_key_is_always_refused(request: requests.AnyRequest, data: st.DataObject) -> None:
    pairs = list(json.loads(encode_frame(request)).items())
    pairs.insert(data.draw(st.integers(0, len(pairs))), data.draw(st.sampled_from(pairs)))
    line = "{" + ",".join(f"{json.dumps(k)}:{json.dumps(v, ensure_ascii=False)}" for k, v in pairs) + "}"
    with pytest.raises(WireError) as refusal:
        read_request(line.encode())
    assert refusal.value.code == "bad_json"


TORTURE = [
    # not UTF-8, or not clean
    (b"\xff", "bad_encoding", None),
    (b'{"type":"ping","id":"\xc0\x80"}', "bad_encoding", None),
    (b'{"type":"ping","id":"\xed\xa0\x80"}', "bad_encoding", None),
    (b'{"type":"ping","id":"\xf5\x80\x80\x80"}', "bad_encoding", None),
    (b'\xef\xbb\xbf{"type":"ping","id":1}', "bad_encoding", None),
    (b'\xff\xfe{\x00"\x00', "bad_encoding", None),
    (b'{"type":"ping","id":1}\x00', "bad_encoding", None),
    (b'{"type":"login","id":1,"username":"a\\u0000b","password":""}', "bad_encoding", 1),
    # not JSON, or JSON that readers disagree about
    (b"hello", "bad_json", None),
    (b"{'type':'ping','id':1}", "bad_json", None),
    (b'{"type":"ping","id":1,}', "bad_json", None),
    (b'{"type":"ping","id":1}{"type":"ping","id":2}', "bad_json", None),
    (b'{"type":"ping","id":01}', "bad_json", None),
    (b'{"type":"ping","id":+1}', "bad_json", None),
    (b'{"type":"ping","id":0x1}', "bad_json", None),
    (b'{"type":"ping","id":"\x1b[2J"}', "bad_json", None),
    (b'{"type":"ping","id":1} // a comment', "bad_json", None),
    (b'{"type":"ping","id":NaN}', "bad_json", None),
    (b'{"type":"ping","id":1,"x":[-Infinity]}', "bad_json", 1),
    (b'{"type":"ping","id":1,"x":1e999}', "bad_json", 1),
    (b'{"type":"ping","id":1,"id":2}', "bad_json", None),
    (b'{"type":"ping","id":1,"\\u0069d":2}', "bad_json", None),
    (b'{"type":"ping","id":1,"x":{"a":1,"a":1}}', "bad_json", 1),
    (b'{"type":"send","id":1,"to":"#a","text":"\\ud83d"}', "bad_json", 1),
    (b'{"type":"ping","id":1,"\\udc00":0}', "bad_json", 1),
    (b'{"type":"ping","id":1,"x":' + b"[" * 16 + b"]" * 16 + b"}", "bad_json", None),
    (b"[" * 100_000, "bad_json", None),
    (b'{"a":' * 10_000, "bad_json", None),
    # quadratic unless each byte is read once
    (b'"' + b'\\"' * 32_000, "bad_json", None),
    (b'"\\' * 32_000, "bad_json", None),
    (b'{"type":"ping","id":' + b'"' * 64_000, "bad_json", None),
    (b'{"type":"ping","id":1,"x":"' + b"\\" * 64_000 + b'"}', "bad_frame", 1),
    (b'{"type":"ping","id":1,"x":1e' + b"9" * 64_000 + b"}", "bad_json", 1),
    (b'{"type":"ping","id":1,"x":' + b"9" * 64_000 + b"}", "bad_frame", 1),
    (b"{" + b'"a":1,' * 10_000, "bad_json", None),
    # JSON, but no frame
    (b"7", "bad_frame", None),
    (b"null", "bad_frame", None),
    (b'"ping"', "bad_frame", None),
    (b'[{"type":"ping","id":1}]', "bad_frame", None),
    (b"{}", "bad_frame", None),
    (b'{"id":1}', "bad_frame", 1),
    (b'{"type":"ping"}', "bad_frame", None),
    (b'{"type":null,"id":"x"}', "bad_frame", "x"),
    (b'{"type":"ping","id":null}', "bad_frame", None),
    (b'{"type":"ping","id":true}', "bad_frame", None),
    (b'{"type":"ping","id":1.0}', "bad_frame", None),
    (b'{"type":"ping","id":[1]}', "bad_frame", None),
    (b'{"type":"ping","id":9007199254740992}', "bad_frame", None),
    (b'{"type":"ping","id":-9007199254740992}', "bad_frame", None),
    (b'{"type":"ping","id":1,"x":' + b"9" * 4000 + b"}", "bad_frame", 1),
    (b'{"type":"create_room","id":1,"room":"a","capacity":9007199254740992}', "bad_frame", 1),
    (b'{"type":"ping","id":"' + b"x" * 65 + b'"}', "bad_frame", None),
    (b'{"type":"ping","id":1,"colour":"red"}', "bad_frame", 1),
    (b'{"type":"ping","id":1,"x":' + b"[" * 15 + b"]" * 15 + b"}", "bad_frame", 1),
    (b'{"type":"login","id":1,"username":"Alice"}', "bad_frame", 1),
    (b'{"type":"login","id":1,"username":"Alice","password":111111}', "bad_frame", 1),
    (b'{"type":"send","id":1,"to":"#a","text":"","cid":null}', "bad_frame", 1),
    (b'{"type":"send","id":1,"to":"#a","text":"","cid":"two words"}', "bad_frame", 1),
    (b'{"type":"send","id":1,"to":"#a","text":"","cid":"line\\n"}', "bad_frame", 1),
    (b'{"type":"history","id":1,"conversation":"#a","before":-1}', "bad_frame", 1),
    (b'{"type":"history","id":1,"conversation":"#a","limit":0}', "bad_frame", 1),
    # a frame, but no request
    (b'{"type":"Ping","id":1}', "unknown_type", 1),
    (b'{"type":"pong","id":1}', "unknown_type", 1),
    (b'{"type":"it\'s","id":"x"}', "unknown_type", "x"),
    ('{"type":"你好","id":1,"x":{}}'.encode(), "unknown_type", 1),
]


@pytest.mark.parametrize(("line", "code", "id"), TORTURE, ids=lambda value: repr(value)[:60])
def test_invalid_line_gets_the_exact_code_and_id(line: bytes, code: str, id: int | str | None) -> None:
    with pytest.raises(WireError) as refusal:
        read_request(line)
    assert (refusal.value.code, refusal.value.id) == (code, id)


@pytest.mark.parametrize(
    ("line", "request_"),
    [
        (b' {"id" : 1 , "type" : "ping" } ', Ping(id=1)),
        (b'{"type":"ping","id":-0}', Ping(id=0)),
        (b'{"\\u0074ype":"\\u0070ing","id":"\\ud83d\\ude00"}', Ping(id="\N{GRINNING FACE}")),
        (b'{"type":"ping","id":9007199254740991}', Ping(id=2**53 - 1)),
        (
            b'{"type":"login","id":1,"username":"\\"\\\\","password":"[[[{{{"}',
            Login(id=1, username='"\\', password="[[[{{{"),
        ),
        (
            '{"type":"send","id":1,"to":"@Bob","text":"\u202e\u2028\x7f你好"}'.encode(),
            Send(id=1, to="@Bob", text="\u202e\u2028\x7f你好"),
        ),
    ],
)
def test_unusual_valid_line_is_read(line: bytes, request_: requests.AnyRequest) -> None:
    assert read_request(line) == request_


# Answers


@given(strategies.any_response)
def test_every_response_is_encoded_and_read_back(response: responses.AnyResponse) -> None:
    assert read_answer(encode_frame(response)[:-1]) == response


@given(strategies.any_event)
def test_every_event_is_encoded_and_read_back(event: events.AnyEvent) -> None:
    assert read_answer(encode_frame(event)[:-1]) == event


@pytest.mark.parametrize(
    "line",
    [
        b'{"type":"ok","id":1,"new":{"deep":[1]}}',
        b'{"type":"closing","code":"going_away","message":"","new":1}',
    ],
)
def test_unknown_fields_are_ignored_by_the_client(line: bytes) -> None:
    assert read_answer(line) is not None


@pytest.mark.parametrize("line", [b'{"type":"weather","rain":true}', b'{"type":"weather","id":1}'])
def test_unknown_types_are_ignored_by_the_client(line: bytes) -> None:
    assert read_answer(line) is None


@pytest.mark.parametrize(
    "line",
    [
        b"HTTP/1.1 400 Bad Request",
        b"\xff",
        b"{}",
        b"[" * 100_000,
        b'{"type":"welcome"}',
        b'{"type":"sent","id":1}',
    ],
)
def test_other_line_is_refused_by_the_client(line: bytes) -> None:
    with pytest.raises(WireError):
        read_answer(line)


@given(st.binary() | strategies.json_values.map(lambda value: json.dumps(value).encode()))
def test_any_answer_is_read_or_refused(line: bytes) -> None:
    assert verdict(read_answer, line) in ("", "bad_frame")
