"""The rows of messages, pending lines and notes."""

import pytest
from msgspec.structs import replace

from chatroom.client.model.state import ClientNote, ClientState, Conversation, DeliveryState, PendingMessage
from chatroom.client.text import i18n
from chatroom.client.view.draw.text import Row
from chatroom.client.view.history.content import ConversationContent, DisplayOptions
from chatroom.client.view.history.message_rows import MessageStyle, message_rows, note_rows, pending_rows
from chatroom.protocol.values import Message
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


def test_text_message_has_time_nickname_and_text() -> None:
    assert rendered(make_message("Hello World!", seq=40)) == ["--2022-12-15 12:00:40-- BOB:Hello World!"]
    assert rendered(make_message("你好!", seq=44, nickname="ALICE")) == [
        "--2022-12-15 12:00:44-- ALICE:你好!"
    ]


@pytest.mark.usefixtures("beijing")
def test_message_time_is_local() -> None:
    assert rendered(make_message("hi")) == ["--2022-12-15 20:00:01-- BOB:hi"]


@pytest.mark.parametrize(
    ("kind", "where", "body"),
    [
        ("enter", "#thuhole", "BOB 进入了聊天室"),
        ("leave", "#thuhole", "BOB 退出了聊天室"),
        ("enter", "@Bob", "BOB 进入了私聊"),
        ("leave", "@Bob", "BOB 退出了私聊"),
    ],
)
def test_notice_is_worded_by_the_client(kind: str, where: str, body: str) -> None:
    assert rendered(make_message(kind=kind, conversation=where)) == [f"--2022-12-15 12:00:01-- {body}"]


def test_action_has_a_star() -> None:
    assert rendered(make_message("waves", kind="action")) == ["--2022-12-15 12:00:01-- * BOB waves"]


def test_unknown_kind_is_not_shown() -> None:
    assert rendered(make_message("👍", kind="react")) == []


def test_text_cannot_imitate_a_message_of_another_user() -> None:
    forged = "hi\n--2022-12-15 12:00:02-- ALICE:I owe Bob money"
    first, second = rendered(make_message(forged))
    assert first == "--2022-12-15 12:00:01-- BOB:hi"
    assert second.startswith("    --")


def test_message_has_no_control_characters() -> None:
    rows = rendered(make_message("\x1b]0;title\x07", nickname="B\x1b[2JB"))
    assert not any(ord(character) < 32 for row in rows for character in row)


def test_nickname_like_another_account_shows_the_author_s_account() -> None:
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

    def test_unconfirmed_line_is_marked_as_sending(self) -> None:
        assert self.pending() == ["--2022-12-15 12:00:00-- ALICE:hi [发送中……]"]

    def test_stored_line_has_no_mark(self) -> None:
        assert self.pending(seq=7) == ["--2022-12-15 12:00:00-- ALICE:hi"]

    def test_refused_line_shows_the_reason(self) -> None:
        (row,) = self.pending(delivery=DeliveryState.REFUSED, error="not_entered")
        assert "未发送" in row
        assert i18n.translate("not_entered") in row


def test_note_has_the_mark_of_the_client() -> None:
    assert text(note_rows(ClientNote("logged_out"), 80)) == [f"--- {i18n.translate('logged_out')}"]
    assert text(note_rows(ClientNote("nowhere", error=True), 80))[0].startswith("-!- ")


def test_message_in_narrow_pane_is_wrapped() -> None:
    assert rendered(make_message("你好世界"), width=30) == ["--2022-12-15 12:00:01-- BOB:你", "    好世界"]


def conversation_of(*messages: Message) -> Conversation:
    conversation = Conversation("#thuhole", member=True)
    conversation.timeline.messages, conversation.timeline.more = list(messages), False
    return conversation


def test_new_day_and_first_unread_message_have_rulers() -> None:
    conversation = conversation_of(make_message("a", seq=1), make_message("b", seq=2, at=NOON + 86_400_000))
    conversation.unread_from = 2
    content = ConversationContent(ClientState(), conversation)
    assert [row[0] for row in text(content.block_rows(1, 40))] == ["─", "-"]
    day, new, body = text(content.block_rows(2, 40))
    assert "2022-12-16" in day
    assert "新消息" in new
    assert body.endswith("BOB:b")


class TestEditsRepliesAndReactions:
    def lines(self, *messages: Message, compact: bool = False) -> list[str]:
        """Return the rows of the last message."""
        conversation = conversation_of(*messages)
        content = ConversationContent(
            ClientState(username="Alice"), conversation, DisplayOptions(compact=compact)
        )
        return text(content.block_rows(len(messages), 60))

    def test_edited_message_is_marked(self) -> None:
        edited = replace(make_message("better", seq=2), edited="2022-12-15T12:01:00.000Z")
        assert self.lines(make_message("a"), edited) == ["--2022-12-15 12:00:02-- BOB:better（已编辑）"]

    def test_deleted_message_shows_only_that_it_was_deleted(self) -> None:
        assert self.lines(make_message("a"), replace(make_message(seq=2), deleted=True)) == [
            "--2022-12-15 12:00:02-- BOB:（已删除）"
        ]

    def test_reactions_are_below_the_message(self) -> None:
        users = {"👍": ["Alice", "Carol"], "❤": ["Alice", "Bob", "Carol", "Dave"]}
        *_, reactions = self.lines(make_message("a"), replace(make_message("b", seq=2), reactions=users))
        assert reactions == "    👍 Alice Carol  ❤ 4"

    def test_reply_is_below_the_quoted_message(self) -> None:
        quote, body = self.lines(make_message("where?"), replace(make_message("here", seq=2), target=1))
        assert quote == "    ┌ BOB: where?"
        assert body.endswith("BOB:here")

    def test_reply_to_a_message_that_is_not_loaded_says_so(self) -> None:
        quote, _ = self.lines(make_message("b", seq=8), replace(make_message("c", seq=9), target=1))
        assert quote == "    ┌ 更早的一条消息"

    def test_change_message_is_not_drawn(self) -> None:
        assert self.lines(make_message("a"), replace(make_message("👍", seq=2, kind="react"), target=1)) == []

    def test_compact_display_names_the_author_once(self) -> None:
        assert self.lines(make_message("a"), make_message("b", seq=2), compact=True) == ["  · b"]
        (row,) = self.lines(
            make_message("a"), make_message("b", seq=2, username="Carol", nickname="C"), compact=True
        )
        assert row.endswith("C:b")
        (row,) = self.lines(make_message("a"), make_message("b", seq=2, at=NOON + 600_000), compact=True)
        assert row.endswith("BOB:b")

    def test_link_has_its_own_style(self) -> None:
        (row,) = message_rows(make_message("（见 https://example.org/a?b=c）。好"), MessageStyle(80, "zh"))
        assert [part for style, part in row if "link" in style] == ["https://example.org/a?b=c"]

    def test_pending_edit_shows_the_new_text(self) -> None:
        pending = PendingMessage(
            cid="c", conversation="#thuhole", text="better", kind="edit", target=1, written_at=NOON
        )
        (row,) = text(pending_rows(pending, "ALICE", 80))
        assert "将之前的一条消息修改为：better [发送中……]" in row


class TestNoticeGroups:
    def rows(self, *kinds: str) -> list[list[str]]:
        messages = [make_message(seq=seq, kind=kind) for seq, kind in enumerate(kinds, 1)]
        content = ConversationContent(
            ClientState(), conversation_of(*messages), DisplayOptions(collapse=True, expand_key="F9")
        )
        return [text(content.block_rows(block, 60)) for block in range(1, len(messages) + 1)]

    def test_few_notices_are_shown_separately(self) -> None:
        rows = self.rows("enter", "leave", "enter")
        assert [len(block) > 0 for block in rows] == [True] * 3

    def test_many_notices_are_collapsed_into_one_line(self) -> None:
        first, *others = self.rows(*["enter"] * 5, "leave", "nick")
        assert first[-1] == "--- 5 次进入，1 次退出，1 次改名 · F9 展开"
        assert not any(others)

    def test_message_between_notices_ends_the_group(self) -> None:
        rows = self.rows(*["enter"] * 3, "text", *["leave"] * 3)
        assert [len(block) > 0 for block in rows] == [True] * 7

    def test_new_group_begins_at_every_hundredth_seq(self) -> None:
        rows = self.rows(*["enter"] * 130)
        assert [len(block) > 0 for block in rows] == [seq in (1, 100) for seq in range(1, 131)]
