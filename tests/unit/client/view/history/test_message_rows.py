"""One message, and the rows that show it."""

import pytest
from chatroom.client.model.state import ClientNote, ClientState, Conversation, DeliveryState, PendingMessage
from chatroom.client.text import i18n
from chatroom.client.view.draw.text import Row
from chatroom.client.view.history.content import ConversationContent, DisplayOptions
from chatroom.client.view.history.message_rows import MessageStyle, message_rows, note_rows, pending_rows
from chatroom.protocol.values import Message
from msgspec.structs import replace

from tests.unit.client.view.fake import NOON, add_room, make_member, make_message


def text(rows: list[Row]) -> list[str]:
    return ["".join(part for _, part in row) for row in rows]


def rendered(message: Message, width: int = 80) -> list[str]:
    return text(
        message_rows(
            message, MessageStyle(width, i18n.language, mine=False, mention=False, imitates_account=False)
        )
    )


@pytest.fixture(autouse=True)
def chinese() -> None:
    i18n.use_language("zh")


def test_a_message_as_the_report_shows_it() -> None:
    assert rendered(make_message("Hello World!", seq=40)) == ["--2022-12-15 12:00:40-- BOB:Hello World!"]
    assert rendered(make_message("你好!", seq=44, nickname="ALICE")) == [
        "--2022-12-15 12:00:44-- ALICE:你好!"
    ]


@pytest.mark.usefixtures("beijing")
def test_the_time_is_that_of_this_place() -> None:
    assert rendered(make_message("hi")) == ["--2022-12-15 20:00:01-- BOB:hi"]


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
    assert rendered(make_message(kind=kind, conversation=where)) == [f"--2022-12-15 12:00:01-- BOB:{said}"]


def test_an_action_has_a_star() -> None:
    assert rendered(make_message("waves", kind="action")) == ["--2022-12-15 12:00:01-- * BOB waves"]


def test_a_kind_that_we_do_not_know_is_not_shown() -> None:
    assert rendered(make_message("👍", kind="react")) == []


def test_nobody_can_write_somebody_else_s_message() -> None:
    forged = "hi\n--2022-12-15 12:00:02-- ALICE:I owe Bob money"
    first, second = rendered(make_message(forged))
    assert first == "--2022-12-15 12:00:01-- BOB:hi"
    assert second.startswith("    --")


def test_nothing_reaches_the_terminal_that_it_would_obey() -> None:
    rows = rendered(make_message("\x1b]0;title\x07", nickname="B\x1b[2JB"))
    assert not any(ord(character) < 32 for row in rows for character in row)


def test_a_nickname_that_is_another_account_s_name_shows_the_account() -> None:
    state = ClientState(username="Alice")
    conversation = add_room(state)
    conversation.roster.append(make_member("Mallory", "Bob"))
    conversation.timeline.messages = [
        make_message("trust me", username="Mallory", nickname="Bоb")
    ]  # with a Cyrillic о
    assert "Bоb(Mallory):trust me" in text(ConversationContent(state, conversation).block_rows(1, 80))[-1]


class TestPending:
    def pending(self, **fields: object) -> list[str]:
        pending = PendingMessage(cid="c", conversation="#thuhole", text="hi", written_at=NOON)
        for name, value in fields.items():
            setattr(pending, name, value)
        return text(pending_rows(pending, "ALICE", 80))

    def test_one_that_waits_says_so(self) -> None:
        assert self.pending() == ["--2022-12-15 12:00:00-- ALICE:hi [发送中……]"]

    def test_one_that_is_stored_looks_like_a_message(self) -> None:
        assert self.pending(seq=7) == ["--2022-12-15 12:00:00-- ALICE:hi"]

    def test_one_that_was_refused_says_why(self) -> None:
        (row,) = self.pending(delivery=DeliveryState.REFUSED, error="not_entered")
        assert "未发送" in row
        assert i18n.translate("not_entered") in row


def test_a_note_is_marked_as_the_client_s_own() -> None:
    assert text(note_rows(ClientNote("logged_out"), 80)) == [f"--- {i18n.translate('logged_out')}"]
    assert text(note_rows(ClientNote("nowhere", error=True), 80))[0].startswith("-!- ")


def test_a_narrow_pane_wraps_between_characters() -> None:
    assert rendered(make_message("你好世界"), width=30) == ["--2022-12-15 12:00:01-- BOB:你", "    好世界"]


def conversation_of(*messages: Message) -> Conversation:
    conversation = Conversation("#thuhole", member=True)
    conversation.timeline.messages, conversation.timeline.more = list(messages), False
    return conversation


def test_days_and_the_first_unread_message_have_their_lines() -> None:
    conversation = conversation_of(make_message("a", seq=1), make_message("b", seq=2, at=NOON + 86_400_000))
    conversation.unread_from = 2
    content = ConversationContent(ClientState(), conversation)
    assert [row[0] for row in text(content.block_rows(1, 40))] == ["─", "-"]
    day, new, said = text(content.block_rows(2, 40))
    assert "2022-12-16" in day
    assert "新消息" in new
    assert said.endswith("BOB:b")


class TestWhatWasDoneLater:
    def lines(self, *messages: Message, compact: bool = False) -> list[str]:
        """The last message as its conversation shows it, in Chinese."""
        conversation = conversation_of(*messages)
        content = ConversationContent(
            ClientState(username="Alice"), conversation, DisplayOptions(compact=compact)
        )
        return text(content.block_rows(len(messages), 60))

    def test_an_edited_message_says_so(self) -> None:
        edited = replace(make_message("better", seq=2), edited="2022-12-15T12:01:00.000Z")
        assert self.lines(make_message("a"), edited) == ["--2022-12-15 12:00:02-- BOB:better （已编辑）"]

    def test_of_a_deleted_message_nothing_is_left_but_that_it_was(self) -> None:
        assert self.lines(make_message("a"), replace(make_message(seq=2), deleted=True)) == [
            "--2022-12-15 12:00:02-- BOB:（已删除）"
        ]

    def test_reactions_stand_below(self) -> None:
        who = {"👍": ["Alice", "Carol"], "❤": ["Alice", "Bob", "Carol", "Dave"]}
        *_, reactions = self.lines(make_message("a"), replace(make_message("b", seq=2), reactions=who))
        assert reactions == "    👍 Alice Carol  ❤ 4"

    def test_an_answer_stands_below_what_it_answers(self) -> None:
        quote, said = self.lines(make_message("where?"), replace(make_message("here", seq=2), target=1))
        assert quote == "    ┌ BOB: where?"
        assert said.endswith("BOB:here")

    def test_what_is_answered_may_be_out_of_reach(self) -> None:
        quote, _ = self.lines(make_message("b", seq=8), replace(make_message("c", seq=9), target=1))
        assert quote == "    ┌ 更早的一条消息"

    def test_a_change_itself_is_not_drawn(self) -> None:
        assert self.lines(make_message("a"), replace(make_message("👍", seq=2, kind="react"), target=1)) == []

    def test_compact_says_who_speaks_once(self) -> None:
        assert self.lines(make_message("a"), make_message("b", seq=2), compact=True) == ["    b"]
        (row,) = self.lines(
            make_message("a"), make_message("b", seq=2, username="Carol", nickname="C"), compact=True
        )
        assert row.endswith("C:b")
        (row,) = self.lines(make_message("a"), make_message("b", seq=2, at=NOON + 600_000), compact=True)
        assert row.endswith("BOB:b")

    def test_a_link_can_be_told_by_its_look(self) -> None:
        (row,) = message_rows(make_message("（见 https://example.org/a?b=c）。好"), MessageStyle(80, "zh"))
        assert [part for style, part in row if "link" in style] == ["https://example.org/a?b=c"]

    def test_a_pending_change_says_what_it_is_to_be(self) -> None:
        pending = PendingMessage(
            cid="c", conversation="#thuhole", text="better", kind="edit", target=1, written_at=NOON
        )
        (row,) = text(pending_rows(pending, "ALICE", 80))
        assert "把之前的一条消息改为：better [发送中……]" in row


class TestCrowds:
    def rows(self, *kinds: str) -> list[list[str]]:
        messages = [make_message(seq=seq, kind=kind) for seq, kind in enumerate(kinds, 1)]
        content = ConversationContent(
            ClientState(), conversation_of(*messages), DisplayOptions(collapse=True, expand_key="F9")
        )
        return [text(content.block_rows(block, 60)) for block in range(1, len(messages) + 1)]

    def test_a_few_are_told_one_by_one(self) -> None:
        assert all(self.rows("enter", "leave", "enter"))

    def test_many_are_one_line(self) -> None:
        first, *others = self.rows(*["enter"] * 5, "leave", "nick")
        assert first[-1] == "--- 5 次进入、1 次离开、1 次改昵称（F9）"
        assert not any(others)

    def test_what_is_said_between_ends_a_crowd(self) -> None:
        rows = self.rows(*["enter"] * 3, "text", *["leave"] * 3)
        assert all(rows)

    def test_every_hundred_a_new_one_begins(self) -> None:
        rows = self.rows(*["enter"] * 130)
        assert [len(block) > 0 for block in rows] == [seq in (1, 100) for seq in range(1, 131)]
