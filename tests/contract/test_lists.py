"""Long lists come in pages, and no line is longer than the limit."""

import json
from itertools import count

import pytest

from tests.conftest import Serve
from tests.support.processes import Json, Server, Wire

SIZE = 8192
"""Maximum bytes of an answer in these tests."""

TOPIC = "\x01" * 180
"""The topic whose JSON is longest."""


@pytest.fixture
def narrow(serve: Serve) -> Server:
    return serve(settings=(f"limits.answer_bytes={SIZE}", "password.bcrypt_cost=4"))


def measured(wire: Wire, type: str, **fields: object) -> Json:
    """Send a request, and check the length of its answer."""
    answer = wire.request(type, **fields)
    assert len(json.dumps(answer, ensure_ascii=False, separators=(",", ":")).encode()) < SIZE
    return answer


def all_pages(wire: Wire, type: str, field: str, **fields: object) -> list[Json]:
    """Request every page of a list; there must be several."""
    entries: list[Json] = []
    for number in count():
        page = measured(wire, type, **fields)
        entries += page[field]
        if "cursor" not in page:
            assert "more" not in page
            assert number > 0
            return entries
        assert page["more"] is True
        fields["cursor"] = page["cursor"]
    raise AssertionError


def create_rooms(wire: Wire, number: int) -> list[str]:
    """Create rooms with long topics, and enter them; in the order of their names."""
    names = [f"#room{index:03}{'x' * 20}" for index in range(number)]
    for name in names:
        wire.request("create_room", room=name, capacity=5)
        wire.request("enter_room", room=name, nickname="N")
        wire.request("set_topic", room=name, topic=TOPIC)
    return names


def test_rooms_come_in_pages_in_the_order_of_their_names(narrow: Server) -> None:
    alice, bob = narrow.user("Alice"), narrow.user("Bob")
    names = create_rooms(alice, 12)
    bob.request("create_room", room="private", capacity=5, private=True)
    assert [room["room"] for room in all_pages(alice, "list_rooms", "rooms")] == names
    assert len(all_pages(bob, "list_rooms", "rooms")) == 13
    some = measured(alice, "list_rooms", limit=3)
    assert [room["room"] for room in some["rooms"]] == names[:3]
    rest = measured(alice, "list_rooms", limit=2, cursor=some["cursor"])
    assert [room["room"] for room in rest["rooms"]] == names[3:5]


def test_session_with_many_rooms_and_friends_continues_in_lists(narrow: Server) -> None:
    alice = narrow.user("Alice")
    names = create_rooms(alice, 5)
    narrow.user("Bob").request("create_room", room="other", capacity=5)
    for number in range(30):
        narrow.connect().request("register", username=f"friend{number:02}", password="111111")
        alice.request("add_friend", username=f"friend{number:02}")
    session = measured(narrow.connect(), "resume", token=alice.token)
    rest = measured(alice, "list_rooms", member=True, cursor=session["rooms_cursor"])
    rooms = session["rooms"] + rest["rooms"]
    while cursor := rest.get("cursor"):
        rest = measured(alice, "list_rooms", member=True, cursor=cursor)
        rooms += rest["rooms"]
    assert [room["room"] for room in rooms] == names
    rest = measured(alice, "list_friends", cursor=session["friends_cursor"])
    friends = session["friends"] + rest["friends"]
    assert "cursor" not in rest
    assert [friend["friend"] for friend in friends] == [f"@friend{number:02}" for number in range(30)]


def test_members_come_in_pages(narrow: Server) -> None:
    alice = narrow.user("Alice")
    alice.request("create_room", room="lab", capacity=500)
    names = [f"member{number:03}" for number in range(60)]
    wire = narrow.connect()
    for name in names:
        entered = wire.register(name).request("enter_room", room="lab", nickname=f"{name}{'好' * 20}")
        wire.request("logout")
    wire.login(names[0])
    assert [member["username"] for member in all_pages(wire, "list_members", "members", room="lab")] == names
    entered = measured(wire, "enter_room", room="lab", nickname="N")
    listed = entered["members"]
    rest = measured(wire, "list_members", room="lab", limit=1, cursor=entered["members_cursor"])
    assert [*listed, rest["members"][0]["username"]] == names[: len(listed) + 1]
    for name in names[1:]:
        alice.request("ban", room="lab", username=name)
    banned = [
        name for page in [alice.request("list_banned", room="lab", limit=50)] for name in page["usernames"]
    ]
    page = alice.request("list_banned", room="lab", cursor=banned[-1])
    assert banned + page["usernames"] == names[1:]


def test_blocked_users_come_in_pages(narrow: Server) -> None:
    alice = narrow.user("Alice")
    for name in ("Bob", "Carol", "Dave"):
        narrow.connect().request("register", username=name, password="111111")
        alice.request("block", username=name)
    page = alice.request("list_blocked", limit=2)
    assert (page["usernames"], page["more"]) == (["Bob", "Carol"], True)
    page = alice.request("list_blocked", cursor=page["cursor"])
    assert page == {"type": "blocked", "id": page["id"], "usernames": ["Dave"]}


def test_pages_of_long_messages_are_short_and_complete(narrow: Server) -> None:
    alice = narrow.user("Alice")
    alice.request("create_room", room="lab", capacity=5)
    alice.request("enter_room", room="lab", nickname="A")
    for number in range(8):
        alice.request("send", to="#lab", text=f"word {number}" + "\x01" * 500)
    seqs = list(range(1, 10))
    for kind in ("history", "export"):
        assert messages_after(alice, kind) == seqs
    assert messages_before(alice) == seqs
    entered = measured(alice, "enter_room", room="lab", nickname="A")
    assert entered["messages"][-1]["seq"] == 9
    assert search_results(alice, "word") == seqs[:0:-1]


def messages_after(wire: Wire, kind: str) -> list[int]:
    """The seqs of a whole conversation, from its beginning."""
    page = measured(wire, kind, conversation="#lab", after=0)
    seqs = seqs_of(page)
    while page["more"]:
        page = measured(wire, kind, conversation="#lab", after=seqs[-1])
        seqs += seqs_of(page)
    return seqs


def messages_before(wire: Wire) -> list[int]:
    """The same, from its end."""
    page = measured(wire, "history", conversation="#lab")
    seqs = seqs_of(page)
    while page["more"]:
        page = measured(wire, "history", conversation="#lab", before=seqs[0])
        seqs = seqs_of(page) + seqs
    return seqs


def search_results(wire: Wire, query: str) -> list[int]:
    page = measured(wire, "search", query=query)
    seqs = seqs_of(page)
    while page["more"]:
        page = measured(wire, "search", query=query, cursor=page["cursor"])
        seqs += seqs_of(page)
    return seqs


def seqs_of(page: Json) -> list[int]:
    return [message["seq"] for message in page["messages"]]


@pytest.mark.parametrize("cursor", ["", "x" * 66])
def test_wrong_cursor_is_refused(narrow: Server, cursor: str) -> None:
    assert narrow.user("Alice").refusal("list_rooms", cursor=cursor) == "bad_frame"
