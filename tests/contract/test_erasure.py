"""Deleted texts are erased from the database, and authors can delete their messages after they left."""

import sqlite3
import time
from collections.abc import Callable
from contextlib import closing

import pytest

from tests.contract.test_revisions import change, page, say, shown
from tests.support.processes import PATIENCE, Server, Wire

SECRET = "kryptonite"
REPLACED = "unobtainium"
ROOM = "#lab"


@pytest.fixture
def in_room(alice: Wire, bob: Wire, room: str) -> str:
    for wire in (alice, bob):
        wire.request("enter_room", room=room, nickname="nick")
    return room


def wait_until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def stored_bytes(server: Server) -> bytes:
    return b"".join(path.read_bytes() for path in server.data.glob("chatroom.sqlite*"))


def is_indexed(server: Server, word: str) -> bool:
    with closing(sqlite3.connect(server.data / "chatroom.sqlite")) as database:
        return any(word in terms for (terms,) in database.execute("SELECT terms FROM documents"))


def test_deleted_and_replaced_texts_leave_the_file(server: Server) -> None:
    alice = server.user("Alice")
    alice.request("create_room", room=ROOM, capacity=3)
    alice.request("enter_room", room=ROOM, nickname="nick")
    deleted, replaced = say(alice, ROOM, f"the {SECRET}"), say(alice, ROOM, f"the {REPLACED}")
    wait_until(lambda: is_indexed(server, SECRET) and is_indexed(server, REPLACED))
    change(alice, ROOM, "delete", deleted)
    change(alice, ROOM, "edit", replaced, "nothing")
    gone = [SECRET.encode(), REPLACED.encode()]
    wait_until(lambda: not any(word in stored_bytes(server) for word in gone))
    assert len(alice.request("search", query="nothing")["messages"]) == 1
    server.stop()
    assert not any(word in stored_bytes(server) for word in gone)


def test_texts_of_deleted_room_leave_the_file(server: Server) -> None:
    alice = server.user("Alice")
    alice.request("create_room", room=ROOM, capacity=3)
    alice.request("enter_room", room=ROOM, nickname="nick")
    say(alice, ROOM, f"the {SECRET}")
    wait_until(lambda: is_indexed(server, SECRET))
    alice.request("close_room", room=ROOM)
    server.restart()  # the next round of housekeeping begins at once
    wait_until(lambda: SECRET.encode() not in stored_bytes(server))


def leave(owner: Wire, author: Wire, room: str) -> None:
    author.request("leave_room", room=room)


def resign(owner: Wire, author: Wire, room: str) -> None:
    author.request("resign_room", room=room)


def kick(owner: Wire, author: Wire, room: str) -> None:
    owner.request("kick", room=room, username=author.username)


def ban(owner: Wire, author: Wire, room: str) -> None:
    owner.request("ban", room=room, username=author.username)


@pytest.mark.parametrize("depart", [leave, resign, kick, ban])
def test_author_who_left_can_delete_own_messages_only(
    alice: Wire, bob: Wire, in_room: str, depart: Callable[[Wire, Wire, str], None]
) -> None:
    own, other = say(bob, in_room, SECRET), say(alice, in_room, "mine")
    depart(alice, bob, in_room)
    code = bob.ask("send", to=in_room, kind="edit", target=own, text="x")["code"]
    assert code in ("not_entered", "unknown_room")
    assert bob.refusal("send", to=in_room, kind="delete", target=other, text="") == code
    assert bob.refusal("send", to=in_room, kind="delete", target=999, text="") == code
    sent = bob.request("send", to=in_room, kind="delete", target=own, text="", cid=f"d{in_room}")
    again = bob.request("send", to=in_room, kind="delete", target=own, text="", cid=f"d{in_room}")
    assert (again["seq"], again["duplicate"]) == (sent["seq"], True)
    assert alice.message(kind="delete")["target"] == own
    assert shown(alice, in_room, own)["deleted"] is True
    assert SECRET not in str(page(alice, in_room))
    assert bob.refusal("send", to=in_room, kind="delete", target=own, text="") == "bad_target"


def test_removed_author_deletes_in_private_room(alice: Wire, bob: Wire, room_name: str) -> None:
    alice.request("create_room", room=room_name, capacity=5, private=True)
    alice.request("invite", room=room_name, username=bob.username)
    for wire in (alice, bob):
        wire.request("enter_room", room=room_name, nickname="nick")
    own = say(bob, room_name, SECRET)
    kick(alice, bob, room_name)
    assert bob.refusal("send", to=room_name, kind="delete", target=own - 1, text="") == "unknown_room"
    assert bob.request("send", to=room_name, kind="delete", target=own, text="")["type"] == "sent"


def test_author_deletes_in_private_chat_after_the_friendship(alice: Wire, bob: Wire) -> None:
    alice.request("add_friend", username=bob.username)
    own = say(alice, bob.name, SECRET)
    bob.request("remove_friend", username=alice.username)
    assert alice.refusal("send", to=bob.name, text="more") == "not_friends"
    assert alice.request("send", to=bob.name, kind="delete", target=own, text="")["type"] == "sent"
    assert SECRET not in str(page(bob, alice.name))
