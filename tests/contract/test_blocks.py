"""Blocks on a real socket: what both sides still receive."""

from tests.support.processes import Json, Server, Wire


def befriend(alice: Wire, bob: Wire) -> None:
    alice.request("add_friend", username=bob.username)
    bob.event("friend")


def block(alice: Wire, bob: Wire) -> None:
    assert alice.request("block", username=bob.username)["type"] == "ok"


def test_block_ends_the_friendship(alice: Wire, bob: Wire) -> None:
    befriend(alice, bob)
    block(alice, bob)
    friend = bob.event("friend", ended=True)["friend"]
    assert (friend["friend"], friend["online"]) == (alice.name, False)
    for user in (alice, bob):
        assert user.request("list_friends")["friends"] == []


def test_message_of_a_blocked_user_is_refused_and_not_stored(alice: Wire, bob: Wire) -> None:
    befriend(alice, bob)
    bob.request("send", to=alice.name, text="before")
    block(alice, bob)
    assert bob.refusal("send", to=alice.name, text="after") == "not_friends"
    assert bob.refusal("enter_direct", username=alice.username, nickname="BOB") == "not_friends"
    for user, other in ((alice, bob), (bob, alice)):
        page = user.request("history", conversation=other.name)["messages"]
        assert [message["text"] for message in page] == ["before"]


def test_pending_message_of_a_blocked_user_is_stored_before_the_block_or_not(alice: Wire, bob: Wire) -> None:
    befriend(alice, bob)
    ids = [bob.start("send", to=alice.name, text=f"{number}") for number in range(50)]
    block(alice, bob)
    alice.events.clear()
    answers = [bob.answer(id) for id in ids]
    refused = [answer.get("code") for answer in answers]
    stored = sum(code is None for code in refused)
    assert refused == [None] * stored + ["not_friends"] * (50 - stored)
    assert len(alice.request("history", conversation=bob.name)["messages"]) == stored
    assert not any(event["type"] == "message" for event in alice.events)


def test_block_prevents_friendship_in_both_directions(alice: Wire, bob: Wire) -> None:
    block(alice, bob)
    assert bob.refusal("add_friend", username=alice.username) == "declined"
    assert alice.refusal("add_friend", username=bob.username) == "blocked"
    assert alice.request("list_friends")["friends"] == []


def test_unblock_allows_friendship_again(alice: Wire, bob: Wire) -> None:
    befriend(alice, bob)
    block(alice, bob)
    assert alice.request("unblock", username=bob.username)["type"] == "ok"
    assert alice.request("list_friends")["friends"] == []
    assert bob.request("add_friend", username=alice.username)["friend"]["online"] is True


def test_blocks_are_listed_for_the_blocking_user(alice: Wire, bob: Wire, carol: Wire) -> None:
    for other in (carol, bob, bob):
        block(alice, other)
    assert alice.request("list_blocked")["usernames"] == [bob.username, carol.username]
    assert bob.request("list_blocked")["usernames"] == []
    for _ in range(2):
        alice.request("unblock", username=bob.username.upper())
    assert alice.request("list_blocked")["usernames"] == [carol.username]


def test_blocking_an_unknown_user_or_oneself_is_refused(alice: Wire) -> None:
    for type in ("block", "unblock"):
        assert alice.refusal(type, username="Nobody") == "unknown_user"
        assert alice.refusal(type, username=alice.username) == "not_yourself"


def online(wire: Wire, room: str, username: str) -> bool:
    members: list[Json] = wire.request("list_members", room=room)["members"]
    return bool(next(member["online"] for member in members if member["username"] == username))


def enter(room: str, *people: Wire) -> None:
    for wire in people:
        wire.request("enter_room", room=room, nickname=wire.username.upper())


def test_blocking_user_appears_offline_only_to_the_blocked_user(
    alice: Wire, bob: Wire, carol: Wire, room: str
) -> None:
    enter(room, alice, bob, carol)
    assert online(bob, room, alice.username)
    block(alice, bob)
    assert bob.event("presence", username=alice.username)["online"] is False
    assert not online(bob, room, alice.username)
    assert online(carol, room, alice.username)
    assert online(alice, room, bob.username)
    alice.request("unblock", username=bob.username)
    assert bob.event("presence", username=alice.username)["online"] is True
    assert online(bob, room, alice.username)
    assert not any(event["type"] == "presence" for event in carol.events)


def test_blocked_user_gets_no_presence(
    shared_server: Server, alice: Wire, bob: Wire, carol: Wire, room: str
) -> None:
    enter(room, alice, bob, carol)
    block(alice, bob)
    bob.event("presence", username=alice.username, online=False)
    alice.request("logout")
    carol.event("presence", username=alice.username, online=False)
    alice.login(alice.username)
    enter(room, alice)
    bob.message(kind="enter", username=alice.username, seq=5)
    assert not any(event["type"] == "presence" for event in bob.events)
    assert not online(bob, room, alice.username)


def test_room_messages_of_a_blocked_user_are_delivered(alice: Wire, bob: Wire, room: str) -> None:
    enter(room, alice, bob)
    block(alice, bob)
    bob.request("send", to=room, text="to everybody")
    assert alice.message(kind="text")["text"] == "to everybody"


def test_blocked_stranger_gets_no_event(alice: Wire, bob: Wire) -> None:
    block(alice, bob)
    alice.request("unblock", username=bob.username)
    bob.request("ping")
    assert not [event for event in bob.events if event["type"] in ("friend", "presence")]


def test_concurrent_block_and_friendship_end_blocked(alice: Wire, bob: Wire) -> None:
    asked = bob.start("add_friend", username=alice.username)
    block(alice, bob)
    bob.answer(asked)
    assert bob.request("list_friends")["friends"] == alice.request("list_friends")["friends"] == []
