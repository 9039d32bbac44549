"""Moderators: what they may do, on whom, and that their rights end at once."""

from itertools import product

import pytest

from tests.contract.test_moderation import enter, notices
from tests.support.processes import Json, Wire


@pytest.fixture
def moderated(alice: Wire, bob: Wire, room: str) -> str:
    """A room of Alice's, which she and Bob have entered; Bob is a moderator."""
    enter(room, alice, bob)
    alice.request("add_moderator", room=room, username=bob.username)
    return room


def roles(wire: Wire, room: str) -> dict[str, str]:
    members: list[Json] = wire.request("list_members", room=room)["members"]
    return {member["username"]: member["role"] for member in members if "role" in member}


def test_moderator_is_shown_to_members(alice: Wire, bob: Wire, carol: Wire, moderated: str) -> None:
    enter(moderated, carol)
    assert roles(carol, moderated) == {alice.username: "owner", bob.username: "moderator"}
    assert carol.request("show_room", room=moderated)["moderators"] == [bob.username]
    assert carol.request("whois", username=bob.username)["user"]["moderates"] == [moderated]
    assert carol.request("whois", username=alice.username)["user"]["owns"] == [moderated]


def test_appointment_and_dismissal_make_one_notice_each(alice: Wire, bob: Wire, moderated: str) -> None:
    alice.request("add_moderator", room=moderated, username=bob.username)
    for _ in range(2):
        alice.request("remove_moderator", room=moderated, username=bob.username)
    assert notices(alice, moderated)[2:] == [
        ("appoint", alice.username, bob.username), ("dismiss", alice.username, bob.username),
    ]  # fmt: skip
    assert roles(bob, moderated) == {alice.username: "owner"}


def test_moderator_must_be_another_member(alice: Wire, bob: Wire, room: str) -> None:
    enter(room, alice)
    for type in ("add_moderator", "remove_moderator"):
        assert alice.refusal(type, room=room, username="Nobody") == "unknown_user"
    assert alice.refusal("add_moderator", room=room, username=alice.username) == "not_yourself"
    assert alice.refusal("add_moderator", room=room, username=bob.username) == "no_such_member"
    alice.request("remove_moderator", room=room, username=bob.username)


@pytest.mark.parametrize("type", ["add_moderator", "remove_moderator"])
def test_moderators_of_others_are_only_the_owners_to_choose(
    alice: Wire, bob: Wire, carol: Wire, moderated: str, type: str
) -> None:
    enter(moderated, carol)
    assert bob.refusal(type, room=moderated, username=carol.username) == "not_owner"
    assert carol.refusal(type, room=moderated, username=bob.username) == "not_owner"
    assert carol.refusal(type, room=moderated, username=carol.username) == "not_owner"


def test_moderator_can_step_down(alice: Wire, bob: Wire, moderated: str) -> None:
    bob.request("remove_moderator", room=moderated, username=bob.username)
    assert bob.refusal("set_topic", room=moderated, topic="x") == "not_owner"


def test_moderator_manages_ordinary_members(alice: Wire, bob: Wire, carol: Wire, moderated: str) -> None:
    bob.request("set_topic", room=moderated, topic="x")
    bob.request("invite", room=moderated, username=carol.username)
    assert carol.event("invited")["username"] == bob.username
    assert bob.request("make_invitation", room=moderated)["code"]
    enter(moderated, carol)
    bob.request("kick", room=moderated, username=carol.username)
    assert carol.event("removed") == {
        "type": "removed", "room": moderated, "reason": "kick", "username": bob.username,
    }  # fmt: skip
    bob.request("ban", room=moderated, username=carol.username)
    assert bob.request("list_banned", room=moderated)["usernames"] == [carol.username]
    bob.request("unban", room=moderated, username=carol.username)
    enter(moderated, carol)


@pytest.mark.parametrize(
    ("type", "fields"),
    [("set_room", {"capacity": 9}), ("close_room", {}), ("transfer_room", {"username": "?"})],
)
def test_moderator_cannot_change_the_room(
    alice: Wire, bob: Wire, moderated: str, type: str, fields: Json
) -> None:
    fields = {name: alice.username if value == "?" else value for name, value in fields.items()}
    assert bob.refusal(type, room=moderated, **fields) == "not_owner"


@pytest.mark.parametrize(("type", "seated"), list(product(("kick", "ban"), (True, False))))
def test_moderator_cannot_remove_the_owner_or_a_moderator(
    alice: Wire, bob: Wire, carol: Wire, moderated: str, type: str, seated: bool
) -> None:
    enter(moderated, carol)
    alice.request("add_moderator", room=moderated, username=carol.username)
    if not seated:
        alice.request("resign_room", room=moderated)  # the longest-standing member inherits: Bob
        assert roles(carol, moderated) == {bob.username: "owner", carol.username: "moderator"}
        assert carol.refusal(type, room=moderated, username=bob.username) == "not_owner"
        return
    error = bob.ask(type, room=moderated, username=alice.username)
    assert (error["code"], error["details"]) == ("not_owner", {"room": moderated})
    assert bob.refusal(type, room=moderated, username=carol.username) == "not_owner"
    alice.request(type, room=moderated, username=carol.username)


def test_refusal_tells_what_moderators_may_do(alice: Wire, bob: Wire, carol: Wire, moderated: str) -> None:
    enter(moderated, carol)
    error = carol.ask("kick", room=moderated, username=bob.username)
    assert error["details"] == {"room": moderated, "moderators": True}


def test_moderator_deletes_messages_of_ordinary_members_only(
    alice: Wire, bob: Wire, carol: Wire, moderated: str
) -> None:
    enter(moderated, carol)
    seqs = {wire: wire.request("send", to=moderated, text="x")["seq"] for wire in (alice, bob, carol)}
    delete = {"to": moderated, "kind": "delete", "text": ""}
    bob.request("send", target=seqs[carol], **delete)
    assert bob.refusal("send", target=seqs[alice], **delete) == "not_yours"
    assert bob.refusal("send", to=moderated, kind="edit", text="y", target=seqs[alice]) == "not_yours"
    alice.request("send", target=seqs[bob], **delete)
    seq = carol.request("send", to=moderated, text="y")["seq"]
    alice.request("remove_moderator", room=moderated, username=bob.username)
    assert bob.refusal("send", target=seq, **delete) == "not_yours"


@pytest.mark.parametrize("end", ["remove_moderator", "kick", "ban", "resign_room", "transfer_room"])
def test_rights_and_codes_of_a_moderator_end_with_the_role(
    alice: Wire, bob: Wire, carol: Wire, moderated: str, end: str
) -> None:
    alice.request("set_room", room=moderated, private=True)
    code = bob.request("make_invitation", room=moderated)["code"]
    if end == "resign_room":
        bob.request("resign_room", room=moderated)
    else:
        alice.request(end, room=moderated, username=bob.username)
    if end == "transfer_room":  # the new owner's role is another
        assert roles(alice, moderated) == {bob.username: "owner"}
        bob.request("transfer_room", room=moderated, username=alice.username)
        assert roles(alice, moderated) == {alice.username: "owner"}
        return
    assert carol.refusal("enter_room", room=moderated, nickname="C", invitation=code) == "bad_invitation"
    if end in ("kick", "resign_room"):
        alice.request("invite", room=moderated, username=bob.username)
        enter(moderated, bob)
    assert bob.refusal("set_topic", room=moderated, topic="x") in ("not_owner", "unknown_room")


def test_kick_by_a_moderator_who_is_removed_at_the_same_time_is_either_before_or_refused(
    alice: Wire, bob: Wire, carol: Wire, moderated: str
) -> None:
    for _ in range(5):
        enter(moderated, carol)
        kick = bob.start("kick", room=moderated, username=carol.username)
        alice.request("remove_moderator", room=moderated, username=bob.username)
        answer = bob.answer(kick)
        kinds = [kind for kind, _, _ in notices(alice, moderated)]
        if answer["type"] == "ok":
            assert [kind for kind in kinds if kind in ("kick", "dismiss")][-2:] == ["kick", "dismiss"]
        else:
            assert (answer["code"], kinds[-1]) == ("not_owner", "dismiss")
        alice.request("add_moderator", room=moderated, username=bob.username)
