"""A room's details, and its settings, which the owner changes."""

import threading

import pytest

from tests.contract.test_moderation import enter, listed
from tests.support.processes import Json, Refused, Server, Wire


def details(wire: Wire, room: str) -> Json:
    answer: Json = wire.request("show_room", room=room)
    return answer


def next_room_value(wire: Wire, room: str, **fields: object) -> Json:
    """Return the next ``room`` event of this room in which the fields have these values."""
    while True:
        value: Json = wire.event("room")["room"]
        if value["room"] == room and fields.items() <= value.items():
            return value


def test_details_of_a_room_show_owner_seats_and_time(alice: Wire, bob: Wire, room: str) -> None:
    enter(room, bob)
    shown = details(bob, room.lower())
    assert (shown["room"]["owner"], shown["room"]["members"], shown["room"]["capacity"]) == (
        alice.username, 1, 5,
    )  # fmt: skip
    assert shown["created"].endswith("Z")
    assert details(alice, room)["created"] == shown["created"]


def test_details_of_an_invisible_room_are_refused(alice: Wire, bob: Wire, room: str) -> None:
    alice.request("set_room", room=room, private=True)
    assert bob.refusal("show_room", room=room) == "unknown_room"
    assert bob.refusal("set_room", room=room, private=False) == "unknown_room"


def test_settings_of_a_member_are_refused(bob: Wire, room: str) -> None:
    enter(room, bob)
    for change in ({"capacity": 9}, {"private": True}, {"password": "111111"}, {}):
        assert bob.refusal("set_room", room=room, **change) == "not_owner"


def test_capacity_changes_for_all_who_see_the_room(alice: Wire, bob: Wire, room: str) -> None:
    changed = alice.request("set_room", room=room, capacity=50)
    assert changed["room"]["capacity"] == 50
    assert next_room_value(bob, room, capacity=50)["owner"] == alice.username


def test_capacity_below_the_members_is_refused(alice: Wire, bob: Wire, room: str) -> None:
    enter(room, alice, bob)
    error = alice.ask("set_room", room=room, capacity=1)
    assert (error["code"], error["details"]) == ("capacity_too_small", {"room": room, "members": 2})
    assert alice.refusal("set_room", room=room, capacity=0) == "bad_capacity"
    alice.request("set_room", room=room, capacity=2)
    assert (listed(bob, room) or {})["capacity"] == 2


def test_refused_capacity_changes_nothing_else(alice: Wire, bob: Wire, room: str) -> None:
    enter(room, alice, bob)
    assert alice.refusal("set_room", room=room, private=True, capacity=1) == "capacity_too_small"
    assert "private" not in (listed(alice, room) or {})


def test_capacity_against_entries_never_leaves_more_members(
    shared_server: Server, alice: Wire, room: str
) -> None:
    """Of a smaller capacity and an entry, one is refused."""
    people = [shared_server.user(f"{alice.username[5:]}n{number}") for number in range(5)]
    enter(room, people[0])
    results: list[str] = []

    def take_seat(wire: Wire) -> None:
        try:
            wire.request("enter_room", room=room, nickname=wire.username)
        except Refused as error:
            results.append(str(error))

    threads = [threading.Thread(target=take_seat, args=[wire]) for wire in people[1:]]
    for thread in threads:
        thread.start()
    for capacity in (4, 3, 2, 1):
        alice.ask("set_room", room=room, capacity=capacity)
    for thread in threads:
        thread.join()
    shown = details(alice, room)["room"]
    assert shown["members"] <= shown["capacity"]
    assert shown["members"] + len(results) == 5


def test_private_room_is_hidden_from_others_and_shown_again(alice: Wire, bob: Wire, room: str) -> None:
    alice.request("set_room", room=room, private=True)
    value = next_room_value(bob, room, private=True)
    assert (value["member"], "invited" in value) == (False, False)
    assert listed(bob, room) is None
    alice.request("set_room", room=room, private=False)
    assert "private" not in next_room_value(bob, room)
    assert listed(bob, room) is not None


def test_room_password_is_set_changed_and_removed(alice: Wire, bob: Wire, carol: Wire, room: str) -> None:
    enter(room, bob)
    assert alice.request("set_room", room=room, password="sesame")["room"]["locked"] is True
    assert carol.refusal("enter_room", room=room, nickname="C") == "wrong_room_password"
    alice.request("set_room", room=room, password="simsim")
    assert carol.refusal("enter_room", room=room, nickname="C", password="sesame") == "wrong_room_password"
    enter(room, carol, password="simsim")
    bob.request("leave_room", room=room)
    enter(room, bob)  # members need none
    assert "locked" not in alice.request("set_room", room=room, password="")["room"]
    carol.request("resign_room", room=room)
    enter(room, carol)


@pytest.mark.parametrize("password", ["short", "x" * 73])
def test_bad_room_password_is_refused(alice: Wire, room: str, password: str) -> None:
    assert alice.refusal("set_room", room=room, password=password) == "bad_password"
