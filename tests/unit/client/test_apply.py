"""The state does not depend on the order in which the history arrives."""

from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import UNSET

from chatroom.client.model import apply, select
from chatroom.client.model.runs import KEPT_MESSAGES
from chatroom.client.model.state import ClientState, DeliveryState, PendingMessage
from chatroom.protocol import events, requests, responses, values
from tests.unit.client.fake_server import friend, message, room


def msg(seq: int, text: str = "", **fields: Any) -> values.Message:
    return msgspec.convert(message(seq, text, **fields), values.Message)


def session(*rooms: dict[str, Any], friends: tuple[dict[str, Any], ...] = ()) -> responses.Session:
    frame = {"type": "session", "id": 1, "username": "Alice", "token": "t"}
    return msgspec.convert(frame | {"rooms": list(rooms), "friends": list(friends)}, responses.Session)


def log_in(state: ClientState, *rooms: dict[str, Any], friends: tuple[dict[str, Any], ...] = ()) -> None:
    apply.apply_answer(
        state, requests.Login(id=1, username="Alice", password="111111"), session(*rooms, friends=friends)
    )


def tell(state: ClientState, message: values.Message) -> None:
    apply.apply_event(state, events.Message(message=message))


def page(state: ClientState, *messages: values.Message, more: bool = False, **where: int) -> None:
    asked = requests.History(
        id=1, conversation="#lab", before=where.get("before", UNSET), after=where.get("after", UNSET)
    )
    apply.apply_answer(state, asked, responses.History(id=1, messages=list(messages), more=more))


def texts(state: ClientState) -> list[str]:
    return [message.text for message in state.conversations["#lab"].timeline.messages]


LOG = [msg(seq) for seq in range(1, 31)]
"""All messages of the room."""


@given(st.data())
def test_events_and_pages_in_any_order_give_same_timeline(data: st.DataObject) -> None:
    state = ClientState()
    head = data.draw(st.integers(0, 30), label="head at login")
    log_in(state, room(head=head))
    lab = state.conversations["#lab"]
    for _ in range(data.draw(st.integers(0, 40), label="steps")):
        first = data.draw(st.integers(1, 30))
        if data.draw(st.booleans()):
            tell(state, LOG[first - 1])
        else:
            page(state, *LOG[first - 1 : first + 4], after=first - 1)
        assert lab.timeline.messages == LOG[max(0, lab.timeline.first - 1) : lab.timeline.last]
    tell(state, LOG[-1])
    if not lab.timeline.messages:
        page(state, *LOG[-5:], more=True)
    while (last := select.missing_after(lab)) is not None:
        page(state, *LOG[last : last + 5], after=last)
    while lab.timeline.more and lab.timeline.first > 1:
        before = lab.timeline.first
        page(state, *LOG[max(0, before - 6) : before - 1], before=before)
    fresh = ClientState()
    log_in(fresh, room(head=30))
    page(fresh, *LOG)
    shown = lab.timeline.messages
    assert shown[-1] == LOG[-1]
    assert shown == fresh.conversations["#lab"].timeline.messages[-len(shown) :]
    assert lab.head == 30


@given(st.lists(st.integers(1, 30), max_size=40), st.integers(0, 30))
def test_unread_counts_every_message_once(seqs: list[int], head: int) -> None:
    state = ClientState()
    log_in(state, room(head=head, unread=head))
    lab = state.conversations["#lab"]
    for seq in [*seqs, 30]:
        tell(state, LOG[seq - 1])
        if (last := select.missing_after(lab)) is not None:
            page(state, *LOG[last:], after=last)
    assert lab.unread == 30


def test_event_after_gap_is_not_applied() -> None:
    state = ClientState()
    log_in(state, room(head=2))
    tell(state, msg(3))
    tell(state, msg(6))
    assert texts(state) == ["number 3"]
    assert select.missing_after(state.conversations["#lab"]) == 3
    page(state, msg(4), msg(5), msg(6), after=3)
    assert texts(state) == ["number 3", "number 4", "number 5", "number 6"]
    assert select.missing_after(state.conversations["#lab"]) is None


def test_contradicting_page_replaces_timeline() -> None:
    state = ClientState()
    log_in(state, room(head=3))
    page(state, msg(1), msg(2), msg(3))
    page(state, msg(3, "another one"), msg(4), after=2)
    assert texts(state) == ["another one", "number 4"]
    assert state.conversations["#lab"].timeline.more


def test_messages_lost_by_server_are_removed() -> None:
    state = ClientState()
    log_in(state, room(head=3))
    page(state, msg(1), msg(2), msg(3))
    log_in(state, room(head=2))
    assert texts(state) == []
    assert state.conversations["#lab"].head == 2


def test_newest_page_replaces_separate_timeline() -> None:
    state = ClientState()
    log_in(state, room(head=2))
    page(state, msg(1), msg(2))
    log_in(state, room(head=5000, unread=4998))
    page(state, msg(4999), msg(5000), more=True)
    assert texts(state) == ["number 4999", "number 5000"]
    assert state.conversations["#lab"].unread == 4998


def test_dropped_messages_are_reloaded_with_changes() -> None:
    state = ClientState()
    log_in(state, room(head=0))
    lab = state.conversations["#lab"]
    tell(state, msg(1, "Helo"))
    tell(state, msg(2, "Hello", kind="edit", target=1))
    for seq in range(3, 2 * KEPT_MESSAGES + 1):
        tell(state, msg(seq))
    assert (lab.timeline.first, lab.timeline.last) == (KEPT_MESSAGES + 1, 2 * KEPT_MESSAGES)
    assert lab.timeline.more
    assert not lab.timeline.changes
    page(state, *(msg(seq) for seq in range(KEPT_MESSAGES - 99, KEPT_MESSAGES + 1)), before=KEPT_MESSAGES + 1)
    assert lab.timeline.first == KEPT_MESSAGES - 99


def test_messages_are_kept_while_scrolled_up() -> None:
    state = ClientState()
    log_in(state, room(head=0))
    lab = state.conversations["#lab"]
    apply.set_keeps_all(state, "#lab", True)
    for seq in range(1, 2 * KEPT_MESSAGES + 2):
        tell(state, msg(seq))
    assert lab.timeline.first == 1
    apply.set_keeps_all(state, "#lab", False)
    tell(state, msg(2 * KEPT_MESSAGES + 2))
    assert len(lab.timeline.messages) == KEPT_MESSAGES


def test_read_event_only_lowers_unread_count() -> None:
    state = ClientState()
    log_in(state, room(head=0))
    for seq in range(1, 5):
        tell(state, msg(seq))
    lab = state.conversations["#lab"]
    assert lab.unread == 4
    apply.apply_event(state, events.Read(conversation="#lab", seq=3))
    assert (lab.read, lab.unread) == (3, 1)
    apply.apply_event(state, events.Read(conversation="#lab", seq=1))
    assert (lab.read, lab.unread) == (3, 1)
    apply.apply_event(state, events.Read(conversation="#lab", seq=99))
    assert (lab.read, lab.unread) == (4, 0)


def test_only_messages_of_others_count_as_unread() -> None:
    state = ClientState()
    log_in(state, room(head=0))
    tell(state, msg(1, kind="enter", text=""))
    tell(state, msg(2, username="Alice"))
    tell(state, msg(3, kind="action"))
    assert state.conversations["#lab"].unread == 1


def test_mention_is_user_name_or_nickname_as_word() -> None:
    state = ClientState()
    log_in(state, room(head=0, nickname="小爱"))
    lab = state.conversations["#lab"]
    for seq, text in enumerate(["alice, look", "malice", "你好Alice在吗", "问问小爱", "nobody"], start=1):
        tell(state, msg(seq, text))
    assert lab.mentions == 3
    tell(state, msg(6, "I am Alice", username="Alice"))
    assert lab.mentions == 3
    apply.mark_read(state, "#lab", 6)
    assert lab.mentions == 0


@pytest.mark.parametrize(
    ("name", "text", "is_mention"),
    [
        ("Al", "Al?", True),
        ("Al", "Alé", False),
        ("Al", "Ale\u0301", False),
        ("Al", "éAl", False),
        ("Al", "Alя", False),
        ("Al", "Al_", False),
        ("Ale", "Ale\u0301", False),
        ("Al", "你好Al在吗", True),
        ("Al", "Al이 왔다", True),
        ("Zoé", "hi Zoé!", True),
        ("张三", "OK张三ok", True),
        ("张三", "问问张三", True),
        ("Лена", "Лена, привет", True),
        ("Лена", "Леная", False),
    ],
)
def test_mention_is_whole_word_in_any_script(name: str, text: str, is_mention: bool) -> None:
    state = ClientState()
    log_in(state, room(head=0, nickname=name))
    tell(state, msg(1, text))
    assert state.conversations["#lab"].mentions == int(is_mention)


def test_missed_messages_count_as_unscanned_after_reconnect() -> None:
    state = ClientState()
    log_in(state, room(head=0))
    lab = state.conversations["#lab"]
    tell(state, msg(1, "Alice?"))
    assert (lab.mention_seqs, lab.has_unscanned) == ({1}, False)
    log_in(state, room(head=3, unread=3))
    assert (lab.mention_seqs, lab.has_unscanned) == ({1}, True)
    page(state, msg(2), msg(3, "Alice!"), after=1)
    assert (lab.mention_seqs, lab.has_unscanned) == ({1, 3}, False)
    log_in(state, room(head=5000, unread=5000))
    page(state, msg(4999, "Alice."), msg(5000), more=True)
    assert (lab.mention_seqs, lab.has_unscanned) == ({1, 3, 4999}, True)
    apply.apply_unread_page(state, "#lab", [msg(4997, "Alice"), msg(4998)])
    assert (lab.mentions, lab.scanned_from) == (4, 4997)
    apply.mark_read(state, "#lab", 4998)
    assert (lab.mention_seqs, lab.has_unscanned) == ({4999}, False)


def test_own_message_is_pending_until_it_is_in_timeline() -> None:
    state = ClientState()
    log_in(state, room(head=0))
    lab = state.conversations["#lab"]
    apply.add_pending(state, PendingMessage(cid="c1", conversation="#lab", text="hi"))
    asked = requests.Send(id=1, to="#lab", text="hi", cid="c1")
    apply.apply_answer(state, asked, responses.Sent(id=1, cid="c1", seq=1, time="", duplicate=False))
    assert [pending.cid for pending in lab.pending] == ["c1"]
    tell(state, msg(1, "hi", username="Alice", cid="c1"))
    assert lab.pending == []


def test_refused_message_stays_until_cleared() -> None:
    state = ClientState()
    log_in(state, room(head=0))
    apply.add_pending(state, PendingMessage(cid="c1", conversation="#lab", text="hi"))
    apply.refuse_pending(state, "c1", "text_too_long", {"limit": 1})
    pending = state.conversations["#lab"].pending[0]
    assert (pending.delivery, pending.error) == (DeliveryState.REFUSED, "text_too_long")
    assert pending.facts == {"limit": 1}
    apply.clear_notes(state, "#lab")
    assert state.conversations["#lab"].pending == []


def test_roster_follows_notices_and_presence() -> None:
    state = ClientState()
    log_in(state, room(head=0))
    tell(state, msg(1, kind="enter", text="", username="Carol", nickname="CC"))
    lab = state.conversations["#lab"]
    assert [(member.username, member.nickname, member.entered) for member in lab.roster] == [
        ("Carol", "CC", True)
    ]
    apply.apply_event(state, events.Presence(username="Carol", online=False))
    tell(state, msg(2, kind="leave", text="", username="Carol", nickname="CC"))
    assert (lab.roster[0].entered, lab.roster[0].online) == (False, False)


def test_roster_stays_in_display_order() -> None:
    state = ClientState()
    log_in(state, room(head=0))
    seats = [
        values.Member(username=name, nickname="", entered=name == "Zoe", online=name != "Al")
        for name in ("Al", "Bob", "Zoe")
    ]
    asked = requests.ListMembers(id=1, room="#lab")
    apply.apply_answer(state, asked, responses.Members(id=1, members=seats))

    def names() -> list[str]:
        return [member.username for member in state.conversations["#lab"].roster]

    assert names() == ["Zoe", "Bob", "Al"]
    apply.apply_event(state, events.Presence(username="Al", online=True))
    assert names() == ["Zoe", "Al", "Bob"]
    tell(state, msg(1, kind="enter", text="", username="Bob"))
    assert names() == ["Bob", "Zoe", "Al"]
    apply.apply_event(state, events.Presence(username="Stranger", online=True))
    assert names() == ["Bob", "Zoe", "Al"]


def test_room_resigned_elsewhere_loses_history() -> None:
    state = ClientState()
    log_in(state, room(head=1))
    page(state, msg(1))
    gone = room(member=False, entered=False, members=1)
    for field in ("head", "read", "unread"):
        del gone[field]
    apply.apply_event(state, events.Room(room=msgspec.convert(gone, values.Room)))
    lab = state.conversations["#lab"]
    assert (lab.member, lab.timeline.messages, lab.unread) == (False, [], 0)


def test_ended_friendship_stays_readable() -> None:
    state = ClientState()
    log_in(state, friends=(friend(head=2, unread=2),))
    former = msgspec.convert(friend(head=2, unread=2, online=False), values.Friend)
    apply.apply_event(state, events.Friend(friend=former, ended=True))
    bob = state.conversations["@Bob"]
    assert (bob.ended, bob.member, bob.unread) == (True, True, 2)
    assert select.list_friends(state) == []
    assert select.list_directs(state) == [bob]


def test_logout_clears_state() -> None:
    state = ClientState()
    log_in(state, room(head=1))
    apply.apply_answer(state, requests.Logout(id=2), responses.Ok(id=2))
    assert (state.username, state.conversations, state.current) == ("", {}, "")


def erase(seq: int) -> values.Message:
    return msg(seq, kind="erase", username="deleted-1a2b")


def test_erase_notice_drops_messages_loaded_before_it() -> None:
    state = ClientState()
    log_in(state, room(head=3))
    page(state, *LOG[:3])
    tell(state, erase(4))
    timeline = state.conversations["#lab"].timeline
    assert ([entry.seq for entry in timeline.messages], timeline.more) == ([4], True)
    page(state, msg(1), msg(2, deleted=True), msg(3), before=4)
    assert [entry.deleted for entry in timeline.messages] == [UNSET, True, UNSET, UNSET]


def test_page_with_erase_notice_replaces_messages_loaded_before() -> None:
    state = ClientState()
    log_in(state, room(head=3))
    page(state, *LOG[:3])
    log_in(state, room(head=5))
    page(state, erase(4), msg(5), after=3)
    assert [entry.seq for entry in state.conversations["#lab"].timeline.messages] == [4, 5]


def test_private_chat_with_erased_user_is_renamed_and_emptied() -> None:
    state = ClientState()
    log_in(state, friends=(friend(head=2),))
    [name] = state.conversations
    apply.switch_to(state, name)
    tell(state, msg(3, "secret", conversation=name))
    value = msgspec.convert(friend(head=2) | {"friend": "@deleted-1a2b"}, values.Friend)
    apply.apply_event(state, events.Friend(friend=value, ended=True, former=name))
    assert (list(state.conversations), state.current) == (["@deleted-1a2b"], "@deleted-1a2b")
    conversation = state.conversations["@deleted-1a2b"]
    assert (conversation.timeline.messages, conversation.ended) == ([], True)
