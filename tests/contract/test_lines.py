"""Lines on a real socket: the welcome, valid lines, and the code of each invalid one."""

import json
import socket

import pytest

from tests.conftest import Serve, Unique
from tests.support.processes import Json, Server, Wire


@pytest.fixture
def stranger(shared_server: Server) -> Wire:
    """A connection before login."""
    return shared_server.connect()


def test_welcome_names_version_and_limits(stranger: Wire) -> None:
    assert stranger.welcome["type"] == "welcome"
    assert stranger.welcome["protocol"] == 1
    assert stranger.welcome["server"].startswith("chatroom/")
    assert isinstance(stranger.welcome["name"], str)
    assert stranger.welcome["limits"] == {
        "line": 65536, "text": 4096, "username": [2, 10], "password": [6, 72],
        "room": [1, 32], "nickname": [1, 32], "page": 100, "export": 2000,
    }  # fmt: skip


@pytest.mark.parametrize("id", [0, -1, 2**53 - 1, "", "a", "x" * 64, "你好"])
def test_response_has_the_id_of_the_request(stranger: Wire, id: int | str) -> None:
    stranger.send(type="ping", id=id)
    assert stranger.read() == {"type": "pong", "id": id}


def test_lf_and_crlf_end_lines_and_empty_lines_are_ignored(stranger: Wire) -> None:
    stranger.send_bytes(b'\n\r\n{"type":"ping","id":1}\r\n\n{"type":"ping","id":2}\n')
    assert [stranger.read()["id"], stranger.read()["id"]] == [1, 2]


def test_line_sent_byte_by_byte_is_read(stranger: Wire) -> None:
    for byte in b'{"type":"ping","id":"slow"}\n':
        stranger.send_bytes(bytes([byte]))
    assert stranger.read() == {"type": "pong", "id": "slow"}


@pytest.mark.parametrize(
    ("line", "code", "id"),
    [
        (b'{"type":"ping","id":1,"x":"\xff"}', "bad_encoding", None),
        (b'\xef\xbb\xbf{"type":"ping","id":1}', "bad_encoding", None),
        (b'{"type":"ping","id":1}\x00', "bad_encoding", None),
        (b"hello", "bad_json", None),
        (b'{"type":"ping","id":1', "bad_json", None),
        (b'{"type":"ping","id":1}{"type":"ping","id":2}', "bad_json", None),
        (b'{"type":"ping","id":NaN}', "bad_json", None),
        (b'{"type":"ping","type":"ping","id":1}', "bad_json", 1),
        (b'{"type":"ping","id":"\\ud800"}', "bad_json", None),
        (b'{"type":"ping","id":1,"x":' + b"[" * 17 + b"]" * 17 + b"}", "bad_json", None),
        (b"[" * 2000, "bad_json", None),
        (b"7", "bad_frame", None),
        (b'"ping"', "bad_frame", None),
        (b'[{"type":"ping","id":1}]', "bad_frame", None),
        (b'{"id":1}', "bad_frame", 1),
        (b'{"type":7,"id":1}', "bad_frame", 1),
        (b'{"type":"ping"}', "bad_frame", None),
        (b'{"type":"ping","id":null}', "bad_frame", None),
        (b'{"type":"ping","id":true}', "bad_frame", None),
        (b'{"type":"ping","id":1.5}', "bad_frame", None),
        (b'{"type":"ping","id":9007199254740992}', "bad_frame", None),
        (b'{"type":"ping","id":"' + b"x" * 65 + b'"}', "bad_frame", None),
        (b'{"type":"ping","id":3,"surprise":true}', "bad_frame", 3),
        (b'{"type":"login","id":4,"username":"Alice"}', "bad_frame", 4),
        (b'{"type":"login","id":5,"username":"Alice","password":111111}', "bad_frame", 5),
        (b'{"type":"fly","id":6}', "unknown_type", 6),
        (b'{"type":"welcome","id":7}', "unknown_type", 7),
    ],
)  # fmt: skip
def test_invalid_line_gets_its_code_and_the_next_is_handled(
    stranger: Wire, line: bytes, code: str, id: int | None
) -> None:
    stranger.send_bytes(line + b"\n")
    error = stranger.read()
    assert (error["type"], error["code"], error["id"]) == ("error", code, id)
    assert error["message"]
    assert isinstance(error["details"], dict)
    assert stranger.ask("ping")["type"] == "pong"


def test_line_before_login_is_limited_to_4_kib(stranger: Wire) -> None:
    stranger.send_bytes(ping_of_length(4096) + b"\n")
    assert stranger.read()["code"] == "bad_frame"
    stranger.send_bytes(ping_of_length(4097) + b'\n{"type":"ping","id":"tail"}\n')
    assert_ends_with(stranger, "line_too_long")


def test_line_after_login_is_limited_to_64_kib(alice: Wire) -> None:
    alice.send_bytes(ping_of_length(65536) + b"\r\n")
    assert alice.answer(None)["code"] == "bad_frame"
    alice.send_bytes(ping_of_length(65537) + b'\n{"type":"ping","id":"tail"}\n')
    assert_ends_with(alice, "line_too_long")


def ping_of_length(length: int) -> bytes:
    """Return a line of this length, without its end, that is refused because of its id."""
    line = b'{"type":"ping","id":"%s"}'
    return line % (b"x" * (length - len(line) + 2))


def test_requests_before_half_close_are_answered(shared_server: Server, unique: Unique) -> None:
    name, wire = unique("Pipe"), shared_server.connect()
    wire.start("register", username=name, password="111111")
    wire.start("login", username=name, password="111111")
    wire.start("create_room", room=name, capacity=2)
    wire.start("enter_room", room=name, nickname="P")
    for number in range(100):
        wire.start("send", to=f"#{name}", text=f"{number}")
    last = wire.start("history", conversation=f"#{name}", limit=1)
    wire.send_bytes(b'{"type":"ping","id":"without an end"}')
    wire.socket.shutdown(socket.SHUT_WR)
    answers = {frame["id"]: frame for frame in wire.rest() if "id" in frame}
    assert list(answers) == list(range(1, last + 1))
    assert "error" not in {answer["type"] for answer in answers.values()}
    assert answers[last]["messages"][0]["text"] == "99"


def test_half_close_without_requests_ends_the_connection(shared_server: Server) -> None:
    wire = shared_server.connect()
    wire.socket.shutdown(socket.SHUT_WR)
    assert wire.rest() == []


def test_delayed_requests_before_half_close_are_answered(serve: Serve) -> None:
    wire = serve(settings=("limits.rate=5", "limits.input_rate=1000", "limits.input_burst=100")).connect()
    for _ in range(300):
        wire.start("ping")
    wire.socket.shutdown(socket.SHUT_WR)
    assert [frame["id"] for frame in wire.rest()] == list(range(1, 301))


def assert_ends_with(wire: Wire, code: str) -> None:
    """Check that an error and ``closing`` with this code came last, and that later requests were ignored."""
    frames = wire.rest()
    codes = [(frame["type"], frame["code"]) for frame in frames if frame["type"] in ("error", "closing")]
    assert codes == [("error", code), ("closing", code)]
    assert "tail" not in [frame.get("id") for frame in frames]


ALL_BUT_LOGIN = [
    ("logout", {}),
    ("list_rooms", {}),
    ("create_room", {"room": "x", "capacity": 2}),
    ("enter_room", {"room": "x", "nickname": "X"}),
    ("leave_room", {"room": "x"}),
    ("resign_room", {"room": "x"}),
    ("list_members", {"room": "x"}),
    ("add_friend", {"username": "Alice"}),
    ("remove_friend", {"username": "Alice"}),
    ("list_friends", {}),
    ("enter_direct", {"username": "Alice", "nickname": "X"}),
    ("leave_direct", {"username": "Alice"}),
    ("send", {"to": "#x", "text": "hi"}),
    ("history", {"conversation": "#x"}),
    ("read", {"conversation": "#x", "seq": 1}),
    ("search", {"query": "hi"}),
]


@pytest.mark.parametrize(("type", "fields"), ALL_BUT_LOGIN)
def test_requests_before_login_are_refused(stranger: Wire, type: str, fields: dict[str, object]) -> None:
    assert stranger.refusal(type, **fields) == "not_logged_in"


def test_invalid_frame_before_login_is_bad_frame(stranger: Wire) -> None:
    assert stranger.refusal("send", to="#x") == "bad_frame"


def test_requests_in_one_packet_run_in_order(alice: Wire, room_name: str) -> None:
    requests = [
        {"type": "create_room", "id": 1, "room": room_name, "capacity": 2},
        {"type": "enter_room", "id": 2, "room": room_name, "nickname": "A"},
        {"type": "send", "id": 3, "to": room_name, "text": "one"},
        {"type": "send", "id": 4, "to": room_name, "text": "two"},
        {"type": "history", "id": 5, "conversation": room_name},
    ]
    alice.send_bytes(b"".join(json.dumps(request).encode() + b"\n" for request in requests))
    answers: dict[int, Json] = {}
    while len(answers) < len(requests):
        frame = alice.read()
        if "id" in frame:
            answers[frame["id"]] = frame
    assert [answers[id]["type"] for id in range(1, 6)] == ["room", "entered", "sent", "sent", "history"]
    assert [message["text"] for message in answers[5]["messages"]] == ["", "one", "two"]


def test_ping_does_not_prevent_login_timeout(serve: Serve) -> None:
    stranger = serve(settings=("limits.login_timeout=0.5",)).connect()
    assert stranger.ask("ping")["type"] == "pong"
    closing, *nothing = stranger.rest()
    assert (closing["type"], closing["code"], nothing) == ("closing", "login_timeout", [])
