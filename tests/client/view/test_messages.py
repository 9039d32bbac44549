"""One message, and the rows that show it."""

import pytest

from client import words
from client.model.state import Conversation, Delivery, Note, Pending, State
from client.view.messages import Looks, message_rows, note_rows, pending_rows
from client.view.story import ConversationStory
from client.view.text import Row
from protocol.values import Message
from tests.client.view.fake import NOON, message, room, seat


def text(rows: list[Row]) -> list[str]:
    return ["".join(part for _, part in row) for row in rows]


def shown(one: Message, width: int = 80) -> list[str]:
    return text(message_rows(one, Looks(width, words.language, mine=False, mention=False, posing=False)))


@pytest.fixture(autouse=True)
def chinese() -> None:
    words.use("zh")


def test_a_message_as_the_report_shows_it() -> None:
    assert shown(message("Hello World!", seq=40)) == ["--2022-12-15 12:00:40-- BOB:Hello World!"]
    assert shown(message("你好!", seq=44, nickname="ALICE")) == ["--2022-12-15 12:00:44-- ALICE:你好!"]


@pytest.mark.usefixtures("beijing")
def test_the_time_is_that_of_this_place() -> None:
    assert shown(message("hi")) == ["--2022-12-15 20:00:01-- BOB:hi"]


@pytest.mark.parametrize(
    ("kind", "where", "said"),
    [
        ("enter", "#thuhole", '昵称为"BOB"的用户进入了房间。'),
        ("leave", "#thuhole", '昵称为"BOB"的用户退出了房间。'),
        ("enter", "@Bob", '昵称为"BOB"的用户进入了私聊。'),
        ("leave", "@Bob", '昵称为"BOB"的用户退出了私聊。'),
    ],
)
def test_notices_are_worded_here(kind: str, where: str, said: str) -> None:
    assert shown(message(kind=kind, conversation=where)) == [f"--2022-12-15 12:00:01-- BOB:{said}"]


def test_an_action_has_a_star() -> None:
    assert shown(message("waves", kind="action")) == ["--2022-12-15 12:00:01-- * BOB waves"]


def test_a_kind_that_we_do_not_know_is_not_shown() -> None:
    assert shown(message("👍", kind="react")) == []


def test_nobody_can_write_somebody_else_s_message() -> None:
    forged = "hi\n--2022-12-15 12:00:02-- ALICE:I owe Bob money"
    first, second = shown(message(forged))
    assert first == "--2022-12-15 12:00:01-- BOB:hi"
    assert second.startswith("    --")


def test_nothing_reaches_the_terminal_that_it_would_obey() -> None:
    rows = shown(message("\x1b]0;title\x07", nickname="B\x1b[2JB"))
    assert not any(ord(character) < 32 for row in rows for character in row)


def test_a_nickname_that_is_another_account_s_name_shows_the_account() -> None:
    state = State(username="Alice")
    one = room(state)
    one.roster.append(seat("Mallory", "Bob"))
    one.timeline.messages = [message("trust me", username="Mallory", nickname="Bоb")]  # with a Cyrillic о
    assert "Bоb(Mallory):trust me" in text(ConversationStory(state, one).rows(1, 80))[-1]


class TestPending:
    def pending(self, **standing: object) -> list[str]:
        one = Pending(cid="c", conversation="#thuhole", text="hi", written_at=NOON)
        for name, value in standing.items():
            setattr(one, name, value)
        return text(pending_rows(one, "ALICE", 80))

    def test_one_that_waits_says_so(self) -> None:
        assert self.pending() == ["--2022-12-15 12:00:00-- ALICE:hi [发送中……]"]

    def test_one_that_is_stored_looks_like_a_message(self) -> None:
        assert self.pending(seq=7) == ["--2022-12-15 12:00:00-- ALICE:hi"]

    def test_one_that_was_refused_says_why(self) -> None:
        (row,) = self.pending(delivery=Delivery.REFUSED, error="not_entered")
        assert "未发送" in row
        assert words.say("not_entered") in row


def test_a_note_is_marked_as_the_client_s_own() -> None:
    assert text(note_rows(Note("logged_out"), 80)) == [f"--- {words.say('logged_out')}"]
    assert text(note_rows(Note("nowhere", error=True), 80))[0].startswith("-!- ")


def test_a_narrow_pane_wraps_between_characters() -> None:
    assert shown(message("你好世界"), width=30) == ["--2022-12-15 12:00:01-- BOB:你", "    好世界"]


def conversation_of(*messages: Message) -> Conversation:
    one = Conversation("#thuhole", member=True)
    one.timeline.messages, one.timeline.more = list(messages), False
    return one


def test_days_and_the_first_unread_message_have_their_lines() -> None:
    one = conversation_of(message("a", seq=1), message("b", seq=2, at=NOON + 86_400_000))
    one.unread_from = 1
    story = ConversationStory(State(), one)
    assert [row[0] for row in text(story.rows(1, 40))] == ["─", "-"]
    day, new, said = text(story.rows(2, 40))
    assert "2022-12-16" in day
    assert "新消息" in new
    assert said.endswith("BOB:b")
