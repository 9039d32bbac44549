"""Retention on a real socket: who may set it, and what remains of removed messages."""

from tests.contract.test_moderation import enter
from tests.support.processes import Wire


def test_retention_is_part_of_the_room_until_it_is_taken_back(alice: Wire, bob: Wire, room: str) -> None:
    enter(room, alice, bob)
    changed = alice.request("set_room", room=room, retention=30)["room"]
    assert (changed["room"], changed["retention"]) == (room, 30)
    while bob.event("room")["room"].get("retention") != 30:
        pass  # of a room of another test, or of an entry
    assert alice.request("set_room", room=room)["room"]["retention"] == 30
    assert "retention" not in alice.request("set_room", room=room, retention=0)["room"]
    assert alice.refusal("set_room", room=room, retention=-1) == "bad_frame"
