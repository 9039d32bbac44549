"""Retention on a real socket: who may set it, and what remains of removed messages."""

import time
from collections.abc import Callable
from contextlib import closing
from itertools import cycle

import pytest
from sqlalchemy import text

from chatroom.db.engine import begin_write, normalise_url, open_engine
from tests.contract.test_erasure import wait_until
from tests.contract.test_moderation import enter
from tests.support.aged_messages import DAY_MS, age_messages
from tests.support.processes import Json, Server, Wire


def first_of(wire: Wire, room: str) -> int:
    first: int = wire.request("history", conversation=room).get("first", 1)
    return first


def purge(wire: Wire, room: str, first: int, days: int = 30) -> None:
    """Let the owner limit the retention, again and again: only messages that are indexed are removed."""
    changes = cycle((days, days + 1))

    def is_purged() -> bool:
        wire.request("set_room", room=room, retention=next(changes))
        return first_of(wire, room) == first

    wait_until(is_purged)


def say(wire: Wire, room: str, *texts: str) -> list[int]:
    return [wire.request("send", to=room, text=text)["seq"] for text in texts]


def seqs(answer: Json) -> list[int]:
    return [message["seq"] for message in answer["messages"]]


def seat(rooms: list[Json], room: str) -> Json:
    return next(value for value in rooms if value["room"] == room)


@pytest.fixture
def aged(shared_server: Server, alice: Wire, bob: Wire, room: str) -> str:
    """A room of ten messages; the first five are forty days old. Bob has read the first three."""
    enter(room, alice, bob)
    say(alice, room, "old1", "old2", "old3", "new1", "new2", "new3", "new4", "new5")
    bob.request("read", conversation=room, seq=3)
    age_messages(shared_server, room, 5, days=40)
    return room


def test_retention_is_part_of_the_room_until_it_is_taken_back(alice: Wire, bob: Wire, room: str) -> None:
    enter(room, alice, bob)
    changed = alice.request("set_room", room=room, retention=30)["room"]
    assert (changed["room"], changed["retention"]) == (room, 30)
    while bob.event("room")["room"].get("retention") != 30:
        pass  # of a room of another test, or of an entry
    assert alice.request("set_room", room=room)["room"]["retention"] == 30
    assert "retention" not in alice.request("set_room", room=room, retention=0)["room"]
    assert alice.refusal("set_room", room=room, retention=-1) == "bad_frame"


def test_pages_begin_at_the_first_message_that_is_left(alice: Wire, bob: Wire, aged: str) -> None:
    assert first_of(bob, aged) == 1
    purge(alice, aged, 6)
    for fields in ({}, {"after": 0}, {"after": 4}, {"before": 99}, {"at": "2000-01-01T00:00:00Z"}):
        page = bob.request("history", conversation=aged, **fields)
        assert (seqs(page), page["more"], page["first"]) == ([6, 7, 8, 9, 10], False, 6), fields
    below = bob.request("history", conversation=aged, before=6)
    assert (seqs(below), below["more"], below["first"]) == ([], False, 6)
    exported = bob.request("export", conversation=aged)
    assert (seqs(exported), exported["first"]) == ([6, 7, 8, 9, 10], 6)
    entered = bob.request("enter_room", room=aged, nickname="bob2")
    assert (seqs(entered)[0], entered["room"]["first"], entered["room"]["head"]) == (6, 6, 11)


def test_members_are_notified_and_lose_unread_messages(alice: Wire, bob: Wire, aged: str) -> None:
    assert seat(bob.request("list_rooms")["rooms"], aged)["unread"] == 7
    purge(alice, aged, 6)
    while (event := bob.event("purged", conversation=aged))["first"] != 6:
        pass  # part of it
    assert event["unread"] == 5
    room = seat(bob.request("list_rooms")["rooms"], aged)
    assert (room["first"], room["head"], room["read"], room["unread"]) == (6, 10, 3, 5)
    bob.request("read", conversation=aged, seq=8)
    assert seat(bob.request("list_rooms")["rooms"], aged)["unread"] == 2


def test_removed_messages_are_not_found_and_cannot_be_changed(alice: Wire, bob: Wire, aged: str) -> None:
    purge(alice, aged, 6)
    assert alice.request("search", query="old2", conversation=aged)["messages"] == []
    assert seqs(alice.request("search", query="new1", conversation=aged)) == [6]
    for kind, words in (("edit", "x"), ("delete", ""), ("react", "👍"), ("text", "an answer")):
        assert alice.refusal("send", to=aged, kind=kind, target=4, text=words) == "bad_target"


def test_seqs_go_on_after_all_messages_were_removed(
    shared_server: Server, alice: Wire, bob: Wire, aged: str
) -> None:
    age_messages(shared_server, aged, 10, days=40)
    purge(alice, aged, 11)
    empty = bob.request("history", conversation=aged)
    assert (empty["messages"], empty["more"]) == ([], False)
    assert seat(bob.request("list_rooms")["rooms"], aged)["unread"] == 0
    assert say(alice, aged, "again") == [11]
    assert bob.message(text="again")["seq"] == 11
    assert seqs(bob.request("history", conversation=aged, after=0)) == [11]


def test_session_names_the_first_message_after_a_restart(server: Server) -> None:
    alice = server.user("Alice")
    alice.request("create_room", room="#lab", capacity=5)
    enter("#lab", alice)
    say(alice, "#lab", "old", "new")
    age_messages(server, "#lab", 2, days=40)
    purge(alice, "#lab", 3)
    server.restart()
    with closing(server.connect().login("Alice")) as again:
        assert seat(again.session["rooms"], "#lab")["first"] == 3
        assert first_of(again, "#lab") == 3


def test_private_chats_have_the_retention_of_the_server(serve: Callable[..., Server]) -> None:
    server = serve("--set", "retention.days=30")
    alice, bob = server.user("Alice"), server.user("Bob")
    assert alice.welcome["limits"]["retention"] == 30
    alice.request("add_friend", username="Bob")
    say(alice, "@Bob", "old", "new")
    engine = open_engine(normalise_url(f"sqlite:///{server.data / 'chatroom.sqlite'}"))
    with begin_write(engine) as connection:
        connection.execute(
            text("UPDATE messages SET sent_at = sent_at - :age WHERE seq = 1"), {"age": 31 * DAY_MS}
        )
    engine.dispose()
    while first_of(bob, "@Alice") == 1:  # a new round begins with the server
        time.sleep(1.0)
        server.restart()
        bob = server.connect().login("Bob")
    [friend] = server.connect().login("Bob").session["friends"]  # the session may have begun before
    assert (friend["first"], friend["head"], friend["unread"]) == (2, 2, 1)
