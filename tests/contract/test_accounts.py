"""Accounts on a real socket: registration, login, logout and resuming a session."""

import pytest

from tests.conftest import Unique
from tests.support.processes import Server, Wire


def test_new_account_can_log_in(shared_server: Server, unique: Unique) -> None:
    wire, username = shared_server.connect(), unique("Alice")
    assert wire.request("register", username=username, password="111111")["type"] == "ok"
    session = wire.request("login", username=username, password="111111")
    assert (session["username"], session["rooms"], session["friends"]) == (username, [], [])
    assert session["token"]


@pytest.mark.parametrize(
    "username",
    ["", "A", "A" * 11, "two words", " Alice", "Alice ", "a\tb", "a\nb", "ab\u200b\u200b\u200bc\x1b"],
)
def test_invalid_username_is_refused(shared_server: Server, username: str) -> None:
    wire = shared_server.connect()
    assert wire.refusal("register", username=username, password="111111") == "bad_username"
    assert wire.ask("register", username=username, password="111111")["details"] == {"least": 2, "most": 10}


def test_username_length_is_in_characters(shared_server: Server, unique: Unique) -> None:
    username = unique("聊天室里的人")
    assert len(username) <= 10 < len(username.encode())
    assert shared_server.user(username).username == username


@pytest.mark.parametrize("password", ["", "12345", "x" * 73, "密" * 25])
def test_invalid_password_is_refused(shared_server: Server, unique: Unique, password: str) -> None:
    error = shared_server.connect().ask("register", username=unique("Bob"), password=password)
    assert (error["code"], error["details"]) == ("bad_password", {"least": 6, "most": 72})


@pytest.mark.parametrize("password", ["111111", "密码密码密码", "x" * 72, "密" * 24, " space "])
def test_valid_password_is_accepted(shared_server: Server, unique: Unique, password: str) -> None:
    username = unique("Bob")
    shared_server.connect().register(username, password)
    assert shared_server.connect().refusal("login", username=username, password=password[:-1] + "?") in (
        "wrong_password",
        "bad_password",
    )


def test_taken_username_is_refused_in_every_spelling(shared_server: Server, unique: Unique) -> None:
    username = unique("Oscar")
    shared_server.user(username)
    same = [
        username,
        username.upper(),
        username.lower(),
        username.replace("O", "Ｏ"),
        username.replace("a", "а"),
    ]
    for spelling in same:
        assert (
            shared_server.connect().refusal("register", username=spelling, password="111111")
            == "username_taken"
        )
    assert shared_server.connect().login(username.upper()).username == username


def test_login_failures_have_distinct_codes(shared_server: Server, unique: Unique) -> None:
    username = unique("Alice")
    shared_server.user(username)
    wire = shared_server.connect()
    assert wire.refusal("login", username="A", password="111111") == "bad_username"
    assert wire.refusal("login", username=username, password="1") == "bad_password"
    assert wire.refusal("login", username=unique("Nobody"), password="111111") == "unknown_user"
    assert wire.refusal("login", username=username, password="222222") == "wrong_password"
    assert wire.login(username).username == username


def test_second_login_on_connection_is_refused(alice: Wire) -> None:
    assert alice.refusal("login", username=alice.username, password="111111") == "already_logged_in"
    assert alice.refusal("resume", token=alice.token) == "already_logged_in"


def test_login_after_logout_succeeds(alice: Wire) -> None:
    username = alice.username
    assert alice.request("logout")["type"] == "ok"
    assert alice.refusal("list_rooms") == "not_logged_in"
    assert alice.login(username).request("list_rooms")["type"] == "rooms"


def test_token_resumes_on_another_connection(shared_server: Server, alice: Wire) -> None:
    session = shared_server.connect().request("resume", token=alice.token)
    assert session["type"] == "session"
    assert session["username"] == alice.username
    assert session["token"] != alice.token


def test_lost_resume_response_keeps_the_old_token_valid(shared_server: Server, alice: Wire) -> None:
    first = alice.token
    second = shared_server.connect().request("resume", token=first)["token"]
    again = shared_server.connect().request("resume", token=first)["token"]
    assert again != second
    shared_server.connect().request("resume", token=again)
    assert shared_server.connect().refusal("resume", token=first) == "bad_token"


@pytest.mark.parametrize("token", ["", "x", "A" * 43, "\u4f60"])
def test_unknown_token_is_refused(shared_server: Server, token: str) -> None:
    assert shared_server.connect().refusal("resume", token=token) == "bad_token"


def test_logout_voids_the_token(shared_server: Server, alice: Wire) -> None:
    alice.request("logout")
    assert shared_server.connect().refusal("resume", token=alice.token) == "bad_token"


def test_logout_of_one_session_keeps_the_other(shared_server: Server, alice: Wire) -> None:
    second = shared_server.connect().login(alice.username)
    alice.request("logout")
    assert second.request("list_rooms")["type"] == "rooms"
    assert shared_server.connect().request("resume", token=second.token)["type"] == "session"


def test_session_lists_rooms_and_friends(shared_server: Server, alice: Wire, bob: Wire, room: str) -> None:
    alice.request("enter_room", room=room, nickname="ALICE")
    alice.request("add_friend", username=bob.username)
    session = shared_server.connect().login(alice.username).session
    assert [room["room"] for room in session["rooms"]] == [room]
    assert [friend["friend"] for friend in session["friends"]] == [bob.name]
    assert session["rooms"][0]["entered"] is True
