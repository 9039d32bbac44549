"""Profiles and away messages, and what strangers cannot see."""

import pytest

from tests.conftest import Serve
from tests.support.processes import Json, Server, Wire


@pytest.fixture
def inside(alice: Wire, bob: Wire, room: str) -> str:
    """A room that Alice and Bob have entered."""
    alice.request("enter_room", room=room, nickname="ALICE")
    bob.request("enter_room", room=room, nickname="BOB")
    return room


def member(wire: Wire, room: str, username: str) -> Json:
    members = wire.request("list_members", room=room)["members"]
    return next(member for member in members if member["username"] == username)


def friend(wire: Wire, name: str) -> Json:
    friends = wire.request("list_friends")["friends"]
    return next(friend for friend in friends if friend["friend"] == name)


class TestAway:
    def test_away_reaches_members_of_a_common_room(self, alice: Wire, bob: Wire, inside: str) -> None:
        alice.request("set_away", text="at lunch")
        expected = {"type": "presence", "username": alice.username, "online": True}
        assert bob.event("presence", away="at lunch") == {**expected, "away": "at lunch"}
        assert member(bob, inside, alice.username)["away"] == "at lunch"
        alice.request("set_away", text="")
        assert bob.event("presence") == expected
        assert "away" not in member(bob, inside, alice.username)

    def test_away_reaches_friends(self, shared_server: Server, alice: Wire, bob: Wire) -> None:
        alice.request("add_friend", username=bob.username)
        alice.request("set_away", text="at lunch")
        assert bob.event("presence", username=alice.username)["away"] == "at lunch"
        assert friend(bob, alice.name)["away"] == "at lunch"
        again = shared_server.connect().login(bob.username)
        assert again.session["friends"][0]["away"] == "at lunch"
        entered = bob.request("enter_direct", username=alice.username, nickname="B")
        assert entered["friend"]["away"] == "at lunch"

    def test_away_reaches_other_sessions(self, shared_server: Server, alice: Wire) -> None:
        second = shared_server.connect().login(alice.username)
        alice.request("set_away", text="at lunch")
        assert second.event("presence", username=alice.username)["away"] == "at lunch"
        alice.request("ping")
        assert not any(event["type"] == "presence" for event in alice.events)

    def test_strangers_and_former_friends_get_no_away_event(
        self, alice: Wire, bob: Wire, carol: Wire
    ) -> None:
        alice.request("add_friend", username=bob.username)
        alice.request("remove_friend", username=bob.username)
        alice.request("set_away", text="at lunch")
        for wire in (bob, carol):
            wire.request("ping")
            assert not any("away" in event for event in wire.events)

    def test_blocked_user_gets_no_away_event(self, alice: Wire, bob: Wire, inside: str) -> None:
        alice.request("block", username=bob.username)
        alice.request("set_away", text="at lunch")
        assert "away" not in member(bob, inside, alice.username)
        assert not any("away" in event for event in bob.events)
        alice.request("unblock", username=bob.username)
        assert bob.event("presence", online=True)["away"] == "at lunch"

    def test_repeated_away_makes_no_event(self, alice: Wire, bob: Wire, inside: str) -> None:
        for _ in range(3):
            alice.request("set_away", text="at lunch")
        assert bob.event("presence", away="at lunch")
        bob.request("ping")
        assert not any("away" in event for event in bob.events)

    def test_away_survives_a_lost_connection_and_ends_with_the_last_session(self, serve: Serve) -> None:
        server = serve(settings=("limits.linger=600",))
        alice, bob = server.user("Alice"), server.user("Bob")
        alice.request("add_friend", username="Bob")
        alice.request("set_away", text="at lunch")
        alice.close()
        back = server.connect().login("Alice")
        assert friend(bob, "@Alice")["away"] == "at lunch"
        back.request("logout")
        assert bob.event("presence", online=False) == {
            "type": "presence",
            "username": "Alice",
            "online": False,
        }
        back.login("Alice")
        assert "away" not in friend(bob, "@Alice")

    @pytest.mark.parametrize(
        ("text", "code"), [("x" * 81, "text_too_long"), (" ", "empty_text"), ("\n\u3000", "empty_text")]
    )
    def test_invalid_away_text_is_refused(self, alice: Wire, text: str, code: str) -> None:
        assert alice.refusal("set_away", text=text) == code


class TestWhois:
    def test_whois_of_member_of_common_room_shows_room(self, alice: Wire, bob: Wire, inside: str) -> None:
        bob.request("set_away", text="at lunch")
        user = alice.request("whois", username=bob.username.upper())["user"]
        registered = user.pop("registered")
        assert user == {"username": bob.username, "online": True, "rooms": [inside], "away": "at lunch"}
        assert registered <= alice.request("history", conversation=inside)["messages"][-1]["time"]

    def test_whois_of_friend_shows_presence(self, alice: Wire, bob: Wire) -> None:
        alice.request("add_friend", username=bob.username)
        assert alice.request("whois", username=bob.username)["user"]["online"] is True
        bob.request("logout")
        user = alice.request("whois", username=bob.username)["user"]
        assert (user["online"], user["rooms"]) == (False, [])

    def test_whois_of_oneself_shows_own_rooms(self, alice: Wire, inside: str) -> None:
        user = alice.request("whois", username=alice.username)["user"]
        assert (user["online"], user["rooms"]) == (True, [inside])

    def test_stranger_appears_offline(self, bob: Wire, carol: Wire, inside: str) -> None:
        bob.request("set_away", text="at lunch")
        user = carol.request("whois", username=bob.username)["user"]
        assert user == {
            "username": bob.username, "registered": user["registered"], "online": False, "rooms": [],
        }  # fmt: skip

    def test_blocking_user_appears_offline(self, alice: Wire, bob: Wire, inside: str) -> None:
        alice.request("block", username=bob.username)
        assert bob.request("whois", username=alice.username)["user"]["online"] is False
        assert alice.request("whois", username=bob.username)["user"]["online"] is True

    def test_whois_shows_common_rooms_only(self, alice: Wire, bob: Wire, carol: Wire, inside: str) -> None:
        carol.request("add_friend", username=bob.username)
        assert carol.request("whois", username=bob.username)["user"]["rooms"] == []

    def test_whois_of_unknown_user_is_refused(self, alice: Wire) -> None:
        assert alice.refusal("whois", username="nobody") == "unknown_user"
