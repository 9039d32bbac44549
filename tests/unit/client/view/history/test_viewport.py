"""Which rows are visible, and that they stay when the content changes."""

from collections.abc import Hashable

import pytest

from chatroom.client.model.state import ClientNote, ClientState, DeliveryState, PendingMessage
from chatroom.client.text import i18n
from chatroom.client.view.draw.text import Row
from chatroom.client.view.history.content import ConversationContent
from chatroom.client.view.history.viewport import (
    ContentEdge,
    ContentSnapshot,
    ScrollPosition,
    ViewAnchor,
    VisibleRows,
    centered_position,
    scrolled_position,
    visible_rows_at,
)
from tests.unit.client.view.fake import add_messages, add_room, make_message

WIDTH, HEIGHT = 60, 10


@pytest.fixture(autouse=True)
def english() -> None:
    i18n.use_language("en")


@pytest.fixture
def state() -> ClientState:
    """The state of Alice, with a room of fifty messages."""
    state = ClientState(username="Alice")
    add_room(state, says=50)
    return state


def content_of(state: ClientState) -> ConversationContent:
    return ConversationContent(state, state.conversations["#thuhole"])


def snapshot_of(state: ClientState, width: int = WIDTH) -> ContentSnapshot:
    return ContentSnapshot(content_of(state), width)


def view(
    state: ClientState, position: ScrollPosition = ContentEdge.END, width: int = WIDTH, height: int = HEIGHT
) -> VisibleRows:
    return visible_rows_at(snapshot_of(state, width), position, height)


def texts(visible: VisibleRows) -> list[str]:
    return [row_text(row).rpartition(":")[2] for row in visible.rows]


def block_keys(state: ClientState) -> list[Hashable]:
    content = content_of(state)
    return [content.block_key(block) for block in range(len(content))]


def row_text(row: Row) -> str:
    return "".join(part for _, part in row)


def test_view_at_the_end_shows_the_newest_message(state: ClientState) -> None:
    assert texts(view(state)) == [f"message {seq}" for seq in range(41, 51)]
    add_messages(state, "#thuhole", "new")
    assert texts(view(state))[-1] == "new"


def test_refused_line_stays_between_its_messages(state: ClientState) -> None:
    conversation = state.conversations["#thuhole"]
    conversation.pending = [
        PendingMessage(
            cid="c", conversation=conversation.name, text="?", delivery=DeliveryState.REFUSED, after=50
        )
    ]
    assert block_keys(state)[-2:] == [50, "c"]
    add_messages(state, "#thuhole", "new")
    assert block_keys(state)[-3:] == [50, "c", 51]
    assert content_of(state).count_below(content_of(state).block_of(50)) == 1


def test_scrolled_view_does_not_move_when_a_message_arrives(state: ClientState) -> None:
    position = scrolled_position(snapshot_of(state), view(state), -8)
    before = view(state, position)
    assert texts(before)[-1] == "message 42"
    add_messages(state, "#thuhole", "new")
    assert view(state, before.position).rows == before.rows
    assert content_of(state).count_below(before.bottom.block) == 9


def test_view_does_not_move_when_older_messages_are_loaded(state: ClientState) -> None:
    conversation = state.conversations["#thuhole"]
    older, conversation.timeline.messages = (
        conversation.timeline.messages[:30],
        conversation.timeline.messages[30:],
    )
    conversation.timeline.more = True
    top = view(state, scrolled_position(snapshot_of(state), view(state), -100))
    assert texts(top)[2] == "message 31"
    conversation.timeline.messages = older + conversation.timeline.messages
    after = view(state, top.position)
    assert texts(after)[2:] == texts(top)[2:]
    assert texts(after)[:2] == ["message 29", "message 30"]


def test_lowest_message_stays_when_the_pane_is_resized(state: ClientState) -> None:
    position = scrolled_position(snapshot_of(state), view(state), -20)
    assert texts(view(state, position))[-1] == "message 30"
    assert row_text(view(state, position, width=25).rows[-1]).endswith("message 30")
    assert texts(view(state, position, height=3)) == ["message 28", "message 29", "message 30"]


def test_view_at_the_start_fills_the_pane(state: ClientState) -> None:
    visible = view(state, ContentEdge.START)
    assert texts(visible)[2:] == [f"message {seq}" for seq in range(1, 9)]
    assert visible.position == ViewAnchor(8)


def test_scrolling_to_the_end_follows_new_messages_again(state: ClientState) -> None:
    up = view(state, scrolled_position(snapshot_of(state), view(state), -8))
    assert view(state, scrolled_position(snapshot_of(state), up, 8)).position is ContentEdge.END


def test_centered_message_is_in_the_middle(state: ClientState) -> None:
    content = content_of(state)
    visible = view(state, centered_position(ContentSnapshot(content, WIDTH), content.block_of(25), HEIGHT))
    assert texts(visible).index("message 25") == HEIGHT // 2 - 1


def test_notes_keep_their_positions_above_unconfirmed_lines(state: ClientState) -> None:
    state.notes.append(ClientNote("logged_out", conversation="#thuhole", after=49))
    state.notes.append(ClientNote("logged_out", conversation="#thuhole", after=50))
    state.notes.append(ClientNote("logged_out", conversation="#other", after=50))
    state.conversations["#thuhole"].pending.append(PendingMessage("c", "#thuhole", "mine"))
    lines = [row_text(row) for row in view(state).rows[-5:]]
    note = f"--- {i18n.translate('logged_out')}"
    assert lines[1::2] == [note, note]
    assert [line.rpartition(":")[2] for line in lines[::2]] == ["message 49", "message 50", "mine [sending…]"]
    content = content_of(state)
    assert [content.find_block(content.block_key(block)) for block in range(len(content))] == list(
        range(len(content))
    )
    assert [content.count_below(len(content) - 1 - step) for step in range(5)] == [0, 1, 1, 2, 2]


def test_position_of_a_missing_block_is_the_end(state: ClientState) -> None:
    assert texts(view(state, ViewAnchor("no such cid")))[-1] == "message 50"


def test_empty_conversation_shows_a_hint() -> None:
    state = ClientState(username="Alice")
    add_room(state)
    (row,) = (row_text(row) for row in view(state).rows)
    assert row.startswith("──── no messages yet")


def test_long_history_renders_only_visible_blocks() -> None:
    """Only visible blocks are rendered."""
    state = ClientState(username="Alice")
    add_room(state).timeline.messages = [make_message(f"{seq}", seq=seq) for seq in range(1, 20_001)]
    rendered: list[int] = []

    class CountingContent(ConversationContent):
        def block_rows(self, block: int, width: int) -> list[Row]:
            rendered.append(block)
            return super().block_rows(block, width)

    content = CountingContent(state, state.conversations["#thuhole"])
    visible = visible_rows_at(ContentSnapshot(content, WIDTH), ContentEdge.END, HEIGHT)
    visible_rows_at(
        ContentSnapshot(content, WIDTH),
        scrolled_position(ContentSnapshot(content, WIDTH), visible, -HEIGHT),
        HEIGHT,
    )
    visible_rows_at(
        ContentSnapshot(content, WIDTH),
        centered_position(ContentSnapshot(content, WIDTH), content.block_of(10_000), HEIGHT),
        HEIGHT,
    )
    assert 2 * HEIGHT < len(rendered) < 10 * HEIGHT
