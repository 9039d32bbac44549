"""What is in sight, and that it stays there."""

from collections.abc import Hashable

import pytest
from chatroom.client.model.state import ClientNote, ClientState, DeliveryState, PendingMessage
from chatroom.client.text import i18n
from chatroom.client.view.draw.text import Row
from chatroom.client.view.history.content import ConversationContent
from chatroom.client.view.history.viewport import (
    ContentEdge,
    ContentSnapshot,
    Place,
    ViewAnchor,
    ViewPicture,
    move_place,
    place_around,
    take_picture,
)

from tests.unit.client.view.fake import arrive, message, room

WIDTH, HEIGHT = 60, 10


@pytest.fixture(autouse=True)
def english() -> None:
    i18n.use_language("en")


@pytest.fixture
def state() -> ClientState:
    """Alice in a room of fifty messages."""
    found = ClientState(username="Alice")
    room(found, says=50)
    return found


def story(state: ClientState) -> ConversationContent:
    return ConversationContent(state, state.conversations["#thuhole"])


def sight(state: ClientState, width: int = WIDTH) -> ContentSnapshot:
    return ContentSnapshot(story(state), width)


def look(
    state: ClientState, place: Place = ContentEdge.END, width: int = WIDTH, height: int = HEIGHT
) -> ViewPicture:
    return take_picture(sight(state, width), place, height)


def said(seen: ViewPicture) -> list[str]:
    return [last(row).rpartition(":")[2] for row in seen.rows]


def names(state: ClientState) -> list[Hashable]:
    told = story(state)
    return [told.block_name(block) for block in range(len(told))]


def last(row: Row) -> str:
    return "".join(part for _, part in row)


def test_at_the_end_the_newest_is_lowest(state: ClientState) -> None:
    assert said(look(state)) == [f"message {seq}" for seq in range(41, 51)]
    arrive(state, "#thuhole", "new")
    assert said(look(state))[-1] == "new"


def test_a_line_that_was_refused_goes_up_with_the_messages_around_it(state: ClientState) -> None:
    one = state.conversations["#thuhole"]
    one.pending = [
        PendingMessage(cid="c", conversation=one.name, text="?", delivery=DeliveryState.REFUSED, after=50)
    ]
    assert names(state)[-2:] == [50, "c"]
    arrive(state, "#thuhole", "new")
    assert names(state)[-3:] == [50, "c", 51]
    assert story(state).count_below(story(state).block_of(50)) == 1


def test_scrolled_up_nothing_moves_when_a_message_arrives(state: ClientState) -> None:
    place = move_place(sight(state), look(state), -8)
    before = look(state, place)
    assert said(before)[-1] == "message 42"
    arrive(state, "#thuhole", "new")
    assert look(state, before.place).rows == before.rows
    assert story(state).count_below(before.bottom.block) == 9


def test_nothing_moves_when_older_ones_come_above(state: ClientState) -> None:
    one = state.conversations["#thuhole"]
    older, one.timeline.messages = one.timeline.messages[:30], one.timeline.messages[30:]
    one.timeline.more = True
    top = look(state, move_place(sight(state), look(state), -100))
    assert said(top)[2] == "message 31"
    one.timeline.messages = older + one.timeline.messages
    after = look(state, top.place)
    assert said(after)[2:] == said(top)[2:]
    assert said(after)[:2] == ["message 29", "message 30"]


def test_the_lowest_message_stays_when_the_pane_changes(state: ClientState) -> None:
    place = move_place(sight(state), look(state), -20)
    assert said(look(state, place))[-1] == "message 30"
    assert last(look(state, place, width=25).rows[-1]).endswith("message 30")
    assert said(look(state, place, height=3)) == ["message 28", "message 29", "message 30"]


def test_at_the_start_the_pane_is_filled_downwards(state: ClientState) -> None:
    seen = look(state, ContentEdge.START)
    assert said(seen)[2:] == [f"message {seq}" for seq in range(1, 9)]
    assert seen.place == ViewAnchor(8)


def test_scrolling_down_to_the_end_follows_again(state: ClientState) -> None:
    up = look(state, move_place(sight(state), look(state), -8))
    assert look(state, move_place(sight(state), up, 8)).place is ContentEdge.END


def test_a_message_can_be_shown_in_the_middle(state: ClientState) -> None:
    one = story(state)
    seen = look(state, place_around(ContentSnapshot(one, WIDTH), one.block_of(25), HEIGHT))
    assert said(seen).index("message 25") == HEIGHT // 2 - 1


def test_notes_keep_their_places_and_unconfirmed_lines_stand_below(state: ClientState) -> None:
    state.notes.append(ClientNote("logged_out", conversation="#thuhole", after=49))
    state.notes.append(ClientNote("logged_out", conversation="#thuhole", after=50))
    state.notes.append(ClientNote("logged_out", conversation="#other", after=50))
    state.conversations["#thuhole"].pending.append(PendingMessage("c", "#thuhole", "mine"))
    lines = [last(row) for row in look(state).rows[-5:]]
    note = f"--- {i18n.translate('logged_out')}"
    assert lines[1::2] == [note, note]
    assert [line.rpartition(":")[2] for line in lines[::2]] == ["message 49", "message 50", "mine [sending…]"]
    one = story(state)
    assert [one.find_block(one.block_name(block)) for block in range(len(one))] == list(range(len(one)))
    assert [one.count_below(len(one) - 1 - step) for step in range(5)] == [0, 1, 1, 2, 2]


def test_a_place_whose_block_is_gone_is_the_end(state: ClientState) -> None:
    assert said(look(state, ViewAnchor("no such cid")))[-1] == "message 50"


def test_an_empty_conversation_says_only_what_to_do() -> None:
    state = ClientState(username="Alice")
    room(state)
    (row,) = (last(row) for row in look(state).rows)
    assert row.startswith("──── nothing was said here yet")


def test_a_long_history_is_looked_at_no_closer_than_a_short_one() -> None:
    """Only the blocks in sight are made into rows, wherever one has scrolled to."""
    state = ClientState(username="Alice")
    room(state).timeline.messages = [message(f"{seq}", seq=seq) for seq in range(1, 20_001)]
    looked: list[int] = []

    class Watched(ConversationContent):
        def rows(self, block: int, width: int) -> list[Row]:
            looked.append(block)
            return super().block_rows(block, width)

    one = Watched(state, state.conversations["#thuhole"])
    seen = take_picture(ContentSnapshot(one, WIDTH), ContentEdge.END, HEIGHT)
    take_picture(ContentSnapshot(one, WIDTH), move_place(ContentSnapshot(one, WIDTH), seen, -HEIGHT), HEIGHT)
    take_picture(
        ContentSnapshot(one, WIDTH),
        place_around(ContentSnapshot(one, WIDTH), one.block_of(10_000), HEIGHT),
        HEIGHT,
    )
    assert len(looked) < 10 * HEIGHT
