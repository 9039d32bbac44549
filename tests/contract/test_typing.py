"""Typing hints on a real socket: their receivers and their rate."""

import pytest

from tests.conftest import Serve
from tests.support.processes import Json, Server, Wire


@pytest.fixture
def inside(alice: Wire, bob: Wire, room: str) -> str:
    """A room that Alice and Bob have entered."""
    alice.request("enter_room", room=room, nickname="ALICE")
    bob.request("enter_room", room=room, nickname="BOB")
    return room


def typing_events(*wires: Wire) -> list[Json]:
    """Return the ``typing`` events that these sessions have received."""
    for wire in wires:
        wire.request("ping")
    return [event for wire in wires for event in wire.events if event["type"] == "typing"]


def test_typing_event_reaches_the_room(alice: Wire, bob: Wire, inside: str) -> None:
    assert alice.request("typing", conversation=inside)["type"] == "ok"
    expected = {"conversation": inside, "username": alice.username, "nickname": "ALICE"}
    assert bob.event("typing") == {"type": "typing", **expected}


def test_own_sessions_get_no_typing_event(shared_server: Server, alice: Wire, bob: Wire, inside: str) -> None:
    second = shared_server.connect().login(alice.username)
    alice.request("typing", conversation=inside)
    assert bob.event("typing")
    assert typing_events(alice, second) == []


def test_member_outside_of_the_room_gets_no_typing_event(
    alice: Wire, bob: Wire, carol: Wire, inside: str
) -> None:
    bob.request("leave_room", room=inside)
    alice.request("typing", conversation=inside)
    assert typing_events(bob, carol) == []


def test_typing_event_reaches_the_friend(alice: Wire, bob: Wire, carol: Wire) -> None:
    alice.request("add_friend", username=bob.username)
    alice.request("typing", conversation=bob.name)
    assert bob.event("typing") == {
        "type": "typing", "conversation": alice.name, "username": alice.username, "nickname": alice.username,
    }  # fmt: skip
    alice.request("enter_direct", username=bob.username, nickname="A")
    alice.request("typing", conversation=bob.name)
    assert bob.event("typing")["nickname"] == "A"
    assert typing_events(carol) == []


def test_typing_accepts_any_spelling_of_the_room(alice: Wire, bob: Wire, inside: str) -> None:
    alice.request("typing", conversation=inside.upper())
    assert bob.event("typing")["conversation"] == inside


def test_typing_without_permission_to_send_is_refused(
    alice: Wire, bob: Wire, carol: Wire, inside: str
) -> None:
    error = carol.ask("typing", conversation=inside)
    assert (error["code"], error["details"]) == ("not_entered", {"conversation": inside})
    assert carol.refusal("typing", conversation="#nowhere-at-all") == "not_entered"
    error = carol.ask("typing", conversation=alice.name)
    assert (error["code"], error["details"]) == ("not_friends", {"username": alice.username})
    assert carol.refusal("typing", conversation="@nobody") == "not_friends"
    bob.request("leave_room", room=inside)
    assert bob.refusal("typing", conversation=inside) == "not_entered"
    alice.request("add_friend", username=bob.username)
    alice.request("remove_friend", username=bob.username)
    assert alice.refusal("typing", conversation=bob.name) == "not_friends"
    assert typing_events(alice, bob) == []


def test_blocked_user_gets_no_typing_event(alice: Wire, bob: Wire, carol: Wire, inside: str) -> None:
    carol.request("enter_room", room=inside, nickname="CAROL")
    alice.request("block", username=bob.username)
    alice.request("typing", conversation=inside)
    assert carol.event("typing")
    assert typing_events(bob) == []


def test_typing_is_not_stored(alice: Wire, bob: Wire, inside: str) -> None:
    before = alice.request("history", conversation=inside)["messages"]
    alice.request("typing", conversation=inside)
    assert alice.request("history", conversation=inside)["messages"] == before


def test_typing_hints_are_rate_limited(serve: Serve) -> None:
    settings = ("limits.rate=1", "limits.typing_rate=0.001", "limits.typing_burst=2")
    alice = serve(settings=settings).user("Alice")
    alice.request("create_room", room="#thuhole", capacity=5)
    alice.request("enter_room", room="#thuhole", nickname="ALICE")
    for _ in range(2):
        alice.request("typing", conversation="#thuhole")
    error = alice.ask("typing", conversation="#thuhole")
    assert error["code"] == "rate_limited"
    assert error["details"]["retry_after"] > 1
    assert alice.request("send", to="#thuhole", text="as fast as ever")["type"] == "sent"
