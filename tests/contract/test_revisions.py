"""Edits, deletions, reactions and replies, and history pages that begin at a time."""

from uuid import uuid4

import pytest

from tests.conftest import Serve
from tests.support.processes import Json, Server, Wire


@pytest.fixture
def inside(alice: Wire, bob: Wire, room: str) -> str:
    """A room of Alice's that she and Bob have entered; its first two messages are their notices."""
    alice.request("enter_room", room=room, nickname="ALICE")
    bob.request("enter_room", room=room, nickname="BOB")
    return room


def say(wire: Wire, to: str, text: str = "hi") -> int:
    seq: int = wire.request("send", to=to, text=text)["seq"]
    return seq


def change(wire: Wire, to: str, kind: str, target: int, text: str = "") -> int:
    seq: int = wire.request("send", to=to, kind=kind, target=target, text=text)["seq"]
    return seq


def page(wire: Wire, conversation: str, **fields: object) -> list[Json]:
    messages: list[Json] = wire.request("history", conversation=conversation, **fields)["messages"]
    return messages


def shown(wire: Wire, conversation: str, seq: int) -> Json:
    """Return a message as the history shows it now."""
    return page(wire, conversation, after=seq - 1, limit=1)[0]


class TestEdit:
    def test_edit_is_delivered_to_all_members(self, alice: Wire, bob: Wire, inside: str) -> None:
        seq = say(alice, inside, "teh")
        sent = alice.request("send", to=inside, kind="edit", target=seq, text="the", cid="e" + inside)
        expected = {
            "conversation": inside, "seq": seq + 1, "time": sent["time"], "kind": "edit",
            "username": alice.username, "nickname": "ALICE", "text": "the", "target": seq,
        }  # fmt: skip
        assert bob.message(kind="edit") == expected
        assert alice.message(kind="edit") == {**expected, "cid": "e" + inside}

    def test_history_shows_the_last_edit(self, alice: Wire, bob: Wire, carol: Wire, inside: str) -> None:
        seq = say(alice, inside, "teh")
        before = shown(bob, inside, seq)
        change(alice, inside, "edit", seq, "the")
        edited = alice.request("send", to=inside, kind="edit", target=seq, text="The")["time"]
        expected = {**before, "text": "The", "edited": edited}
        assert shown(bob, inside, seq) == expected
        entered = carol.request("enter_room", room=inside, nickname="CAROL")
        assert [message for message in entered["messages"] if message["seq"] == seq] == [expected]

    def test_replaced_text_is_not_readable(self, alice: Wire, bob: Wire, inside: str) -> None:
        seq = say(alice, inside, "my password is 111111")
        change(alice, inside, "edit", seq, "my password is 11")
        change(alice, inside, "edit", seq, "never mind")
        assert [message["text"] for message in page(bob, inside, after=seq - 1)] == ["never mind"] * 3

    def test_edit_by_another_user_is_refused(self, alice: Wire, bob: Wire, inside: str) -> None:
        seq = say(bob, inside)
        assert alice.refusal("send", to=inside, kind="edit", target=seq, text="ho") == "not_yours"
        assert shown(alice, inside, seq)["text"] == "hi"

    @pytest.mark.parametrize(("text", "code"), [(" \n", "empty_text"), ("x" * 4097, "text_too_long")])
    def test_invalid_edit_text_is_refused(self, alice: Wire, inside: str, text: str, code: str) -> None:
        seq = say(alice, inside)
        assert alice.refusal("send", to=inside, kind="edit", target=seq, text=text) == code

    def test_private_message_can_be_edited_by_its_author(self, alice: Wire, bob: Wire) -> None:
        alice.request("add_friend", username=bob.username)
        seq = say(alice, bob.name, "teh")
        change(alice, bob.name, "edit", seq, "the")
        assert bob.message(kind="edit")["conversation"] == alice.name
        assert shown(bob, alice.name, seq)["text"] == "the"
        assert bob.refusal("send", to=alice.name, kind="delete", target=seq, text="") == "not_yours"
        alice.request("remove_friend", username=bob.username)
        assert alice.refusal("send", to=bob.name, kind="edit", target=seq, text="x") == "not_friends"


class TestDelete:
    def test_deleted_text_is_not_readable(self, alice: Wire, bob: Wire, inside: str) -> None:
        seq = say(alice, inside, "secret")
        before = shown(bob, inside, seq)
        change(alice, inside, "edit", seq, "Secret")
        change(bob, inside, "react", seq, "👍")
        change(alice, inside, "delete", seq)
        assert bob.message(kind="delete")["target"] == seq
        assert shown(bob, inside, seq) == {**before, "text": "", "deleted": True}
        assert "ecret" not in str(page(bob, inside))

    def test_owner_deletes_messages_of_members(self, alice: Wire, bob: Wire, inside: str) -> None:
        seq, owners = say(bob, inside), say(alice, inside)
        change(alice, inside, "delete", seq)
        assert shown(bob, inside, seq)["deleted"] is True
        assert bob.refusal("send", to=inside, kind="delete", target=owners, text="") == "not_yours"

    def test_deleted_message_cannot_be_changed(self, alice: Wire, inside: str) -> None:
        seq = say(alice, inside)
        change(alice, inside, "delete", seq)
        for kind, text in (("edit", "x"), ("delete", ""), ("react", "👍"), ("unreact", "👍")):
            error = alice.ask("send", to=inside, kind=kind, target=seq, text=text)
            assert (error["code"], error["details"]) == ("bad_target", {"target": seq})

    def test_delete_with_text_is_refused(self, alice: Wire, inside: str) -> None:
        seq = say(alice, inside)
        assert alice.refusal("send", to=inside, kind="delete", target=seq, text="x") == "bad_frame"

    def test_resend_of_a_deleted_message_is_a_duplicate(self, alice: Wire, inside: str) -> None:
        message = {"to": inside, "text": "said in a tunnel", "cid": str(uuid4())}
        first = alice.request("send", **message)
        change(alice, inside, "delete", first["seq"])
        again = alice.request("send", **message)
        assert again == {**first, "id": again["id"], "duplicate": True}


class TestReact:
    def test_reactions_name_their_users(self, alice: Wire, bob: Wire, inside: str) -> None:
        seq = say(alice, inside, "lunch?")
        for wire, text in ((bob, "👍"), (alice, "🍜"), (alice, "👍"), (bob, "👍")):
            change(wire, inside, "react", seq, text)
        assert bob.message(kind="react", text="🍜")["target"] == seq
        reactions = shown(alice, inside, seq)["reactions"]
        assert reactions == {"👍": [bob.username, alice.username], "🍜": [alice.username]}

    def test_unreact_removes_own_reaction_only(self, alice: Wire, bob: Wire, inside: str) -> None:
        seq = say(alice, inside, "lunch?")
        change(alice, inside, "react", seq, "👍")
        change(bob, inside, "unreact", seq, "👍")
        assert shown(bob, inside, seq)["reactions"] == {"👍": [alice.username]}
        change(alice, inside, "unreact", seq, "👍")
        assert bob.message(kind="unreact", username=alice.username)["text"] == "👍"
        assert "reactions" not in shown(bob, inside, seq)

    @pytest.mark.parametrize("text", ["+1", "谢谢", "❤️", "👩\u200d👩\u200d👧\u200d👦", "x" * 32])
    def test_reaction_may_be_an_emoji_or_a_word(self, alice: Wire, inside: str, text: str) -> None:
        seq = say(alice, inside)
        change(alice, inside, "react", seq, text)
        assert list(shown(alice, inside, seq)["reactions"]) == [text]

    @pytest.mark.parametrize("text", ["", " ", "two words", "\x1b[1m", "\u200b", "\u202eabc", "x" * 33])
    def test_invalid_reaction_is_refused(self, alice: Wire, inside: str, text: str) -> None:
        seq = say(alice, inside)
        for kind in ("react", "unreact"):
            error = alice.ask("send", to=inside, kind=kind, target=seq, text=text)
            assert (error["code"], error["details"]) == ("bad_reaction", {"most": 32})

    def test_reactions_per_message_are_limited(self, serve: Serve) -> None:
        alice = serve(settings=("limits.reactions=2",)).user("Alice")
        alice.request("create_room", room="#thuhole", capacity=5)
        alice.request("enter_room", room="#thuhole", nickname="ALICE")
        seq = say(alice, "#thuhole")
        for text in "ab":
            change(alice, "#thuhole", "react", seq, text)
        error = alice.ask("send", to="#thuhole", kind="react", target=seq, text="c")
        assert (error["code"], error["details"]) == ("too_many_reactions", {"limit": 2})
        change(alice, "#thuhole", "react", seq, "a")
        change(alice, "#thuhole", "unreact", seq, "b")
        change(alice, "#thuhole", "react", seq, "c")
        assert list(shown(alice, "#thuhole", seq)["reactions"]) == ["a", "c"]


class TestReply:
    def test_reply_names_its_target(self, alice: Wire, bob: Wire, inside: str) -> None:
        question = say(alice, inside, "lunch?")
        answer = bob.request("send", to=inside, text="yes", target=question)["seq"]
        action = bob.request("send", to=inside, text="nods", kind="action", target=question)["seq"]
        assert alice.message(text="yes")["target"] == question
        assert [shown(alice, inside, seq)["target"] for seq in (answer, action)] == [question, question]
        assert "edited" not in shown(alice, inside, question)

    def test_edited_reply_keeps_its_target(self, alice: Wire, bob: Wire, inside: str) -> None:
        seq = say(alice, inside, "lunch?")
        answer = bob.request("send", to=inside, text="yes", target=seq)["seq"]
        change(bob, inside, "edit", answer, "no")
        assert shown(alice, inside, answer)["text"] == "no"
        assert shown(alice, inside, answer)["target"] == seq

    def test_deleted_message_can_be_replied_to(self, alice: Wire, bob: Wire, inside: str) -> None:
        seq = say(alice, inside, "lunch?")
        change(alice, inside, "delete", seq)
        assert bob.request("send", to=inside, text="yes", target=seq)["type"] == "sent"


KINDS = [("edit", "x"), ("delete", ""), ("react", "👍"), ("unreact", "👍"), ("text", "x"), ("action", "x")]
CHANGES = KINDS[:4]


class TestTarget:
    @pytest.mark.parametrize(("kind", "text"), KINDS)
    def test_target_must_be_a_message_of_the_conversation(
        self, alice: Wire, bob: Wire, inside: str, kind: str, text: str
    ) -> None:
        alice.request("add_friend", username=bob.username)
        for _ in range(9):
            say(alice, bob.name)
        notice, seq = 1, say(alice, inside)
        reaction = change(bob, inside, "react", seq, "👍")
        for target in (notice, reaction, reaction + 1, 2**53 - 1):
            assert alice.refusal("send", to=inside, kind=kind, target=target, text=text) == "bad_target"

    @pytest.mark.parametrize(("kind", "text"), CHANGES)
    def test_change_without_target_is_refused(self, alice: Wire, inside: str, kind: str, text: str) -> None:
        say(alice, inside)
        assert alice.refusal("send", to=inside, kind=kind, text=text) == "bad_frame"
        assert alice.refusal("send", to=inside, kind=kind, target=0, text=text) == "bad_frame"

    @pytest.mark.parametrize(("kind", "text"), KINDS)
    def test_change_without_send_permission_is_refused(
        self, alice: Wire, bob: Wire, carol: Wire, inside: str, kind: str, text: str
    ) -> None:
        seq = say(bob, inside)
        bob.request("leave_room", room=inside)
        if kind != "delete":  # authors may delete what they wrote
            assert bob.refusal("send", to=inside, kind=kind, target=seq, text=text) == "not_entered"
        assert carol.refusal("send", to=inside, kind=kind, target=seq, text=text) == "not_entered"
        assert carol.refusal("send", to=alice.name, kind=kind, target=seq, text=text) == "not_friends"

    @pytest.mark.parametrize(("kind", "text"), KINDS)
    def test_refused_change_is_not_stored(
        self, alice: Wire, bob: Wire, inside: str, kind: str, text: str
    ) -> None:
        head = say(bob, inside)
        alice.refusal("send", to=inside, kind=kind, target=1, text=text)
        assert page(alice, inside)[-1]["seq"] == head


class TestCid:
    @pytest.mark.parametrize(("kind", "text"), KINDS)
    def test_resend_returns_the_first_answer(self, alice: Wire, inside: str, kind: str, text: str) -> None:
        frame = {"to": inside, "kind": kind, "target": say(alice, inside), "text": text, "cid": str(uuid4())}
        first = alice.request("send", **frame)
        alice.request("leave_room", room=inside)
        again = alice.request("send", **frame)
        assert again == {**first, "id": again["id"], "duplicate": True}

    def test_resend_does_not_restore_a_removed_reaction(self, alice: Wire, inside: str) -> None:
        seq = say(alice, inside)
        frame = {"to": inside, "kind": "react", "target": seq, "text": "👍", "cid": str(uuid4())}
        alice.request("send", **frame)
        change(alice, inside, "unreact", seq, "👍")
        assert alice.request("send", **frame)["duplicate"] is True
        assert "reactions" not in shown(alice, inside, seq)

    def test_cid_with_other_target_is_refused(self, alice: Wire, inside: str) -> None:
        first, second, cid = say(alice, inside), say(alice, inside), str(uuid4())
        alice.request("send", to=inside, text="yes", target=first, cid=cid)
        assert alice.refusal("send", to=inside, text="yes", target=second, cid=cid) == "cid_reused"
        assert alice.refusal("send", to=inside, text="yes", cid=cid) == "cid_reused"


def test_changes_and_messages_keep_their_order(alice: Wire, bob: Wire, inside: str) -> None:
    seq = say(alice, inside)
    ids = []
    for number in range(30):
        ids.append(alice.start("send", to=inside, text=f"{number}"))
        ids.append(alice.start("send", to=inside, kind="edit", target=seq, text=f"{number}"))
    assert [alice.answer(id)["seq"] for id in ids] == list(range(seq + 1, seq + 61))
    stream = [bob.message(conversation=inside) for _ in range(62)][-60:]
    assert [message["text"] for message in stream] == [str(number // 2) for number in range(60)]
    assert shown(bob, inside, seq)["text"] == "29"


def test_change_may_be_sent_before_the_answer_to_its_message(alice: Wire, inside: str) -> None:
    """An edit can be sent before the answer to its target, because the next seq is predictable."""
    ids = [alice.start("send", to=inside, text="teh")]
    ids.append(alice.start("send", to=inside, kind="edit", target=3, text="the"))
    assert [alice.answer(id)["type"] for id in ids] == ["sent", "sent"]


def test_change_does_not_count_as_unread(alice: Wire, bob: Wire, inside: str) -> None:
    seq = say(bob, inside)
    change(bob, inside, "edit", seq, "ho")
    change(bob, inside, "react", seq, "👍")
    rooms = alice.request("list_rooms")["rooms"]
    [listed] = [room for room in rooms if room["room"] == inside]
    assert (listed["head"], listed["unread"]) == (seq + 2, 1)


def test_search_finds_the_current_text(alice: Wire, bob: Wire, inside: str) -> None:
    seq, gone = say(alice, inside, "apples"), say(alice, inside, "apples, too")
    change(alice, inside, "edit", seq, "oranges")
    change(bob, inside, "react", seq, "👍")
    change(alice, inside, "delete", gone)
    assert bob.request("search", query="apples", conversation=inside)["messages"] == []
    [result] = bob.request("search", query="oranges", conversation=inside)["messages"]
    assert result == shown(bob, inside, seq)


def test_changes_survive_a_restart(server: Server) -> None:
    alice = server.user("Alice")
    alice.request("create_room", room="#thuhole", capacity=5)
    alice.request("enter_room", room="#thuhole", nickname="ALICE")
    seq = say(alice, "#thuhole", "teh")
    change(alice, "#thuhole", "edit", seq, "the")
    change(alice, "#thuhole", "react", seq, "👍")
    server.kill()
    message = shown(server.start().connect().login("Alice"), "#thuhole", seq)
    assert (message["text"], message["reactions"]) == ("the", {"👍": ["Alice"]})


class TestAt:
    """A page that begins with the first message that is not older than a time."""

    def test_page_begins_at_the_time(self, alice: Wire, inside: str) -> None:
        seqs = [say(alice, inside, str(number)) for number in range(20)]
        for message in page(alice, inside):
            messages = page(alice, inside, at=message["time"], limit=1)
            assert messages[0]["time"] == message["time"]
            assert messages[0]["seq"] <= message["seq"]
        newest = page(alice, inside, at=page(alice, inside)[-1]["time"])
        assert newest[-1]["seq"] == seqs[-1]

    def test_more_is_true_if_newer_messages_follow(self, alice: Wire, inside: str) -> None:
        say(alice, inside)
        answer = alice.request("history", conversation=inside, at="2000-01-01T00:00:00Z", limit=2)
        assert ([message["seq"] for message in answer["messages"]], answer["more"]) == ([1, 2], True)
        answer = alice.request("history", conversation=inside, at="2000-01-01T08:00:00+08:00")
        assert ([message["seq"] for message in answer["messages"]], answer["more"]) == ([1, 2, 3], False)

    def test_page_after_the_newest_message_is_empty(self, alice: Wire, bob: Wire, inside: str) -> None:
        answer = alice.request("history", conversation=inside, at="9999-12-31T23:59:59.999Z")
        assert (answer["messages"], answer["more"]) == ([], False)
        alice.request("add_friend", username=bob.username)
        assert page(alice, bob.name, at="2000-01-01T00:00:00Z") == []

    def test_page_shows_current_texts(self, alice: Wire, inside: str) -> None:
        change(alice, inside, "edit", say(alice, inside), "ho")
        assert page(alice, inside, at="2000-01-01T00:00:00Z")[2]["text"] == "ho"

    @pytest.mark.parametrize(
        "at", ["", "yesterday", "2026-11-22", "2026-11-22T04:22:43", "2026-13-01T00:00Z"]
    )
    def test_invalid_time_is_refused(self, alice: Wire, inside: str, at: str) -> None:
        assert alice.refusal("history", conversation=inside, at=at) == "bad_frame"

    @pytest.mark.parametrize("other", ["before", "after"])
    def test_time_with_other_position_is_refused(self, alice: Wire, inside: str, other: str) -> None:
        place = {"at": "2000-01-01T00:00:00Z", other: 1}
        assert alice.refusal("history", conversation=inside, **place) == "bad_frame"

    def test_page_is_refused_to_non_members(self, carol: Wire, inside: str) -> None:
        assert carol.refusal("history", conversation=inside, at="2000-01-01T00:00:00Z") == "not_a_member"
