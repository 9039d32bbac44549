"""An account with many seats leaves them in steps, and others are served in between."""

import pytest

from chatroom.server.state import presence
from tests.conftest import Serve
from tests.support.processes import Wire

ROOMS = 2 * presence.LEAVES_PER_STEP + 10


def enter_rooms(owner: Wire, member: Wire) -> None:
    for first in range(0, ROOMS, 50):
        ids = [
            wire.start(type, room=f"room{number}", **fields)
            for number in range(first, min(first + 50, ROOMS))
            for wire, type, fields in ((owner, "create_room", {"capacity": 5}),)
        ]
        for id in ids:
            assert owner.answer(id)["type"] == "room"
        ids = [
            member.start("enter_room", room=f"room{number}", nickname="M")
            for number in range(first, min(first + 50, ROOMS))
        ]
        for id in ids:
            assert member.answer(id)["type"] == "entered"


@pytest.mark.parametrize("way", ["logout", "linger"])
def test_account_leaves_all_of_its_rooms_in_steps(serve: Serve, way: str) -> None:
    server = serve(settings=("limits.linger=0.1",))
    alice, bob = server.user("Alice"), server.user("Bob")
    enter_rooms(alice, bob)
    alice.request("enter_room", room="room0", nickname="A")
    if way == "logout":
        bob.request("logout")
    else:
        bob.close()
        alice.event("presence", username="Bob", online=False)
    for number in (0, ROOMS // 2, ROOMS - 1):
        room = f"room{number}"
        page = alice.request("enter_room", room=room, nickname="A")["messages"]
        kinds = [message["kind"] for message in page if message["username"] == "Bob"]
        assert kinds == ["enter", "leave"]
        members = {
            member["username"]: member for member in alice.request("list_members", room=room)["members"]
        }
        assert (members["Bob"]["entered"], members["Bob"]["online"]) == (False, False)
    again = server.connect().login("Bob")
    assert not any(room["entered"] for room in again.session["rooms"])
    again.request("enter_room", room="room1", nickname="M")
    again.request("send", to="#room1", text="hello")
