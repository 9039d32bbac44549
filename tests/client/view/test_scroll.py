"""What is in sight, and that it stays there."""

from collections.abc import Hashable

import pytest

from client import words
from client.model.state import Delivery, Note, Pending, State
from client.view.scroll import Anchor, Edge, Picture, Place, Sight, around, move, picture
from client.view.story import ConversationStory
from client.view.text import Row
from tests.client.view.fake import arrive, message, room

WIDTH, HEIGHT = 60, 10


@pytest.fixture(autouse=True)
def english() -> None:
    words.use("en")


@pytest.fixture
def state() -> State:
    """Alice in a room of fifty messages."""
    found = State(username="Alice")
    room(found, says=50)
    return found


def story(state: State) -> ConversationStory:
    return ConversationStory(state, state.conversations["#thuhole"])


def sight(state: State, width: int = WIDTH) -> Sight:
    return Sight(story(state), width)


def look(state: State, place: Place = Edge.END, width: int = WIDTH, height: int = HEIGHT) -> Picture:
    return picture(sight(state, width), place, height)


def said(seen: Picture) -> list[str]:
    return [last(row).rpartition(":")[2] for row in seen.rows]


def names(state: State) -> list[Hashable]:
    told = story(state)
    return [told.name(block) for block in range(len(told))]


def last(row: Row) -> str:
    return "".join(part for _, part in row)


def test_at_the_end_the_newest_is_lowest(state: State) -> None:
    assert said(look(state)) == [f"message {seq}" for seq in range(41, 51)]
    arrive(state, "#thuhole", "new")
    assert said(look(state))[-1] == "new"


def test_a_line_that_was_refused_goes_up_with_the_messages_around_it(state: State) -> None:
    one = state.conversations["#thuhole"]
    one.pending = [Pending(cid="c", conversation=one.name, text="?", delivery=Delivery.REFUSED, after=50)]
    assert names(state)[-2:] == [50, "c"]
    arrive(state, "#thuhole", "new")
    assert names(state)[-3:] == [50, "c", 51]
    assert story(state).below(story(state).block_of(50)) == 1


def test_scrolled_up_nothing_moves_when_a_message_arrives(state: State) -> None:
    place = move(sight(state), look(state), -8)
    before = look(state, place)
    assert said(before)[-1] == "message 42"
    arrive(state, "#thuhole", "new")
    assert look(state, before.place).rows == before.rows
    assert story(state).below(before.bottom.block) == 9


def test_nothing_moves_when_older_ones_come_above(state: State) -> None:
    one = state.conversations["#thuhole"]
    older, one.timeline.messages = one.timeline.messages[:30], one.timeline.messages[30:]
    one.timeline.more = True
    top = look(state, move(sight(state), look(state), -100))
    assert said(top)[2] == "message 31"
    one.timeline.messages = older + one.timeline.messages
    after = look(state, top.place)
    assert said(after)[2:] == said(top)[2:]
    assert said(after)[:2] == ["message 29", "message 30"]


def test_the_lowest_message_stays_when_the_pane_changes(state: State) -> None:
    place = move(sight(state), look(state), -20)
    assert said(look(state, place))[-1] == "message 30"
    assert last(look(state, place, width=25).rows[-1]).endswith("message 30")
    assert said(look(state, place, height=3)) == ["message 28", "message 29", "message 30"]


def test_at_the_start_the_pane_is_filled_downwards(state: State) -> None:
    seen = look(state, Edge.START)
    assert said(seen)[2:] == [f"message {seq}" for seq in range(1, 9)]
    assert seen.place == Anchor(8)


def test_scrolling_down_to_the_end_follows_again(state: State) -> None:
    up = look(state, move(sight(state), look(state), -8))
    assert look(state, move(sight(state), up, 8)).place is Edge.END


def test_a_message_can_be_shown_in_the_middle(state: State) -> None:
    one = story(state)
    seen = look(state, around(Sight(one, WIDTH), one.block_of(25), HEIGHT))
    assert said(seen).index("message 25") == HEIGHT // 2 - 1


def test_notes_keep_their_places_and_unconfirmed_lines_stand_below(state: State) -> None:
    state.notes.append(Note("logged_out", conversation="#thuhole", after=49))
    state.notes.append(Note("logged_out", conversation="#thuhole", after=50))
    state.notes.append(Note("logged_out", conversation="#other", after=50))
    state.conversations["#thuhole"].pending.append(Pending("c", "#thuhole", "mine"))
    lines = [last(row) for row in look(state).rows[-5:]]
    note = f"--- {words.say('logged_out')}"
    assert lines[1::2] == [note, note]
    assert [line.rpartition(":")[2] for line in lines[::2]] == ["message 49", "message 50", "mine [sending…]"]
    one = story(state)
    assert [one.find(one.name(block)) for block in range(len(one))] == list(range(len(one)))
    assert [one.below(len(one) - 1 - step) for step in range(5)] == [0, 1, 1, 2, 2]


def test_a_place_whose_block_is_gone_is_the_end(state: State) -> None:
    assert said(look(state, Anchor("no such cid")))[-1] == "message 50"


def test_an_empty_conversation_says_only_what_to_do() -> None:
    state = State(username="Alice")
    room(state)
    (row,) = (last(row) for row in look(state).rows)
    assert row.startswith("──── nothing was said here yet")


def test_a_long_history_is_looked_at_no_closer_than_a_short_one() -> None:
    """Only the blocks in sight are made into rows, wherever one has scrolled to."""
    state = State(username="Alice")
    room(state).timeline.messages = [message(f"{seq}", seq=seq) for seq in range(1, 20_001)]
    looked: list[int] = []

    class Watched(ConversationStory):
        def rows(self, block: int, width: int) -> list[Row]:
            looked.append(block)
            return super().rows(block, width)

    one = Watched(state, state.conversations["#thuhole"])
    seen = picture(Sight(one, WIDTH), Edge.END, HEIGHT)
    picture(Sight(one, WIDTH), move(Sight(one, WIDTH), seen, -HEIGHT), HEIGHT)
    picture(Sight(one, WIDTH), around(Sight(one, WIDTH), one.block_of(10_000), HEIGHT), HEIGHT)
    assert len(looked) < 10 * HEIGHT
