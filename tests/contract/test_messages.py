"""Messages on a real socket: send, resend, history and search."""

import string
from uuid import uuid4

import pytest

from tests.support.processes import Json, Server, Wire


@pytest.fixture
def inside(alice: Wire, bob: Wire, room: str) -> str:
    """A room that Alice and Bob have entered; its first two messages are their notices."""
    alice.request("enter_room", room=room, nickname="ALICE")
    bob.request("enter_room", room=room, nickname="BOB")
    return room


def test_message_reaches_all_members_and_its_author(alice: Wire, bob: Wire, inside: str) -> None:
    sent = alice.request("send", to=inside, text="你好!", cid="c-1" + inside)
    assert (sent["cid"], sent["seq"], sent["duplicate"]) == ("c-1" + inside, 3, False)
    expected = {
        "conversation": inside, "seq": 3, "time": sent["time"], "kind": "text",
        "username": alice.username, "nickname": "ALICE", "text": "你好!",
    }  # fmt: skip
    assert bob.message(kind="text") == expected
    assert alice.message(kind="text") == {**expected, "cid": "c-1" + inside}


def test_cid_is_shown_to_author_only(alice: Wire, bob: Wire, inside: str) -> None:
    cid = alice.request("send", to=inside, text="hi")["cid"]
    assert alice.request("history", conversation=inside)["messages"][-1]["cid"] == cid
    assert "cid" not in bob.request("history", conversation=inside)["messages"][-1]


def test_action_is_delivered_as_action(alice: Wire, bob: Wire, inside: str) -> None:
    alice.request("send", to=inside, text="waves", kind="action")
    assert bob.message(kind="action")["text"] == "waves"
    assert alice.refusal("send", to=inside, text="x", kind="enter") == "bad_frame"


@pytest.mark.parametrize(
    "text",
    [
        "x", " x ", "\t\u3000x", "line\nline\r\nline", "a\u2028b\u2029c\x85d", "\x01", "\x7f",
        "\x1b[31mred\x07\x9b", "\u202eabc\u2066", "\ufeffx", "\ufffe\uffff", "e\u0301" * 50,
        "👩\u200d👩\u200d👧\u200d👦", "聊" * 4096, "😀" * 4096,
        '"\\/', "${jndi:x}", "' OR 1=1 --", "%s %d {0}",
    ],
)  # fmt: skip
def test_text_is_delivered_unchanged(alice: Wire, bob: Wire, inside: str, text: str) -> None:
    alice.request("send", to=inside, text=text)
    assert bob.message(kind="text")["text"] == text
    assert alice.request("history", conversation=inside, limit=1)["messages"][0]["text"] == text


@pytest.mark.parametrize("text", ["", " ", "\n\t\r ", "\u3000", "\xa0"])
def test_blank_text_is_refused(alice: Wire, inside: str, text: str) -> None:
    assert alice.refusal("send", to=inside, text=text) == "empty_text"


def test_text_over_the_limit_is_refused(alice: Wire, inside: str) -> None:
    error = alice.ask("send", to=inside, text="x" * 4097)
    assert (error["code"], error["details"]) == ("text_too_long", {"limit": 4096})


def test_nul_is_refused(alice: Wire, inside: str) -> None:
    assert alice.refusal("send", to=inside, text="a\0b") == "bad_encoding"


@pytest.mark.parametrize("cid", ["", "two words", "x" * 65, "é", "a\n"])
def test_invalid_cid_is_refused(alice: Wire, inside: str, cid: str) -> None:
    assert alice.refusal("send", to=inside, text="hi", cid=cid) == "bad_frame"


def test_resend_returns_the_first_answer(alice: Wire, bob: Wire, inside: str) -> None:
    message = {"to": inside, "text": "once", "cid": str(uuid4())}
    first = alice.request("send", **message)
    again = alice.request("send", **message)
    assert again == {**first, "id": again["id"], "duplicate": True}
    alice.request("send", to=inside, text="next")
    assert bob.message(kind="text")["text"] == "once"
    assert bob.message(kind="text")["text"] == "next"


def test_cid_is_case_sensitive(alice: Wire, inside: str) -> None:
    cid = f"{uuid4()}-a"
    assert alice.request("send", to=inside, text="x", cid=cid)["duplicate"] is False
    assert alice.request("send", to=inside, text="x", cid=cid.upper())["duplicate"] is False


def test_cid_with_other_content_is_refused(alice: Wire, bob: Wire, inside: str) -> None:
    cid = str(uuid4())
    alice.request("send", to=inside, text="this", cid=cid)
    assert alice.refusal("send", to=inside, text="that", cid=cid) == "cid_reused"
    assert alice.refusal("send", to=inside, text="this", cid=cid, kind="action") == "cid_reused"
    alice.request("add_friend", username=bob.username)
    assert alice.refusal("send", to=bob.name, text="this", cid=cid) == "cid_reused"
    assert bob.request("send", to=inside, text="that", cid=cid)["duplicate"] is False


def test_cid_of_any_printable_ascii_is_accepted(alice: Wire, inside: str) -> None:
    cid = (string.punctuation + inside[-2:])[-64:]
    assert alice.request("send", to=inside, text="x", cid=cid)["cid"] == cid


def test_cid_is_checked_before_permissions(alice: Wire, bob: Wire, inside: str) -> None:
    in_room = {"to": inside, "text": "in the room", "cid": str(uuid4())}
    to_friend = {"to": bob.name, "text": "to a friend", "cid": str(uuid4())}
    alice.request("add_friend", username=bob.username)
    alice.request("send", **in_room)
    alice.request("send", **to_friend)
    alice.request("leave_room", room=inside)
    assert alice.request("send", **in_room)["duplicate"] is True
    alice.request("resign_room", room=inside)
    assert alice.request("send", **in_room)["duplicate"] is True
    alice.request("remove_friend", username=bob.username)
    assert alice.request("send", **to_friend)["duplicate"] is True
    assert alice.refusal("send", **{**in_room, "text": "other"}) == "cid_reused"


def test_repeated_message_in_one_packet_is_stored_once(alice: Wire, inside: str) -> None:
    message = {"to": inside, "text": "twice", "cid": str(uuid4())}
    ids = [alice.start("send", **message) for _ in range(5)]
    answers = [alice.answer(id) for id in ids]
    assert [answer["duplicate"] for answer in answers] == [False, True, True, True, True]
    assert len({answer["seq"] for answer in answers}) == 1


def test_sent_messages_keep_their_order_without_gap(alice: Wire, bob: Wire, inside: str) -> None:
    ids = [(wire, wire.start("send", to=inside, text=f"{n}")) for n in range(100) for wire in (alice, bob)]
    for wire, id in ids:
        assert wire.answer(id)["type"] == "sent"
    stream = [alice.message(conversation=inside) for _ in range(202)]
    assert [message["seq"] for message in stream] == list(range(1, 203))
    for wire in (alice, bob):
        mine = [message["text"] for message in stream[2:] if message["username"] == wire.username]
        assert mine == [str(n) for n in range(100)]
    times = [message["time"] for message in stream]
    assert times == sorted(times)


class TestHistory:
    """A page of a conversation: before, after, newest."""

    @pytest.fixture
    def long(self, alice: Wire, inside: str) -> str:
        """A room whose messages 3 to 132 are Alice's."""
        ids = [alice.start("send", to=inside, text=f"line {seq}") for seq in range(3, 133)]
        for id in ids:
            alice.answer(id)
        return inside

    def test_page_without_position_is_the_newest(self, bob: Wire, long: str) -> None:
        assert page(bob, long, limit=3) == ([130, 131, 132], True)
        assert page(bob, long) == (list(range(33, 133)), True)

    def test_page_length_is_capped(self, bob: Wire, long: str) -> None:
        assert page(bob, long, limit=100000) == (list(range(33, 133)), True)

    def test_page_before_a_seq(self, bob: Wire, long: str) -> None:
        assert page(bob, long, before=33, limit=2) == ([31, 32], True)
        assert page(bob, long, before=3) == ([1, 2], False)
        assert page(bob, long, before=1) == ([], False)
        assert page(bob, long, before=0) == ([], False)
        assert page(bob, long, before=2**53 - 1, limit=1) == ([132], True)

    def test_page_after_a_seq(self, bob: Wire, long: str) -> None:
        assert page(bob, long, after=0, limit=2) == ([1, 2], True)
        assert page(bob, long, after=131) == ([132], False)
        assert page(bob, long, after=132) == ([], False)
        assert page(bob, long, after=2**53 - 1) == ([], False)

    def test_invalid_page_request_is_refused(self, bob: Wire, long: str) -> None:
        assert bob.refusal("history", conversation=long, before=9, after=2) == "bad_frame"
        assert bob.refusal("history", conversation=long, limit=0) == "bad_frame"
        assert bob.refusal("history", conversation=long, after=-1) == "bad_frame"
        assert bob.refusal("history", conversation="#nowhere-at-all") == "unknown_room"

    def test_enter_room_returns_the_newest_page(self, carol: Wire, long: str) -> None:
        entered = carol.request("enter_room", room=long, nickname="CAROL")
        assert [message["seq"] for message in entered["messages"]] == list(range(34, 134))


class TestRead:
    """The read position belongs to the account and only advances."""

    def test_unread_counts_messages_of_others_only(self, alice: Wire, bob: Wire, inside: str) -> None:
        for text in ("one", "two"):
            bob.request("send", to=inside, text=text)
        alice.request("send", to=inside, text="mine")
        listed = mine(alice, inside)
        assert (listed["head"], listed["read"], listed["unread"]) == (5, 0, 2)

    def test_read_position_only_advances_and_stops_at_head(self, alice: Wire, bob: Wire, inside: str) -> None:
        bob.request("send", to=inside, text="one")
        bob.request("send", to=inside, text="two")
        for seq, read, unread in ((3, 3, 1), (1, 3, 1), (1000, 4, 0)):
            assert alice.request("read", conversation=inside, seq=seq)["type"] == "ok"
            assert (mine(alice, inside)["read"], mine(alice, inside)["unread"]) == (read, unread)

    def test_read_position_reaches_other_sessions(
        self, shared_server: Server, alice: Wire, bob: Wire, inside: str
    ) -> None:
        second = shared_server.connect().login(alice.username)
        alice.request("read", conversation=inside, seq=2)
        assert second.event("read") == {"type": "read", "conversation": inside, "seq": 2}
        bob.request("ping")
        assert not any(event["type"] == "read" for event in bob.events + alice.events)

    def test_private_chat_has_read_position(self, alice: Wire, bob: Wire) -> None:
        alice.request("add_friend", username=bob.username)
        bob.request("send", to=alice.name, text="hi")
        assert alice.request("list_friends")["friends"][0]["unread"] == 1
        alice.request("read", conversation=bob.name, seq=1)
        friend = alice.request("list_friends")["friends"][0]
        assert (friend["read"], friend["unread"]) == (1, 0)


class TestSearch:
    """All words match in any order and case, Chinese inside longer text, and a phrase literally."""

    @pytest.fixture
    def library(self, alice: Wire, inside: str) -> str:
        for text in (
            "The quick brown fox",
            "fox, the Quick one",
            "今天天气很好",
            "天今气天",
            "100% sure_thing",
        ):
            alice.request("send", to=inside, text=text)
        return inside

    @pytest.mark.parametrize(
        ("query", "seqs"),
        [
            ("QUICK fox", [4, 3]),
            ("fox brown", [3]),
            ('"quick one"', [4]),
            ('"fox quick"', []),
            ("天气", [5]),
            ("今天 很好", [5]),
            ("气", [6, 5]),
            ("absent", []),
            ("100%", [7]),
            ("%", None),
        ],
    )
    def test_query_finds_messages_with_all_words(
        self, bob: Wire, library: str, query: str, seqs: list[int] | None
    ) -> None:
        answer = bob.ask("search", query=query, conversation=library)
        if seqs is not None:
            assert [message["seq"] for message in answer["messages"]] == seqs
        assert bob.ask("ping")["type"] == "pong"

    def test_search_finds_readable_messages_only(self, carol: Wire, library: str) -> None:
        assert carol.request("search", query="quick fox")["messages"] == []
        assert carol.refusal("search", query="fox", conversation=library) == "not_a_member"

    def test_search_returns_pages(self, bob: Wire, library: str) -> None:
        results = bob.request("search", query="fox", conversation=library, limit=1)
        assert ([message["seq"] for message in results["messages"]], results["more"]) == ([4], True)
        assert bob.refusal("search", query="fox", before="yesterday") == "bad_frame"
        nothing = bob.request("search", query="fox", conversation=library, before="2020-01-01T00:00:00.000Z")
        assert (nothing["messages"], nothing["more"]) == ([], False)

    def test_search_without_conversation_finds_all(self, alice: Wire, bob: Wire, library: str) -> None:
        alice.request("add_friend", username=bob.username)
        alice.request("send", to=bob.name, text="a Fox in private")
        messages = bob.request("search", query="fox")["messages"]
        assert [message["conversation"] for message in messages] == [alice.name, library, library]


def page(wire: Wire, conversation: str, **fields: int) -> tuple[list[int], bool]:
    answer = wire.request("history", conversation=conversation, **fields)
    return [message["seq"] for message in answer["messages"]], answer["more"]


def mine(wire: Wire, room: str) -> Json:
    rooms: list[Json] = wire.request("list_rooms")["rooms"]
    return next(listed for listed in rooms if listed["room"] == room)
