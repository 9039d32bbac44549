"""Limits on a real socket: each has its code and affects only its sender."""

from contextlib import ExitStack

from chatroom.server.config.settings import SETTINGS
from tests.conftest import Serve
from tests.support.processes import Json, Server, Wire

ROOM = "#thuhole"


def in_room(server: Server, username: str) -> Wire:
    wire = server.user(username)
    wire.ask("create_room", room=ROOM, capacity=9)
    wire.request("enter_room", room=ROOM, nickname=username)
    return wire


# Every limit off

LENGTHS = ("_min", "_max", ".topic")
"""The maximal length of names is limited by the columns of the database."""

OFF = tuple(f"{name}=0" for name in SETTINGS if name.startswith("limits.") and not name.endswith(LENGTHS))


def test_limit_of_0_is_off(serve: Serve, database_url: str) -> None:
    server = serve("--database", database_url, settings=(*OFF, "limits.linger=1"))
    with ExitStack() as stack:
        for _ in range(200):
            stack.enter_context(server.connect())
        alice = server.connect().register("Alice")
        alice.request("create_room", room=ROOM, capacity=20_000)
        alice.request("enter_room", room=ROOM, nickname="A" * 32)
        sent = [alice.start("send", to=ROOM, text=f"word {number}") for number in range(300)]
        sent.append(alice.start("send", to=ROOM, text="聊" * 100_000))
        assert [alice.answer(id)["type"] for id in sent] == ["sent"] * 301
        assert len(alice.request("history", conversation=ROOM, limit=1000)["messages"]) == 302
        assert len(alice.request("search", query="word", limit=1000)["messages"]) == 300
        assert len(alice.request("history", conversation=ROOM)["messages"]) == 100
        for number in range(30):
            alice.request("send", to=ROOM, kind="react", target=2, text=f"r{number}")
        pings = [alice.start("ping") for _ in range(500)]
        assert alice.answer(pings[-1])["type"] == "pong"
        alice.request("set_away", text="x" * 1000)
        stranger = server.connect()
        for _ in range(10):
            assert stranger.refusal("login", username="Alice", password="wrong-1") == "wrong_password"
        assert stranger.login("Alice").username == "Alice"


def test_fast_sender_gets_retry_after(serve: Serve) -> None:
    server = serve(settings=("limits.rate=0.01", "limits.burst=3"))
    alice = in_room(server, "Alice")
    ids = [alice.start("send", to=ROOM, text=f"{number}") for number in range(6)]
    answers = [alice.answer(id) for id in ids]
    assert [answer.get("code") for answer in answers] == [None] * 3 + ["rate_limited"] * 3
    assert all(answer["details"]["retry_after"] > 0 for answer in answers[3:])
    messages = alice.request("history", conversation=ROOM)["messages"]
    assert [message["text"] for message in messages] == ["", "0", "1", "2"]
    assert in_room(server, "Bob").request("send", to=ROOM, text="I may")["seq"] == 6


def test_resend_of_a_stored_message_is_not_rate_limited(serve: Serve) -> None:
    alice = in_room(serve(settings=("limits.rate=0.01", "limits.burst=1")), "Alice")
    message = {"to": ROOM, "text": "once", "cid": "c"}
    assert alice.request("send", **message)["duplicate"] is False
    assert alice.request("send", **message)["duplicate"] is True
    assert alice.refusal("send", to=ROOM, text="another") == "rate_limited"


def test_connections_per_address_are_limited(serve: Serve) -> None:
    server = serve(settings=("limits.connections_per_address=2",))
    first, second = server.connect(), server.connect()
    assert_turned_away(server)
    assert first.ask("ping")["type"] == second.ask("ping")["type"] == "pong"


def test_new_connections_per_minute_are_limited(serve: Serve) -> None:
    server = serve(settings=("limits.new_connections_per_minute=2",))
    for _ in range(2):
        server.connect().close()
    assert_turned_away(server)


def assert_turned_away(server: Server) -> None:
    wire = server.connect()
    frames = [frame for frame in [wire.welcome, *wire.rest()] if frame["type"] != "welcome"]
    assert {frame["code"] for frame in frames} == {"too_many_connections"}


def test_right_password_after_five_wrong_ones_has_to_wait(serve: Serve) -> None:
    server = serve(settings=("limits.password_attempts=5",))
    server.user("Alice")
    stranger = server.connect()
    tried = [stranger.ask("login", username="Alice", password=f"wrong-{n}")["code"] for n in range(6)]
    assert tried == ["wrong_password"] * 5 + ["too_many_attempts"]
    error = server.connect().ask("login", username="Alice", password="111111")
    assert error["code"] == "too_many_attempts"
    assert error["details"]["retry_after"] > 0
    assert server.user("Bob").request("list_rooms")["type"] == "rooms"


def test_slow_consumer_is_closed_and_loses_no_message(serve: Serve) -> None:
    server = serve(settings=("limits.outbox_bytes=65536", "limits.linger=60"))
    alice, bob = in_room(server, "Alice"), in_room(server, "Bob")
    sent = 0
    for _ in range(40):
        ids = [bob.start("send", to=ROOM, text="聊" * 4096) for _ in range(20)]
        sent += len([bob.answer(id) for id in ids])
        bob.events.clear()
    frames = alice.rest()
    assert frames[-1]["type"] == "closing"
    assert frames[-1]["code"] == "slow_consumer"
    back = server.connect()
    back.request("resume", token=alice.token)
    assert len(everything(back)) == 2 + sent
    assert bob.ask("ping")["type"] == "pong"


def everything(wire: Wire) -> list[Json]:
    """Return all messages of a conversation, read page by page."""
    messages: list[Json] = []
    more = True
    while more:
        page = wire.request("history", conversation=ROOM, after=len(messages))
        messages += page["messages"]
        more = page["more"]
    assert [message["seq"] for message in messages] == list(range(1, len(messages) + 1))
    return messages
