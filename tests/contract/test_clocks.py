"""Server processes on one database whose clocks differ."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.contract.test_admin import admin
from tests.contract.test_several_processes import enter, say
from tests.support.database import DatabaseServer
from tests.support.processes import Server

ROOM = "#lab"
SHIFT = 120
"""Seconds; without the database's clock a process counts as dead after 30."""


@pytest.fixture
def pair(mysql_server: DatabaseServer, tmp_path: Path) -> Iterator[tuple[Server, Server]]:
    """A server and one with another clock, which is not started yet."""
    mysql_server.drop("chat_clocks")
    url = mysql_server.url("chat_clocks")
    servers = (
        Server(tmp_path / "right", "--database", url).start(),
        Server(tmp_path / "ahead", "--database", url, program=("tests.support.shifted_clock", f"{SHIFT}")),
    )
    yield servers
    for server in servers:
        server.close()
    mysql_server.drop("chat_clocks")


def test_process_with_wrong_clock_makes_no_user_leave(pair: tuple[Server, Server]) -> None:
    right, ahead = pair
    alice = right.user("Alice")
    alice.request("create_room", room=ROOM, capacity=5)
    enter(ROOM, alice)
    bob = ahead.start().user("Bob")
    enter(ROOM, bob)
    say(bob, ROOM, "hello")
    assert alice.message(text="hello")["username"] == "Bob"
    say(alice, ROOM, "hi")
    assert bob.message(text="hi")["username"] == "Alice"
    members = {each["username"]: each for each in bob.request("list_members", room=ROOM)["members"]}
    assert members["Alice"]["online"]
    assert members["Alice"]["entered"]
    right.connect().login("Alice")  # the next poll of the other processes
    kinds = [message["kind"] for message in alice.request("history", conversation=ROOM)["messages"]]
    assert kinds == ["enter", "enter", "text", "text"]
    listed = admin(ahead, "servers").out
    assert len(listed.splitlines()) == 3
    assert "(dead)" not in listed
    ahead.wait_for_log("the clock of this machine differs from the database's by +1")
    assert "the clock of this machine" not in right.log
