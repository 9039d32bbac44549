"""Rates of an account over all of its sessions, and its quotas."""

from tests.conftest import Serve


def test_sessions_of_one_account_share_its_message_rate(serve: Serve) -> None:
    server = serve(settings=("limits.rate=5", "limits.account_rate=1", "limits.account_burst=30"))
    first = server.user("Alice")
    first.request("create_room", room="lab", capacity=9)
    first.request("enter_room", room="lab", nickname="A")
    second = server.connect().login("Alice")
    codes = [
        wire.ask("send", to="#lab", text=f"{n}").get("code") for n in range(19) for wire in (first, second)
    ]
    assert codes[:30] == [None] * 30
    assert codes.count("rate_limited") > 4


def test_message_above_the_rate_is_confirmed_if_it_was_stored(serve: Serve) -> None:
    server = serve(settings=("limits.rate=0.001", "limits.burst=1"))
    alice = server.user("Alice")
    alice.request("create_room", room="lab", capacity=9)
    alice.request("enter_room", room="lab", nickname="A")
    stored = alice.request("send", to="#lab", text="hello", cid="one")
    for _ in range(30):
        again = alice.request("send", to="#lab", text="hello", cid="one")
        assert (again["seq"], again["duplicate"]) == (stored["seq"], True)
        assert alice.refusal("send", to="#lab", text="new", cid="two") == "rate_limited"


def test_changes_above_the_account_rate_are_refused_with_a_wait(serve: Serve) -> None:
    settings = ("limits.rate=5", "limits.account_requests_rate=1", "limits.account_requests_burst=40")
    wire = serve(settings=settings).user("Alice")
    answers = [wire.ask("create_room", room=f"room{number}", capacity=9) for number in range(6)]
    assert [answer["type"] for answer in answers[:4]] == ["room"] * 4
    assert answers[-1]["code"] == "rate_limited"
    assert answers[-1]["details"]["retry_after"] > 5


def test_friends_and_reactions_have_a_maximum(serve: Serve) -> None:
    server = serve(settings=("limits.friends=2", "limits.message_reactions=3"))
    alice = server.user("Alice")
    for name in ("Bob", "Carol", "Dave"):
        server.connect().request("register", username=name, password="111111")
    for name in ("Bob", "Carol"):
        alice.request("add_friend", username=name)
    error = alice.ask("add_friend", username="Dave")
    assert (error["code"], error["details"]) == ("too_many_friends", {"limit": 2})
    server.connect().login("Dave").request("add_friend", username="Alice")
    seq = alice.request("send", to="@Bob", text="hello")["seq"]
    for reaction in "abc":
        alice.request("send", to="@Bob", text=reaction, kind="react", target=seq)
    bob = server.connect().login("Bob")
    assert bob.refusal("send", to="@Alice", text="d", kind="react", target=seq) == "too_many_reactions"
    alice.request("send", to="@Bob", text="a", kind="react", target=seq)


def test_away_messages_are_sent_once_a_second(serve: Serve) -> None:
    server = serve()
    alice, bob = server.user("Alice"), server.user("Bob")
    alice.request("add_friend", username="Bob")
    for number in range(50):
        alice.request("set_away", text=f"away {number}")
    assert bob.event("presence", away="away 49")
    changes = [event for event in bob.events if event["type"] == "presence" and "away" in event]
    assert changes[0]["away"] == "away 0"
    assert len(changes) < 10
