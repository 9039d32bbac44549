"""Moderation on a real socket: topics, invitations, kicks and bans."""

import pytest

from tests.conftest import Serve, Unique
from tests.support.processes import Json, Server, Wire


def enter(room: str, *people: Wire, **more: str) -> None:
    for wire in people:
        wire.request("enter_room", room=room, nickname=wire.username.upper(), **more)


def listed(wire: Wire, room: str) -> Json | None:
    rooms: list[Json] = wire.request("list_rooms")["rooms"]
    return next((room_value for room_value in rooms if room_value["room"] == room), None)


def notices(wire: Wire, room: str) -> list[tuple[str, str, str]]:
    """Return kind, author and text of each message in the history."""
    page = wire.request("history", conversation=room)["messages"]
    return [(message["kind"], message["username"], message["text"]) for message in page]


def members(wire: Wire, room: str) -> list[str]:
    return [member["username"] for member in wire.request("list_members", room=room)["members"]]


@pytest.fixture
def private(alice: Wire, room_name: str) -> str:
    """A private room that Alice has made."""
    made = alice.request("create_room", room=room_name, capacity=5, private=True)["room"]
    assert made["private"] is True
    return room_name


@pytest.fixture
def locked(alice: Wire, room_name: str) -> str:
    """A room of Alice's that takes a password."""
    made = alice.request("create_room", room=room_name, capacity=5, password="sesame")["room"]
    assert made["locked"] is True
    return room_name


# The topic


def test_topic_makes_notice_and_is_part_of_room(alice: Wire, bob: Wire, room: str) -> None:
    enter(room, alice, bob)
    alice.request("set_topic", room=room, topic="期末复习")
    notice = bob.message(kind="topic")
    assert (notice["username"], notice["nickname"], notice["text"]) == (
        alice.username, alice.username.upper(), "期末复习",
    )  # fmt: skip
    while (changed := bob.event("room")["room"])["room"] != room:
        pass  # of a room of another test
    assert changed["owner"] == alice.username
    room_value = listed(bob, room)
    assert room_value is not None
    assert room_value["topic"] == "期末复习"


def test_empty_topic_clears_and_same_topic_makes_no_notice(alice: Wire, room: str) -> None:
    enter(room, alice)
    for topic in ("x", "x", "  ", ""):
        alice.request("set_topic", room=room, topic=topic)
    assert notices(alice, room)[1:] == [("topic", alice.username, "x"), ("topic", alice.username, "")]
    assert "topic" not in (listed(alice, room) or {})


def test_long_topic_is_refused(alice: Wire, room: str) -> None:
    alice.request("set_topic", room=room, topic="长" * 200)
    error = alice.ask("set_topic", room=room, topic="长" * 201)
    assert (error["code"], error["details"]) == ("text_too_long", {"limit": 200})


def test_notices_do_not_count_as_unread(alice: Wire, bob: Wire, room: str) -> None:
    enter(room, alice, bob)
    alice.request("set_topic", room=room, topic="x")
    room_value = listed(bob, room)
    assert room_value is not None
    assert (room_value["head"], room_value["unread"]) == (3, 0)


# Ownership


OWNERS_ONLY = [
    ("set_topic", {"topic": "x"}), ("set_room", {"retention": 9}), ("invite", {}), ("kick", {}), ("ban", {}),
    ("unban", {}), ("list_banned", {}), ("transfer_room", {}), ("close_room", {}),
]  # fmt: skip


@pytest.mark.parametrize(("type", "fields"), OWNERS_ONLY)
def test_moderation_by_a_member_is_refused(
    alice: Wire, bob: Wire, carol: Wire, room: str, type: str, fields: Json
) -> None:
    enter(room, alice, bob, carol)
    if type not in ("set_topic", "set_room", "list_banned", "close_room"):
        fields = {"username": carol.username}
    assert bob.refusal(type, room=room, **fields) == "not_owner"
    assert bob.refusal(type, room=room + "x", **fields) == "unknown_room"
    assert [kind for kind, _, _ in notices(bob, room)] == ["enter"] * 3


@pytest.mark.parametrize("type", ["invite", "kick", "ban", "transfer_room"])
def test_moderation_of_oneself_or_an_unknown_user_is_refused(alice: Wire, room: str, type: str) -> None:
    enter(room, alice)
    assert alice.refusal(type, room=room, username=alice.username) == "not_yourself"
    assert alice.refusal(type, room=room, username="Nobody") == "unknown_user"


def test_owner_without_a_seat_can_moderate(alice: Wire, bob: Wire, room: str) -> None:
    enter(room, bob)
    alice.request("set_topic", room=room, topic="x")
    notice = bob.message(kind="topic")
    assert notice["nickname"] == alice.username
    assert alice.refusal("history", conversation=room) == "not_a_member"


def test_room_is_transferred_to_member(alice: Wire, bob: Wire, carol: Wire, room: str) -> None:
    enter(room, alice, bob)
    assert alice.refusal("transfer_room", room=room, username=carol.username) == "no_such_member"
    alice.request("transfer_room", room=room, username=bob.username)
    assert bob.message(kind="transfer")["text"] == bob.username
    room_value = listed(carol, room)
    assert room_value is not None
    assert room_value["owner"] == bob.username
    assert alice.refusal("kick", room=room, username=bob.username) == "not_owner"
    bob.request("kick", room=room, username=alice.username)


def test_room_of_resigned_owner_passes_to_oldest_member(
    alice: Wire, bob: Wire, carol: Wire, room: str
) -> None:
    enter(room, carol, alice, bob)
    alice.request("resign_room", room=room)
    assert notices(bob, room)[-1] == ("leave", alice.username, "")
    while bob.event("room")["room"]["owner"] != carol.username:
        pass
    carol.request("set_topic", room=room, topic="mine")


def test_last_member_who_resigns_stays_owner(alice: Wire, room: str) -> None:
    enter(room, alice)
    alice.request("resign_room", room=room)
    room_value = listed(alice, room)
    assert room_value is not None
    assert (room_value["owner"], room_value["members"]) == (alice.username, 0)
    enter(room, alice)
    assert notices(alice, room)[-1][0] == "enter"


def test_resignation_reaches_other_sessions(shared_server: Server, alice: Wire, private: str) -> None:
    enter(private, alice)
    other = shared_server.connect().login(alice.username)
    alice.request("resign_room", room=private)
    assert other.event("removed") == {
        "type": "removed", "room": private, "reason": "resign", "username": alice.username,
    }  # fmt: skip
    alice.request("ping")
    assert not any(event["type"] == "removed" for event in alice.events)


# Kicks and bans


def test_kick_frees_seat_and_notifies_members(alice: Wire, bob: Wire, carol: Wire, room: str) -> None:
    enter(room, alice, bob, carol)
    alice.request("kick", room=room, username=bob.username)
    assert carol.message(kind="kick")["text"] == bob.username
    assert bob.event("removed") == {
        "type": "removed", "room": room, "reason": "kick", "username": alice.username,
    }  # fmt: skip
    assert bob.refusal("history", conversation=room) == "not_a_member"
    assert bob.refusal("send", to=room, text="hello?") == "not_entered"
    assert members(alice, room) == [alice.username, carol.username]
    assert bob.event("room", room=listed(bob, room))["room"]["member"] is False
    enter(room, bob)
    assert notices(bob, room)[-2:] == [("kick", alice.username, bob.username), ("enter", bob.username, "")]


def test_kick_of_non_member_is_refused(alice: Wire, bob: Wire, room: str) -> None:
    error = alice.ask("kick", room=room, username=bob.username)
    assert error["code"] == "no_such_member"
    assert error["details"] == {"room": room, "username": bob.username}


def test_kicked_member_gets_no_later_message(
    shared_server: Server, alice: Wire, bob: Wire, carol: Wire, room: str
) -> None:
    """Also while other members send, on all sessions of the account, and with open requests."""
    enter(room, alice, bob, carol)
    phone = shared_server.connect().login(bob.username)
    ids = [carol.start("send", to=room, text=f"{number}") for number in range(100)]
    alice.request("kick", room=room, username=bob.username)
    ids += [carol.start("send", to=room, text="behind his back") for _ in range(20)]
    for id in ids:
        assert carol.answer(id)["type"] == "sent"
    kick = next(m["seq"] for m in pages(carol, room) if m["kind"] == "kick")
    for wire in (bob, phone):
        wire.request("ping")
        seqs = [event["message"]["seq"] for event in wire.events if event["type"] == "message"]
        assert seqs == list(range(seqs[0], kick))
        assert [event["type"] for event in wire.events if event["type"] in ("message", "removed")][
            -1
        ] == "removed"


def pages(wire: Wire, room: str) -> list[Json]:
    """Return all messages of a room."""
    messages: list[Json] = []
    while (page := wire.request("history", conversation=room, after=len(messages)))["messages"]:
        messages += page["messages"]
    return messages


def test_pending_message_of_kicked_member_is_stored_before_kick_or_refused(
    alice: Wire, bob: Wire, room: str
) -> None:
    enter(room, alice, bob)
    ids = [bob.start("send", to=room, text=f"{number}") for number in range(50)]
    alice.request("kick", room=room, username=bob.username)
    codes = [bob.answer(id).get("code") for id in ids]
    stored = codes.count(None)
    assert codes == [None] * stored + ["not_entered"] * (50 - stored)
    assert notices(alice, room)[-1] == ("kick", alice.username, bob.username)


def test_ban_kicks_and_refuses_reentry(alice: Wire, bob: Wire, carol: Wire, room: str) -> None:
    enter(room, alice, bob)
    for _ in range(2):
        alice.request("ban", room=room, username=bob.username)
    assert bob.event("removed")["reason"] == "ban"
    error = bob.ask("enter_room", room=room, nickname="BOB")
    assert (error["code"], error["details"]) == ("banned", {"room": room, "username": bob.username})
    assert notices(alice, room)[2:] == [("ban", alice.username, bob.username)]
    assert alice.request("list_banned", room=room)["usernames"] == [bob.username]
    assert alice.refusal("invite", room=room, username=bob.username) == "banned"
    alice.request("unban", room=room, username=bob.username)
    alice.request("unban", room=room, username=carol.username)
    assert alice.request("list_banned", room=room)["usernames"] == []
    enter(room, bob)


def test_user_who_never_joined_can_be_banned(alice: Wire, bob: Wire, room: str) -> None:
    alice.request("ban", room=room, username=bob.username)
    assert bob.refusal("enter_room", room=room, nickname="BOB") == "banned"
    assert not any(event["type"] == "removed" for event in bob.events)


# Private rooms and passwords


FOR_ANYBODY = [
    ("leave_room", {}), ("resign_room", {}), ("list_members", {}), ("list_banned", {}), ("close_room", {}),
    ("set_topic", {"topic": "x"}), ("set_room", {}), ("invite", {"username": "Nobody"}),
    ("kick", {"username": "Nobody"}), ("ban", {"username": "Nobody"}), ("unban", {"username": "Nobody"}),
    ("transfer_room", {"username": "Nobody"}),
]  # fmt: skip


@pytest.mark.parametrize(("type", "fields"), FOR_ANYBODY)
def test_private_room_is_unknown_to_strangers(bob: Wire, private: str, type: str, fields: Json) -> None:
    assert bob.refusal(type, room=private, **fields) == "unknown_room"


def test_strangers_get_no_list_entry_or_event_of_private_room(alice: Wire, bob: Wire, private: str) -> None:
    enter(private, alice)
    alice.request("set_topic", room=private, topic="secret")
    alice.request("send", to=private, text="secret")
    assert listed(bob, private) is None
    assert bob.refusal("history", conversation=private) == "unknown_room"
    assert bob.refusal("read", conversation=private, seq=1) == "unknown_room"
    assert bob.refusal("send", to=private, text="hello?") == "unknown_room"
    assert bob.refusal("enter_room", room=private, nickname="BOB") == "invitation_needed"
    while alice.event("room")["room"].get("topic") != "secret":
        pass  # all receivers have their events by now
    bob.request("ping")
    assert not any(private in str(event) for event in bob.events)


def test_invited_user_sees_private_room_and_may_enter(alice: Wire, bob: Wire, private: str) -> None:
    for _ in range(2):
        alice.request("invite", room=private, username=bob.username)
    invitation = bob.event("invited")
    assert invitation["username"] == alice.username
    assert invitation["room"] == listed(bob, private)
    assert (invitation["room"]["invited"], invitation["room"]["member"]) == (True, False)
    entered = bob.request("enter_room", room=private, nickname="BOB")
    assert "invited" not in entered["room"]
    assert not any(event["type"] == "invited" for event in bob.events)


def test_invitation_of_offline_user_is_listed_at_login(
    shared_server: Server, alice: Wire, private: str
) -> None:
    away = shared_server.user(private.replace("#thuhole", "Dave"))
    username = away.username
    away.request("logout")
    alice.request("invite", room=private, username=username)
    away.login(username)
    assert (listed(away, private) or {}).get("invited") is True


def test_invitation_is_valid_for_one_seat(alice: Wire, bob: Wire, private: str) -> None:
    enter(private, alice)
    alice.request("invite", room=private, username=bob.username)
    enter(private, bob)
    bob.request("leave_room", room=private)
    enter(private, bob)
    alice.request("kick", room=private, username=bob.username)
    assert bob.event("removed")["room"] == private
    assert bob.refusal("enter_room", room=private, nickname="BOB") == "invitation_needed"
    assert listed(bob, private) is None
    assert bob.refusal("send", to=private, text="x") == "unknown_room"


def test_ban_revokes_invitation(alice: Wire, bob: Wire, private: str) -> None:
    alice.request("invite", room=private, username=bob.username)
    alice.request("ban", room=private, username=bob.username)
    assert listed(bob, private) is None


def test_invitation_by_a_blocked_user_is_refused(alice: Wire, bob: Wire, private: str) -> None:
    bob.request("block", username=alice.username)
    assert alice.refusal("invite", room=private, username=bob.username) == "declined"
    assert listed(bob, private) is None


def test_invitation_of_member_makes_no_event(alice: Wire, bob: Wire, room: str) -> None:
    enter(room, alice, bob)
    assert alice.request("invite", room=room, username=bob.username)["type"] == "ok"
    bob.request("ping")
    assert not any(event["type"] == "invited" for event in bob.events)


def test_new_member_of_locked_room_needs_password(alice: Wire, bob: Wire, carol: Wire, locked: str) -> None:
    assert (listed(bob, locked) or {}).get("locked") is True
    assert bob.refusal("enter_room", room=locked, nickname="BOB") == "wrong_room_password"
    assert bob.refusal("enter_room", room=locked, nickname="BOB", password="12") == "wrong_room_password"
    enter(locked, bob, password="sesame")
    bob.request("leave_room", room=locked)
    enter(locked, bob)
    alice.request("invite", room=locked, username=carol.username)
    enter(locked, carol, alice)
    assert members(bob, locked) == sorted([alice.username, bob.username, carol.username])


def test_private_locked_room_accepts_password_or_invitation(
    alice: Wire, bob: Wire, carol: Wire, room_name: str
) -> None:
    alice.request("create_room", room=room_name, capacity=5, private=True, password="sesame")
    assert bob.refusal("enter_room", room=room_name, nickname="B") == "invitation_needed"
    assert bob.refusal("enter_room", room=room_name, nickname="B", password="111111") == "invitation_needed"
    enter(room_name, bob, password="sesame")
    alice.request("invite", room=room_name, username=carol.username)
    enter(room_name, carol)


def test_private_room_does_not_reveal_its_password(serve: Serve) -> None:
    server = serve(settings=("limits.password_attempts=3",))
    alice, bob = server.user("Alice"), server.user("Bob")
    answers = []
    for room, password in (("#with", {"password": "sesame"}), ("#without", {})):
        alice.request("create_room", room=room, capacity=5, private=True, **password)
        answers.append(
            [bob.refusal("enter_room", room=room, nickname="B", password=f"wrong-{n}") for n in range(4)]
        )
    assert answers == [["invitation_needed"] * 3 + ["too_many_attempts"]] * 2


def test_entering_as_member_only_takes_no_seat(
    alice: Wire, bob: Wire, carol: Wire, room: str, room_name: str
) -> None:
    enter(room, alice, bob)
    alice.request("kick", room=room, username=bob.username)
    frame = {"room": room, "nickname": "B", "member_only": True}
    assert bob.refusal("enter_room", **frame) == "not_a_member"
    assert bob.username not in members(alice, room)
    assert alice.request("enter_room", **frame)["type"] == "entered"
    assert bob.request("enter_room", **{**frame, "member_only": False})["type"] == "entered"
    alice.request("create_room", room=f"{room_name}p", capacity=5, private=True)
    assert carol.refusal("enter_room", **{**frame, "room": f"{room_name}p"}) == "unknown_room"


def test_password_for_room_without_one_is_ignored(alice: Wire, bob: Wire, room: str) -> None:
    enter(room, alice, bob, password="sesame")
    assert bob.refusal("enter_room", room=room + "x", nickname="B", password="sesame") == "unknown_room"


@pytest.mark.parametrize("password", ["", "12345", "x" * 73])
def test_invalid_room_password_is_refused(alice: Wire, room_name: str, password: str) -> None:
    assert alice.refusal("create_room", room=room_name, capacity=5, password=password) == "bad_password"


def test_wrong_room_passwords_are_limited(serve: Serve) -> None:
    server = serve(settings=("limits.password_attempts=3",))
    server.user("Alice").request("create_room", room="#vault", capacity=5, password="sesame")
    bob, carol = server.user("Bob"), server.user("Carol")
    guesses = [
        bob.refusal("enter_room", room="#vault", nickname="BOB", password=f"wrong-{n}") for n in range(4)
    ]
    assert guesses == ["wrong_room_password"] * 3 + ["too_many_attempts"]
    assert bob.refusal("enter_room", room="#vault", nickname="B", password="sesame") == "too_many_attempts"
    enter("#vault", carol, password="sesame")


def test_last_seat_of_locked_room_is_taken_once(
    shared_server: Server, unique: Unique, alice: Wire, room_name: str
) -> None:
    alice.request("create_room", room=room_name, capacity=1, password="sesame")
    crowd = [shared_server.user(unique("P")) for _ in range(10)]
    ids = [wire.start("enter_room", room=room_name, nickname="N", password="sesame") for wire in crowd]
    answers = [wire.answer(id) for wire, id in zip(crowd, ids, strict=True)]
    assert sorted(answer.get("code", "") for answer in answers) == [""] + ["room_full"] * 9


# Disbanding


def test_owner_closes_room_without_other_members(alice: Wire, bob: Wire, room: str) -> None:
    enter(room, alice, bob)
    error = alice.ask("close_room", room=room)
    assert (error["code"], error["details"]) == ("room_not_empty", {"room": room, "members": 1})
    alice.request("send", to=room, text="the last word")
    bob.request("resign_room", room=room)
    alice.request("close_room", room=room)
    for wire in (alice, bob):
        assert wire.event("removed", reason="close") == {
            "type": "removed", "room": room, "reason": "close", "username": alice.username,
        }  # fmt: skip
        assert listed(wire, room) is None
        assert wire.refusal("history", conversation=room) == "unknown_room"
        assert wire.refusal("send", to=room, text="x") == "unknown_room"


def test_name_of_closed_room_is_free_and_its_history_gone(alice: Wire, bob: Wire, room: str) -> None:
    enter(room, alice)
    alice.request("send", to=room, text="old")
    alice.request("close_room", room=room)
    bob.request("create_room", room=room, capacity=2)
    enter(room, bob)
    assert notices(bob, room) == [("enter", bob.username, "")]


def test_strangers_get_no_event_of_a_closed_private_room(alice: Wire, bob: Wire, private: str) -> None:
    alice.request("close_room", room=private)
    bob.request("ping")
    assert not any(private in str(event) for event in bob.events)
