"""Renaming a room: everything follows, and the former name still leads to it."""

import threading

import pytest

from chatroom.server.handlers.room_settings import MAX_FORMER_NAMES
from tests.conftest import Unique
from tests.contract.test_moderation import enter, listed, notices
from tests.contract.test_room_settings import next_room_value
from tests.support.processes import Json, Server, Wire


@pytest.fixture
def other_name(unique: Unique) -> str:
    return unique("#renamed")


def test_renamed_room_keeps_members_messages_and_id(
    alice: Wire, bob: Wire, room: str, other_name: str
) -> None:
    enter(room, alice, bob)
    seq = bob.request("send", to=room, text="before")["seq"]
    changed = alice.request("set_room", room=room, name=other_name)["room"]
    assert (changed["room"], changed["member"]) == (other_name, True)
    changed_room = next_room_value(bob, other_name)
    assert (changed_room["member"], changed_room["entered"], changed_room["room_id"]) == (
        True,
        True,
        changed["room_id"],
    )
    notice = bob.message(kind="rename")
    assert (notice["conversation"], notice["seq"], notice["text"]) == (other_name, seq + 1, other_name)
    assert bob.request("send", to=other_name, text="after")["seq"] == seq + 2
    assert [text for _, _, text in notices(bob, other_name)][-3:] == ["before", other_name, "after"]
    assert listed(bob, room) is None


def test_former_name_leads_to_the_room(alice: Wire, bob: Wire, room: str, other_name: str) -> None:
    enter(room, alice, bob)
    alice.request("set_room", room=room, name=other_name)
    first = bob.request("send", to=room, text="to the old name", cid=f"{bob.username}-1")
    assert alice.message(text="to the old name")["conversation"] == other_name
    again = bob.request("send", to=other_name, text="to the old name", cid=f"{bob.username}-1")
    assert (again["seq"], again["duplicate"]) == (first["seq"], True)
    page = bob.request("history", conversation=room.upper())["messages"]
    assert {message["conversation"] for message in page} == {other_name}
    assert bob.request("show_room", room=room)["room"]["room"] == other_name
    bob.request("read", conversation=room, seq=first["seq"])
    bob.request("leave_room", room=room)
    assert bob.request("enter_room", room=room, nickname="B")["room"]["room"] == other_name
    alice.request("kick", room=room, username=bob.username)
    assert bob.event("removed")["room"] == other_name


@pytest.mark.parametrize("change", [str, str.upper, lambda name: name.replace("o", "\u043e")])
def test_former_name_cannot_be_taken(
    alice: Wire, bob: Wire, room: str, other_name: str, change: type[str]
) -> None:
    alice.request("set_room", room=room, name=other_name)
    taken = change(room)
    assert bob.refusal("create_room", room=taken, capacity=5) == "room_exists"
    bob.request("create_room", room=f"{room}b", capacity=5)
    assert bob.refusal("set_room", room=f"{room}b", name=taken) == "room_exists"
    assert bob.refusal("set_room", room=f"{room}b", name=other_name) == "room_exists"
    alice.request("set_room", room=room, name=room)  # the room itself may take it back
    assert (listed(bob, room) or {})["owner"] == alice.username
    assert alice.request("show_room", room=other_name)["room"]["room"] == room


def test_former_names_are_free_once_the_room_is_deleted(
    alice: Wire, bob: Wire, room: str, other_name: str
) -> None:
    alice.request("set_room", room=room, name=other_name)
    alice.request("close_room", room=room)
    assert bob.event("removed", reason="close", room=other_name)
    bob.request("create_room", room=room, capacity=5)
    bob.request("create_room", room=other_name, capacity=5)


def test_spelling_of_a_name_changes_without_a_former_name(alice: Wire, room: str) -> None:
    spelt = room.upper()
    assert alice.request("set_room", room=room, name=spelt)["room"]["room"] == spelt
    assert alice.request("set_room", room=spelt, name=spelt)["room"]["room"] == spelt
    assert alice.request("show_room", room=room)["room"]["room"] == spelt


@pytest.mark.parametrize("name", ["", "#", "a b", "x" * 33, "#x\u200b y"])
def test_bad_new_name_is_refused(alice: Wire, room: str, name: str) -> None:
    assert alice.refusal("set_room", room=room, name=name) == "bad_room"


def test_names_of_a_room_are_limited(alice: Wire, room: str, other_name: str) -> None:
    for number in range(MAX_FORMER_NAMES):
        alice.request("set_room", room=room, name=f"{other_name}{number}")
    error = alice.ask("set_room", room=room, name=other_name)
    assert (error["code"], error["details"]["limit"]) == ("too_many_names", MAX_FORMER_NAMES)
    alice.request("set_room", room=room, name=room)  # one of its own
    assert alice.request("show_room", room=f"{other_name}0")["room"]["room"] == room


def test_bans_invitations_and_codes_follow_the_name(
    alice: Wire, bob: Wire, carol: Wire, room: str, other_name: str
) -> None:
    alice.request("set_room", room=room, private=True)
    code = alice.request("make_invitation", room=room)["code"]
    alice.request("ban", room=room, username=bob.username)
    alice.request("set_room", room=room, name=other_name)
    assert bob.refusal("enter_room", room=room, nickname="B") == "banned"
    entered = carol.request("enter_room", room=room, nickname="C", invitation=code)
    assert entered["room"]["room"] == other_name


def test_former_name_of_a_private_room_does_not_reveal_the_new_one(
    alice: Wire, bob: Wire, carol: Wire, room: str, other_name: str
) -> None:
    alice.request("ban", room=room, username=carol.username)
    alice.request("set_room", room=room, name=other_name, private=True)
    requests: list[tuple[Wire, str, Json]] = [
        (bob, "enter_room", {"room": room, "nickname": "B"}),
        (carol, "enter_room", {"room": room, "nickname": "C"}),
        (bob, "enter_room", {"room": room, "nickname": "B", "member_only": True}),
        (bob, "show_room", {"room": room}),
        (bob, "send", {"to": room, "text": "x"}),
        (bob, "history", {"conversation": room}),
        (bob, "create_room", {"room": room, "capacity": 5}),
    ]
    for wire, type, fields in requests:
        assert other_name not in str(wire.ask(type, **fields)), (type, fields)


def test_two_renames_to_one_name_leave_one_room_with_it(
    shared_server: Server, alice: Wire, bob: Wire, room: str, other_name: str
) -> None:
    bob.request("create_room", room=f"{room}b", capacity=5)
    starts = [(alice, alice.start("set_room", room=room, name=other_name))]
    starts.append((bob, bob.start("set_room", room=f"{room}b", name=other_name)))
    answers = [wire.answer(id) for wire, id in starts]
    assert sorted(answer["type"] for answer in answers) == ["error", "room"]
    assert [answer["code"] for answer in answers if answer["type"] == "error"] == ["room_exists"]
    both = {alice.request("show_room", room=name)["room"]["room_id"] for name in (room, f"{room}b")}
    assert len(both) == 2


def test_entry_during_a_rename_is_into_the_same_room(
    shared_server: Server, alice: Wire, room: str, other_name: str
) -> None:
    people = [shared_server.user(f"{alice.username[5:]}r{number}") for number in range(4)]
    names: list[str] = []

    def take_seat(wire: Wire, name: str) -> None:
        entered: Json = wire.request("enter_room", room=name, nickname=wire.username)
        names.append(entered["room"]["room"])

    threads = [threading.Thread(target=take_seat, args=[wire, room]) for wire in people]
    for thread in threads:
        thread.start()
    alice.request("set_room", room=room, name=other_name)
    for thread in threads:
        thread.join()
    assert set(names) <= {room, other_name}
    assert alice.request("show_room", room=room)["room"]["members"] == len(people)
    for wire in people:
        wire.request("send", to=room, text="x")
