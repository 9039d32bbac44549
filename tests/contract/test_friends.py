"""Friends and private chats on a real socket: readable by the two friends only."""

import pytest

from tests.support.processes import Server, Wire


def test_friendship_is_mutual_immediately(alice: Wire, bob: Wire) -> None:
    mine = alice.request("add_friend", username=bob.username)["friend"]
    assert mine == {"friend": bob.name, "online": True, "entered": False, "head": 0, "read": 0, "unread": 0}
    event = bob.event("friend")
    assert event["friend"]["friend"] == alice.name
    assert not event.get("ended", False)
    assert [friend["friend"] for friend in bob.request("list_friends")["friends"]] == [alice.name]


def test_add_friend_failures_have_distinct_codes(alice: Wire, bob: Wire) -> None:
    assert alice.refusal("add_friend", username="Nobody") == "unknown_user"
    assert alice.refusal("add_friend", username=alice.username.upper()) == "self_friend"
    alice.request("add_friend", username=bob.username)
    for user, other in ((alice, bob), (bob, alice)):
        assert user.refusal("add_friend", username=other.username) == "already_friends"


def test_concurrent_add_friend_makes_one_friendship(alice: Wire, bob: Wire) -> None:
    ids = alice.start("add_friend", username=bob.username), bob.start("add_friend", username=alice.username)
    answers = [alice.answer(ids[0]), bob.answer(ids[1])]
    assert sorted(answer["type"] for answer in answers) == ["error", "friend"]
    assert {answer.get("code") for answer in answers} == {None, "already_friends"}
    assert len(alice.request("list_friends")["friends"]) == 1


def test_private_chat_has_the_name_of_the_friend(alice: Wire, bob: Wire) -> None:
    befriend(alice, bob)
    entered = alice.request("enter_direct", username=bob.username, nickname="ALICE")
    assert (entered["friend"]["friend"], entered["friend"]["entered"]) == (bob.name, True)
    assert [message["kind"] for message in entered["messages"]] == ["enter"]
    notice = bob.message(conversation=alice.name)
    assert (notice["kind"], notice["nickname"], notice["username"]) == ("enter", "ALICE", alice.username)
    alice.request("send", to=bob.name, text="你好")
    assert bob.message(conversation=alice.name)["text"] == "你好"
    assert alice.message(conversation=bob.name, kind="text")["seq"] == 2


def test_friend_may_send_without_entering(alice: Wire, bob: Wire) -> None:
    befriend(alice, bob)
    assert alice.request("send", to=bob.name, text="psst")["seq"] == 1
    assert bob.message()["nickname"] == alice.username


def test_leaving_private_chat_makes_notice(alice: Wire, bob: Wire) -> None:
    befriend(alice, bob)
    assert alice.refusal("leave_direct", username=bob.username) == "not_entered"
    alice.request("enter_direct", username=bob.username, nickname="ALICE")
    assert alice.request("leave_direct", username=bob.username)["type"] == "ok"
    assert bob.message(kind="leave")["nickname"] == "ALICE"


def test_private_chat_without_friendship_is_refused(alice: Wire, bob: Wire) -> None:
    assert alice.refusal("enter_direct", username=bob.username, nickname="A") == "not_friends"
    assert alice.refusal("leave_direct", username=bob.username) == "not_friends"
    assert alice.refusal("send", to=bob.name, text="hi") == "not_friends"
    assert alice.refusal("history", conversation=bob.name) == "not_friends"
    assert alice.refusal("read", conversation=bob.name, seq=1) == "not_friends"
    assert alice.refusal("remove_friend", username=bob.username) == "not_friends"


@pytest.mark.parametrize("username", ["Nobody", "x" * 40, ""])
def test_unknown_user_is_refused(alice: Wire, username: str) -> None:
    assert alice.refusal("enter_direct", username=username, nickname="A") == "unknown_user"
    assert alice.refusal("leave_direct", username=username) == "unknown_user"
    assert alice.refusal("remove_friend", username=username) == "unknown_user"
    assert alice.refusal("send", to=f"@{username}", text="hi") == "unknown_user"
    assert alice.refusal("history", conversation=f"@{username}") == "unknown_user"


def test_private_chat_is_readable_by_its_two_sides_only(alice: Wire, bob: Wire, carol: Wire) -> None:
    befriend(alice, bob)
    befriend(alice, carol)
    alice.request("send", to=bob.name, text="not for Carol")
    alice.request("send", to=carol.name, text="for Carol")
    assert carol.message()["text"] == "for Carol"
    messages = carol.request("history", conversation=alice.name)["messages"]
    assert [message["text"] for message in messages] == ["for Carol"]
    assert carol.refusal("history", conversation=bob.name) == "not_friends"
    assert carol.request("search", query="Carol")["messages"] == messages


def test_former_friends_can_still_read(alice: Wire, bob: Wire) -> None:
    befriend(alice, bob)
    alice.request("send", to=bob.name, text="goodbye")
    assert alice.request("remove_friend", username=bob.username)["type"] == "ok"
    assert bob.event("friend", ended=True)["friend"]["friend"] == alice.name
    for user, other in ((alice, bob), (bob, alice)):
        assert user.request("list_friends")["friends"] == []
        messages = user.request("history", conversation=other.name)["messages"]
        assert [message["text"] for message in messages] == ["goodbye"]
        assert user.refusal("send", to=other.name, text="wait") == "not_friends"
        assert user.refusal("enter_direct", username=other.username, nickname="N") == "not_friends"


def test_renewed_friendship_continues_the_conversation(alice: Wire, bob: Wire) -> None:
    befriend(alice, bob)
    alice.request("send", to=bob.name, text="one")
    alice.request("remove_friend", username=bob.username)
    assert bob.request("add_friend", username=alice.username)["friend"]["head"] == 1
    assert bob.request("send", to=alice.name, text="two")["seq"] == 2


def test_friend_is_online_until_last_session_ends(shared_server: Server, alice: Wire, bob: Wire) -> None:
    befriend(alice, bob)
    second = shared_server.connect().login(bob.username)
    bob.request("logout")
    assert alice.request("list_friends")["friends"][0]["online"] is True
    second.request("logout")
    assert alice.event("presence", username=bob.username)["online"] is False
    assert alice.request("list_friends")["friends"][0]["online"] is False
    shared_server.connect().login(bob.username)
    assert alice.event("presence", username=bob.username)["online"] is True


def befriend(user: Wire, other: Wire) -> None:
    user.request("add_friend", username=other.username)
    other.event("friend")
