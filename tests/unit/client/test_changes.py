"""Edits, deletions and reactions in any order of arrival give the state of a fresh page."""

from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from msgspec import UNSET, UnsetType
from msgspec.structs import replace

from chatroom.client.model import apply, select
from chatroom.client.model.state import ClientState
from chatroom.protocol.values import CHANGE_KINDS, Message
from tests.unit.client.fake_server import room
from tests.unit.client.test_apply import log_in, msg, page, tell

SAID = 5
"""The number of messages at the start; all later ones are changes of them."""


def revised(log: list[Message], upto: int) -> list[Message]:
    """Return the log as a page shows it when ``upto`` messages are stored."""
    return [_as_it_stands(log[:upto], message) for message in log[:upto]]


def _as_it_stands(log: list[Message], message: Message) -> Message:
    target = message.target if message.kind == "edit" else message.seq
    done = [each for each in log if each.kind in CHANGE_KINDS and each.target == target]
    text, deleted = message.text, any(each.kind == "delete" for each in done)
    edited: str | UnsetType = UNSET
    reactions: dict[str, list[str]] = {}
    for each in done:
        if each.kind == "edit":
            text, edited = each.text, each.time
        elif each.kind == "react" and each.username not in reactions.get(each.text, []):
            reactions.setdefault(each.text, []).append(each.username)
        elif each.kind == "unreact" and each.username in reactions.get(each.text, []):
            reactions[each.text].remove(each.username)
    if message.kind == "edit":
        return replace(message, text="" if deleted else text)
    if message.kind in CHANGE_KINDS or not done:
        return message
    if deleted:
        return replace(message, text="", deleted=True)
    left = {reaction: names for reaction, names in reactions.items() if names}
    return replace(message, text=text, edited=edited, reactions=left or UNSET)


@st.composite
def logs(draw: st.DrawFn) -> list[Message]:
    """Draw the initial messages and some changes of them. A deleted message is not changed."""
    log = [msg(seq) for seq in range(1, SAID + 1)]
    for seq in range(SAID + 1, SAID + draw(st.integers(1, 12)) + 1):
        dead = {each.target for each in log if each.kind == "delete"}
        alive = [target for target in range(1, SAID + 1) if target not in dead]
        if not alive:
            break
        kind = draw(st.sampled_from(sorted(CHANGE_KINDS)))
        text = {"edit": f"edit {seq}", "delete": ""}.get(kind) or draw(st.sampled_from("👍❤"))
        username = draw(st.sampled_from(["Bob", "Carol"]))
        made = msg(seq, kind=kind, target=draw(st.sampled_from(alive)), username=username)
        log.append(replace(made, text="" if kind == "delete" else text))
    return log


def shown(messages: list[Message]) -> list[Message]:
    """The visible messages; changes themselves are not drawn."""
    return [message for message in messages if message.kind not in CHANGE_KINDS]


steps = st.lists(st.tuples(st.booleans(), st.integers(0, 3), st.integers(0, 20)), max_size=30)
"""Whether it is an event or a page, how many messages were stored since, and where the page begins."""


@given(logs(), steps)
def test_changes_in_any_order_give_state_of_fresh_page(
    log: list[Message], steps: list[tuple[bool, int, int]]
) -> None:
    state = ClientState()
    log_in(state, room(head=0))
    timeline = state.conversations["#lab"].timeline
    now = 0  # stored so far
    for is_event, more, at in [*steps, *([(True, 0, 0)] * len(log))]:
        now = min(len(log), max(now + more, timeline.last))
        if not is_event:
            page(state, *revised(log, now)[at : at + 3], after=at)
        elif timeline.last < len(log):
            tell(state, log[timeline.last])
    assert shown(timeline.messages) == shown(revised(log, len(log))[timeline.first - 1 :])


def change(seq: int, kind: str, target: int, text: str = "", **fields: Any) -> Message:
    return replace(msg(seq, kind=kind, target=target, **fields), text=text)


def lab(*messages: Message) -> ClientState:
    state = ClientState()
    log_in(state, room(head=0))
    for message in messages:
        tell(state, message)
    return state


def first(state: ClientState) -> Message:
    return state.conversations["#lab"].timeline.messages[0]


def test_edit_replaces_text() -> None:
    edit = change(2, "edit", 1, "better")
    state = lab(msg(1), edit)
    assert (first(state).text, first(state).edited) == ("better", edit.time)
    assert state.conversations["#lab"].timeline.last == 2


def test_deleted_message_stays_deleted() -> None:
    state = lab(msg(1), change(2, "react", 1, "👍"), change(3, "delete", 1), change(4, "edit", 1, "again"))
    assert (first(state).text, first(state).deleted, first(state).reactions) == ("", True, UNSET)


def test_reactions_are_added_and_removed() -> None:
    state = lab(msg(1), change(2, "react", 1, "👍"), change(3, "react", 1, "👍", username="Carol"))
    assert first(state).reactions == {"👍": ["Bob", "Carol"]}
    tell(state, change(4, "unreact", 1, "👍"))
    tell(state, change(5, "unreact", 1, "👍", username="Carol"))
    assert first(state).reactions is UNSET


def test_change_does_not_count_as_unread() -> None:
    state = lab(msg(1), change(2, "edit", 1, "Alice, look"), change(3, "react", 1, "👍"))
    conversation = state.conversations["#lab"]
    assert (conversation.unread, conversation.mentions) == (1, 0)


def test_page_with_edited_message_is_no_conflict() -> None:
    state = lab(msg(1), msg(2))
    page(state, replace(msg(1), text="better", edited=msg(9).time), msg(2), after=0)
    assert len(state.conversations["#lab"].timeline.messages) == 2
    assert first(state).text == "better"


class TestGoingBack:
    """A second range of old messages is kept apart until it touches the timeline."""

    LOG = tuple(msg(seq) for seq in range(1, 31))

    def state(self) -> ClientState:
        state = ClientState()
        log_in(state, room(head=30))
        page(state, *self.LOG[20:])
        apply.show_past_page(state, "#lab", list(self.LOG[4:9]))
        return state

    def test_past_page_leaves_timeline_growing(self) -> None:
        state = self.state()
        conversation = state.conversations["#lab"]
        tell(state, msg(31))
        assert (conversation.shown.first, conversation.shown.last, conversation.timeline.last) == (5, 9, 31)
        assert select.missing_after(conversation) is None

    def test_past_grows_until_it_joins_timeline(self) -> None:
        state = self.state()
        conversation = state.conversations["#lab"]
        page(state, *self.LOG[2:4], before=5)
        page(state, *self.LOG[9:14], after=9)
        assert (conversation.shown.first, conversation.shown.last) == (3, 14)
        page(state, *self.LOG[14:24], after=14)
        assert conversation.past is None
        assert (conversation.timeline.first, conversation.timeline.last) == (3, 30)
        assert [each.seq for each in conversation.timeline.messages] == list(range(3, 31))

    def test_change_of_old_message_is_applied_after_join(self) -> None:
        state = self.state()
        tell(state, change(31, "edit", 5, "better"))
        page(state, *self.LOG[9:24], after=9)
        assert state.conversations["#lab"].timeline.find(5) == replace(
            msg(5), text="better", edited=msg(31).time
        )

    def test_touching_page_joins_timeline(self) -> None:
        state = self.state()
        apply.show_past_page(state, "#lab", list(self.LOG[15:20]))
        conversation = state.conversations["#lab"]
        assert conversation.past is None
        assert conversation.timeline.first == 16

    def test_show_newest_drops_past(self) -> None:
        state = self.state()
        apply.show_newest(state, "#lab")
        assert state.conversations["#lab"].shown.last == 30
