"""Rooms on a real socket: creating, entering, leaving, seats and events."""

import pytest

from tests.support.processes import Json, Server, Wire


def test_new_room_has_no_members(alice: Wire, bob: Wire, room_name: str) -> None:
    made = alice.request("create_room", room=room_name, capacity=5)["room"]
    assert made == {
        "room": room_name, "members": 0, "capacity": 5, "member": False, "entered": False,
        "owner": alice.username, "room_id": made["room_id"],
    }  # fmt: skip
    while (changed := bob.event("room")["room"])["room"] != made["room"]:
        pass  # of a room of another test
    assert changed == made
    assert made in bob.request("list_rooms")["rooms"]


@pytest.mark.parametrize("capacity", [0, -1, 10001, 2**53 - 1])
def test_seats_outside_of_1_to_10000_are_refused(alice: Wire, room_name: str, capacity: int) -> None:
    error = alice.ask("create_room", room=room_name, capacity=capacity)
    assert (error["code"], error["details"]) == ("bad_capacity", {"least": 1, "most": 10000})


@pytest.mark.parametrize("capacity", ["5", True, 2.5, None])
def test_seats_that_are_no_integer_are_refused(alice: Wire, room_name: str, capacity: object) -> None:
    assert alice.refusal("create_room", room=room_name, capacity=capacity) == "bad_frame"


@pytest.mark.parametrize("name", ["", "#", "two words", "x" * 33, "a\nb", "\u200b"])
def test_invalid_room_name_is_refused(alice: Wire, name: str) -> None:
    assert alice.refusal("create_room", room=name, capacity=2) == "bad_room"


@pytest.mark.parametrize("spelling", ["{}\u200b", "\u00ad{}", " {} ", "#{}\t"])
def test_taken_name_with_invisible_characters_is_refused(alice: Wire, room: str, spelling: str) -> None:
    again = spelling.format(room.removeprefix("#"))
    assert alice.refusal("create_room", room=again, capacity=2) == "room_exists"


def test_room_name_without_hash_is_accepted_and_answered_with_hash(alice: Wire, room_name: str) -> None:
    bare = room_name.removeprefix("#")
    assert alice.request("create_room", room=bare, capacity=5)["room"]["room"] == room_name
    assert alice.refusal("create_room", room=room_name, capacity=5) == "room_exists"
    assert alice.request("enter_room", room=bare.upper(), nickname="A")["room"]["room"] == room_name
    assert alice.request("list_members", room=bare)["members"][0]["username"] == alice.username


def test_enter_room_returns_members_and_messages(alice: Wire, bob: Wire, room: str) -> None:
    alice.request("enter_room", room=room, nickname="ALICE")
    alice.request("send", to=room, text="Hello World!")
    entered = bob.request("enter_room", room=room, nickname="BOB")
    assert entered["members"] == [alice.username, bob.username]
    assert [(message["seq"], message["kind"], message["nickname"], message["text"])
            for message in entered["messages"]] == [
        (1, "enter", "ALICE", ""), (2, "text", "ALICE", "Hello World!"), (3, "enter", "BOB", "")
    ]  # fmt: skip
    own = entered["room"]
    assert (own["members"], own["member"], own["entered"], own["nickname"]) == (2, True, True, "BOB")
    assert own["head"] == 3


def test_unknown_and_full_room_have_distinct_codes(
    alice: Wire, bob: Wire, carol: Wire, room_name: str
) -> None:
    assert alice.refusal("enter_room", room=room_name, nickname="A") == "unknown_room"
    alice.request("create_room", room=room_name, capacity=2)
    alice.request("enter_room", room=room_name, nickname="A")
    bob.request("enter_room", room=room_name, nickname="B")
    error = carol.ask("enter_room", room=room_name, nickname="C")
    assert error["code"] == "room_full"
    assert error["details"] == {"room": room_name, "members": 2, "capacity": 2}


def test_seat_of_member_who_left_is_kept(alice: Wire, bob: Wire, room_name: str) -> None:
    alice.request("create_room", room=room_name, capacity=1)
    alice.request("enter_room", room=room_name, nickname="A")
    alice.request("leave_room", room=room_name)
    assert bob.refusal("enter_room", room=room_name, nickname="B") == "room_full"
    assert alice.request("enter_room", room=room_name, nickname="A")["room"]["members"] == 1


def test_last_seat_is_taken_once_by_fifty_clients(shared_server: Server, alice: Wire, room_name: str) -> None:
    alice.request("create_room", room=room_name, capacity=1)
    crowd = [shared_server.connect().login(alice.username) for _ in range(2)]
    crowd += [shared_server.user(f"{room_name[-4:]}{number}") for number in range(48)]
    ids = [wire.start("enter_room", room=room_name, nickname="N") for wire in crowd]
    answers = [wire.answer(id) for wire, id in zip(crowd, ids, strict=True)]
    seated = {
        wire.username for wire, answer in zip(crowd, answers, strict=True) if answer["type"] == "entered"
    }
    assert len(seated) == 1
    assert {answer["code"] for answer in answers if answer["type"] == "error"} == {"room_full"}


@pytest.mark.parametrize("nickname", ["", " A", "A ", "x" * 33, "a\nb", "a\x1bb", "\u202eA"])
def test_invalid_nickname_is_refused(alice: Wire, room: str, nickname: str) -> None:
    assert alice.refusal("enter_room", room=room, nickname=nickname) == "bad_nickname"
    assert listed(alice, room)["members"] == 0


@pytest.mark.parametrize("nickname", ["A", "x" * 32, "哈哈", "two words", "123", "Alice 🙂"])
def test_valid_nickname_is_accepted(alice: Wire, room: str, nickname: str) -> None:
    assert alice.request("enter_room", room=room, nickname=nickname)["room"]["nickname"] == nickname


def test_second_session_makes_no_notice(shared_server: Server, alice: Wire, room: str) -> None:
    alice.request("enter_room", room=room, nickname="ALICE")
    second = shared_server.connect().login(alice.username)
    second.request("enter_room", room=room, nickname="ALICE")
    assert kinds(second, room) == ["enter"]
    second.request("logout")
    assert kinds(alice, room) == ["enter"]


def test_new_nickname_makes_notice_with_old_nickname(alice: Wire, room: str) -> None:
    alice.request("enter_room", room=room, nickname="ALICE")
    entered = alice.request("enter_room", room=room, nickname="哈哈")
    notice = entered["messages"][-1]
    assert (notice["kind"], notice["nickname"], notice["text"]) == ("nick", "哈哈", "ALICE")
    assert entered["room"]["nickname"] == "哈哈"


def test_member_who_left_still_gets_messages(alice: Wire, bob: Wire, room: str) -> None:
    both_in(alice, bob, room)
    assert bob.request("leave_room", room=room)["type"] == "ok"
    left = alice.message(kind="leave", conversation=room)
    assert (left["username"], left["nickname"], left["text"]) == (bob.username, "BOB", "")
    alice.request("send", to=room, text="still there?")
    assert bob.message(conversation=room, text="still there?")
    assert bob.refusal("send", to=room, text="no") == "not_entered"
    assert bob.refusal("leave_room", room=room) == "not_entered"


def test_resign_leaves_room_and_frees_seat(alice: Wire, bob: Wire, room: str) -> None:
    both_in(alice, bob, room)
    bob.request("resign_room", room=room)
    assert alice.message(kind="leave", conversation=room)["username"] == bob.username
    assert [member["username"] for member in alice.request("list_members", room=room)["members"]] == [
        alice.username
    ]
    for type in ("list_members", "resign_room"):
        assert bob.refusal(type, room=room) == "not_a_member"
    assert bob.refusal("history", conversation=room) == "not_a_member"
    assert bob.refusal("read", conversation=room, seq=1) == "not_a_member"


def test_resigned_member_gets_no_message(alice: Wire, bob: Wire, room: str) -> None:
    both_in(alice, bob, room)
    bob.request("resign_room", room=room)
    bob.events.clear()
    alice.request("send", to=room, text="a secret")
    alice.request("add_friend", username=bob.username)
    alice.request("send", to=bob.name, text="the last word")
    assert bob.message()["text"] == "the last word"


def test_list_members_shows_accounts(alice: Wire, bob: Wire, room: str) -> None:
    both_in(alice, bob, room)
    bob.request("leave_room", room=room)
    assert alice.request("list_members", room=room)["members"] == [
        {"username": alice.username, "nickname": "ALICE", "entered": True, "online": True, "role": "owner"},
        {"username": bob.username, "nickname": "BOB", "entered": False, "online": True},
    ]


def test_messages_of_room_are_refused_to_non_members(alice: Wire, bob: Wire, room: str) -> None:
    alice.request("enter_room", room=room, nickname="ALICE")
    bob.events.clear()
    alice.request("send", to=room, text="among ourselves")
    assert bob.refusal("history", conversation=room) == "not_a_member"
    assert bob.refusal("send", to=room, text="hello?") in ("not_a_member", "not_entered")
    assert bob.refusal("list_members", room=room) == "not_a_member"
    assert not {"head", "read", "unread"} & listed(bob, room).keys()
    assert not any(event["type"] == "message" for event in bob.events)


def test_room_events_report_taken_seats(alice: Wire, bob: Wire, room: str) -> None:
    alice.request("enter_room", room=room, nickname="ALICE")
    while bob.event("room")["room"] != listed(bob, room):
        pass
    assert listed(bob, room)["members"] == 1


@pytest.mark.parametrize(
    ("type", "fields"),
    [("leave_room", {}), ("resign_room", {}), ("list_members", {}), ("enter_room", {"nickname": "A"})],
)
def test_unknown_room_is_refused_by_every_request(
    alice: Wire, room_name: str, type: str, fields: Json
) -> None:
    assert alice.refusal(type, room=room_name, **fields) == "unknown_room"


def both_in(alice: Wire, bob: Wire, room: str) -> None:
    alice.request("enter_room", room=room, nickname="ALICE")
    bob.request("enter_room", room=room, nickname="BOB")


def kinds(wire: Wire, room: str) -> list[str]:
    return [message["kind"] for message in wire.request("history", conversation=room)["messages"]]


def listed(wire: Wire, room: str) -> Json:
    rooms: list[Json] = wire.request("list_rooms")["rooms"]
    return next(listed for listed in rooms if listed["room"] == room)


def test_messages_from_before_joining_are_not_unread(alice: Wire, bob: Wire, room: str) -> None:
    alice.request("enter_room", room=room, nickname="ALICE")
    for text in ("one", "two"):
        alice.request("send", to=room, text=text)
    entered = bob.request("enter_room", room=room, nickname="BOB")
    assert (entered["room"]["read"], entered["room"]["unread"]) == (3, 0)
    assert [message["text"] for message in entered["messages"]] == ["", "one", "two", ""]
    alice.request("send", to=room, text="three")
    bob.message(text="three")
    [listed] = [listed for listed in bob.request("list_rooms")["rooms"] if listed["room"] == room]
    assert listed["unread"] == 1
