"""Presence on a real socket: grace time and logout."""

import sqlite3
from contextlib import closing

import pytest

from tests.conftest import Serve
from tests.support.processes import Server, Wire

ROOM = "#thuhole"


@pytest.fixture
def patient(serve: Serve) -> Server:
    """A server whose grace time is longer than any test."""
    return serve(settings=("limits.linger=600",))


@pytest.fixture
def hasty(serve: Serve) -> Server:
    """A server with a very short grace time."""
    return serve(settings=("limits.linger=0.2",))


def enter(server: Server, *usernames: str) -> list[Wire]:
    """New users, all of them in one room."""
    people = [server.user(username) for username in usernames]
    people[0].request("create_room", room=ROOM, capacity=9)
    for wire in people:
        wire.request("enter_room", room=ROOM, nickname=wire.username.upper())
    return people


def notices(wire: Wire) -> list[tuple[str, str]]:
    messages = wire.request("history", conversation=ROOM)["messages"]
    return [(message["kind"], message["username"]) for message in messages]


BOTH_CAME = [("enter", "Alice"), ("enter", "Bob")]


@pytest.mark.parametrize("how", ["resume", "login"])
def test_resume_within_grace_makes_no_notice(patient: Server, how: str) -> None:
    alice, bob = enter(patient, "Alice", "Bob")
    alice.close()
    back = patient.connect()
    proof = {"token": alice.token} if how == "resume" else {"username": "Alice", "password": "111111"}
    session = back.request(how, **proof)
    assert session["rooms"][0]["entered"] is True
    back.request("send", to=ROOM, text="here again")
    assert bob.message(kind="text")["nickname"] == "ALICE"
    assert notices(bob)[:-1] == BOTH_CAME


def test_grace_timeout_leaves_the_room(hasty: Server) -> None:
    alice, bob = enter(hasty, "Alice", "Bob")
    alice.close()
    assert bob.message(kind="leave")["username"] == "Alice"
    assert bob.event("presence", username="Alice", online=False)
    assert notices(bob) == [*BOTH_CAME, ("leave", "Alice")]


def test_grace_time_belongs_to_the_account(hasty: Server) -> None:
    alice, bob = enter(hasty, "Alice", "Bob")
    hasty.connect().login("Alice")
    alice.close()
    carol = hasty.user("Carol")
    carol.request("enter_room", room=ROOM, nickname="CAROL")
    carol.close()
    assert bob.message(kind="leave")["username"] == "Carol"
    assert notices(bob) == [*BOTH_CAME, ("enter", "Carol"), ("leave", "Carol")]


def test_last_logout_leaves_all_conversations(patient: Server) -> None:
    alice, bob = enter(patient, "Alice", "Bob")
    alice.request("add_friend", username="Bob")
    alice.request("enter_direct", username="Bob", nickname="A")
    second = patient.connect().login("Alice")
    alice.request("logout")
    assert notices(bob) == BOTH_CAME
    second.request("logout")
    assert notices(bob) == [*BOTH_CAME, ("leave", "Alice")]
    private = bob.request("history", conversation="@Alice")["messages"]
    assert [message["kind"] for message in private] == ["enter", "leave"]
    assert bob.event("presence", username="Alice")["online"] is False


def test_grace_time_starts_again_after_restart(serve: Serve) -> None:
    server = serve(settings=("limits.linger=600",))
    enter(server, "Alice", "Bob")
    server.kill()
    server.start()
    alice = server.connect().login("Alice")
    assert alice.session["rooms"][0]["entered"] is True
    alice.request("send", to=ROOM, text="as if nothing had been")
    assert notices(alice)[:-1] == BOTH_CAME


def test_account_absent_after_restart_leaves_the_room(serve: Serve) -> None:
    server = serve(settings=("limits.linger=1",))
    enter(server, "Alice", "Bob")
    server.kill()
    server.start()
    bob = server.connect().login("Bob")
    assert bob.message(kind="leave")["username"] == "Alice"
    assert notices(bob) == [*BOTH_CAME, ("leave", "Alice")]


def test_killed_server_is_replaced_by_its_restart_on_another_port(serve: Serve) -> None:
    server = serve()
    server.kill()
    server.port = 0
    server.start()
    with closing(sqlite3.connect(server.data / "chatroom.sqlite")) as database:
        assert database.execute("SELECT count(*) FROM servers").fetchone() == (1,)


def test_logout_is_announced_to_members_of_a_common_room(patient: Server) -> None:
    alice, bob = enter(patient, "Alice", "Bob")
    alice.request("logout")
    assert bob.event("presence") == {"type": "presence", "username": "Alice", "online": False}


def test_strangers_get_no_presence(patient: Server) -> None:
    stranger = patient.user("Stranger")
    alice, _ = enter(patient, "Alice", "Bob")
    alice.request("logout")
    stranger.request("ping")
    assert not any(event["type"] == "presence" for event in stranger.events)
