"""Home screen, sidebar, members, topic, status, banner and help."""

import time

import pytest
from msgspec.structs import replace

from chatroom.client.model.numbers import ConversationNumbers
from chatroom.client.model.roster import ordered_members
from chatroom.client.model.state import ClientNote, ClientState, ConnectionState, Conversation
from chatroom.client.text import i18n
from chatroom.client.view.draw.text import Row, column_count
from chatroom.client.view.history.content import ConversationContent, ScrollContent
from chatroom.client.view.history.message_rows import note_text
from chatroom.client.view.panes.banner import banner_rows
from chatroom.client.view.panes.help import help_content
from chatroom.client.view.panes.home import home_content
from chatroom.client.view.panes.members import MembersPane
from chatroom.client.view.panes.sidebar import sidebar_rows
from chatroom.client.view.panes.status import status_row, topic_row
from tests.unit.client.view.fake import add_friend, add_room, make_member


def text(rows: list[Row]) -> list[str]:
    return ["".join(part for _, part in row) for row in rows]


def member_lines(members: MembersPane, conversation: Conversation, height: int) -> list[str]:
    return [line.rstrip() for line in text(members.pane_rows(conversation, 20, height, "F11", "F12"))]


def all_lines(content: ScrollContent, width: int = 80) -> str:
    return "\n".join(line for block in range(len(content)) for line in text(content.block_rows(block, width)))


@pytest.fixture(autouse=True)
def chinese() -> None:
    i18n.use_language("zh")


@pytest.fixture
def state() -> ClientState:
    state = ClientState(username="Alice", server="127.0.0.1:7878", link=ConnectionState.LOGGED_IN, lag=0.0123)
    add_room(state)
    add_friend(state)
    add_friend(state, "@Carol", online=False).unread = 2
    return state


class TestHome:
    def test_home_shows_account_rooms_and_friends(self, state: ClientState) -> None:
        shown = all_lines(home_content(state, {}))
        assert "账号：Alice" in shown
        assert "thuhole（2/5 人）" in shown
        assert "Bob  在线" in shown
        assert "Carol  离线 · 2 条未读" in shown

    def test_home_without_rooms_and_friends_shows_hints(self) -> None:
        shown = all_lines(home_content(ClientState(username="Alice"), {}))
        assert "还没有聊天室。创建：/create" in shown
        assert "还没有好友。添加：/friend" in shown

    def test_commands_stand_beside_the_headings_of_lists(self, state: ClientState) -> None:
        shown = all_lines(home_content(state, {}))
        assert "聊天室   /join 聊天室 [昵称]   /create 聊天室 人数\n" in shown
        assert "好友   /friend 名字   /query 名字 [昵称]\n" in shown

    def test_home_shows_its_notes_at_the_end(self, state: ClientState) -> None:
        state.notes.append(ClientNote("logged_out"))
        assert all_lines(home_content(state, {})).endswith(f"--- {i18n.translate('logged_out')}")


class TestSidebar:
    def test_sidebar_lists_rooms_then_friends_with_unread_counts(self, state: ClientState) -> None:
        state.conversations["#thuhole"].unread, state.conversations["#thuhole"].mention_seqs = 3, {1}
        lines = text(sidebar_rows(state, 20, 20))
        assert [line.rstrip() for line in lines] == [
            "  首页", "聊天室", "1 ● thuhole     @1 3", "好友", "2 ● Bob", "3 ○ Carol          2",
        ]  # fmt: skip
        assert {column_count(line) for line in lines} == {20}

    def test_sidebar_keeps_the_current_conversation_visible(self, state: ClientState) -> None:
        for number in range(50):
            add_room(state, f"#room{number:02}")
        state.current = "#room40"
        assert any("room40" in line for line in text(sidebar_rows(state, 20, 5)))

    def test_conversation_numbers_match_the_keys(self, state: ClientState) -> None:
        numbers = ConversationNumbers(state)
        assert numbers.find(2) == "@Bob"
        assert numbers.find(9) is None

    def test_conversation_keeps_its_number_when_others_come_and_go(self, state: ClientState) -> None:
        numbers = ConversationNumbers(state)
        assert numbers.find(1) == "#thuhole"
        add_room(state, "#aaa")
        assert [numbers.find(number) for number in (1, 2, 4)] == ["#thuhole", "@Bob", "#aaa"]
        del state.conversations["#thuhole"]
        assert [numbers.find(number) for number in (1, 2, 4)] == [None, "@Bob", "#aaa"]
        add_room(state, "#zzz")
        assert numbers.find(1) == "#zzz"


class TestMembers:
    def test_members_in_the_room_come_first(self, state: ClientState) -> None:
        conversation = state.conversations["#thuhole"]
        seats = [
            make_member("Alice", "ALICE", entered=False),
            make_member("Zoe"),
            make_member("Bob", "BOB", online=False),
        ]
        conversation.roster = ordered_members(seats)
        lines = [line.rstrip() for line in member_lines(MembersPane(), conversation, 10)]
        assert lines == ["成员 2/5", "● Zoe", "○ Alice (ALICE)", "○ Bob (BOB)"]

    def test_owner_and_moderators_are_marked(self, state: ClientState) -> None:
        conversation = state.conversations["#thuhole"]
        conversation.owner = "Zoe"
        moderator = replace(make_member("Bob"), role="moderator")
        conversation.roster = ordered_members([make_member("Zoe", "ZOE"), moderator])
        lines = [line.rstrip() for line in member_lines(MembersPane(), conversation, 10)]
        assert lines == ["成员 2/5", "● Bob☆", "● Zoe★ (ZOE)"]

    def test_hidden_members_are_counted(self, state: ClientState) -> None:
        conversation = state.conversations["#thuhole"]
        conversation.roster = [make_member(f"user{number:02}") for number in range(30)]
        lines = member_lines(MembersPane(), conversation, 10)
        assert lines[1:] == [*(f"● user{number:02}" for number in range(8)), "↓ 还有 22 人（F12）"]

    def test_members_scroll_down_and_up(self, state: ClientState) -> None:
        conversation, members = state.conversations["#thuhole"], MembersPane()
        conversation.roster = [make_member(f"user{number:02}") for number in range(20)]
        pages = [member_lines(members, conversation, 10)[1:]]
        for _ in range(3):
            members.scroll_pages(1)
            pages.append(member_lines(members, conversation, 10)[1:])
        assert [(lines[0], lines[-1]) for lines in pages] == [
            ("● user00", "↓ 还有 12 人（F12）"),
            ("↑ 还有 8 人（F11）", "↓ 还有 5 人（F12）"),
            ("↑ 还有 12 人（F11）", "● user19"),
            ("↑ 还有 12 人（F11）", "● user19"),
        ]
        members.scroll_pages(-1)
        assert member_lines(members, conversation, 10)[1:3] == ["↑ 还有 4 人（F11）", "● user04"]

    def test_members_of_another_room_start_at_the_top(self, state: ClientState) -> None:
        conversation, members = state.conversations["#thuhole"], MembersPane()
        conversation.roster = [make_member(f"user{number:02}") for number in range(30)]
        member_lines(members, conversation, 10)
        members.scroll_pages(1)
        other = add_room(state, "#zoo")
        other.roster = conversation.roster
        assert member_lines(members, other, 10)[1] == "● user00"


class TestTopicAndStatus:
    def test_topic_of_a_room_shows_room_nickname_and_account(self, state: ClientState) -> None:
        state.current = "#thuhole"
        (topic,) = text([topic_row(state, 80)])
        assert "聊天室：thuhole" in topic
        assert "昵称：ALICE" in topic
        assert "账号：Alice" in topic

    def test_topic_leaves_out_a_nickname_that_is_the_account(self, state: ClientState) -> None:
        state.current = "#thuhole"
        state.conversations["#thuhole"].nickname = "Alice"
        assert text([topic_row(state, 80)])[0].rstrip() == " 聊天室：thuhole · 2/5 人"

    def test_topic_of_a_private_chat_shows_the_friend(self, state: ClientState) -> None:
        state.current = "@Bob"
        assert "私聊：Bob" in text([topic_row(state, 80)])[0]

    def test_status_shows_connection_lag_and_account(self, state: ClientState) -> None:
        (status,) = text([status_row(state, "↓ 50 条新消息", "F1", 80)])
        assert status.startswith(" ↓ 50 条新消息 │ 在线 │ 12 毫秒 │ ")
        assert "Alice@127.0.0.1:7878" in status
        assert "@Carol(2)" in status

    def test_status_lists_conversations_with_mentions_first(self, state: ClientState) -> None:
        lab = state.conversations["#lab"] = Conversation("#lab", member=True, unread=4)
        assert "@Carol(2) #lab(4)" in text([status_row(state, "", "F1", 100)])[0]
        lab.mention_seqs = {1}
        assert "#lab(@1 4) @Carol(2)" in text([status_row(state, "", "F1", 100)])[0]

    def test_narrow_status_leaves_out_the_account_before_unread_counts(self, state: ClientState) -> None:
        assert text([status_row(state, "", "F1", 40)])[0].rstrip() == " 在线 │ 12 毫秒 │ @Carol(2) │ F1 帮助"
        assert text([status_row(state, "", "F1", 20)])[0].rstrip() == " 在线 │ @Carol(2)"

    def test_slow_connection_makes_the_status_a_warning(self, state: ClientState) -> None:
        state.lag = 12.3
        ((style, status),) = status_row(state, "", "F1", 80)
        assert "│ 延迟 12 秒 │" in status
        assert style == "class:status.warning"

    def test_retry_that_is_due_shows_no_zero(self, state: ClientState) -> None:
        state.link = ConnectionState.RECONNECTING
        state.retry_at = time.monotonic() + 3
        assert "3 秒后重试" in text([status_row(state, "", "F1", 80)])[0]
        state.retry_at = time.monotonic()
        assert "正在重新连接" in text([status_row(state, "", "F1", 80)])[0]

    @pytest.mark.parametrize("link", ConnectionState)
    @pytest.mark.parametrize("width", [0, 1, 7, 200])
    def test_topic_and_status_fit_any_width(
        self, state: ClientState, link: ConnectionState, width: int
    ) -> None:
        state.link = link
        for row in (topic_row(state, width), status_row(state, "", "F1", width)):
            assert column_count(text([row])[0]) == width


@pytest.mark.parametrize("width", [40, 100])
def test_banner_fits_its_width(width: int) -> None:
    note = ClientNote("room_full", {"room": "#test_chat", "members": 2, "capacity": 2}, error=True)
    lines = text(banner_rows(note, width))
    assert len({column_count(line) for line in lines}) == 1
    assert column_count(lines[0]) <= width
    assert "人数" in "".join(lines)


def test_banner_of_a_small_screen_shows_the_whole_reason_without_a_frame() -> None:
    note = ClientNote("room_full", {"room": "#test_chat", "members": 2, "capacity": 2}, error=True)
    lines = text(banner_rows(note, 40, 8))
    assert "".join(lines).replace(" ", "") == f"-!-{note_text(note)}".replace(" ", "")
    assert max(map(column_count, lines)) <= 40
    assert all(column_count(line) <= 10 for line in text(banner_rows(note, 10, 8)))


def test_help_lists_keys_and_commands() -> None:
    shown = all_lines(help_content({}))
    assert "Ctrl-X Ctrl-E" in shown
    assert "/join 聊天室 [昵称]" in shown


@pytest.mark.parametrize("width", [17, 34, 50, 58, 130])
def test_help_fits_its_width(width: int) -> None:
    lines = all_lines(help_content({}), width).split("\n")
    assert len(lines) > 90
    assert all(column_count(line) <= width for line in lines)


def test_help_in_a_narrow_pane_has_a_narrower_column_of_keys() -> None:
    wide, narrow = all_lines(help_content({}), 60), all_lines(help_content({}), 40)
    assert "  /quit                     退出程序" in wide
    assert "  /quit         退出程序" in narrow
    assert "  Alt-Enter, Ctrl-J\n                换行" in narrow


class TestMarks:
    def test_topic_and_home_mark_a_private_room_with_password(self, state: ClientState) -> None:
        state.current = "#thuhole"
        conversation = state.conversations["#thuhole"]
        conversation.topic, conversation.private, conversation.locked = "期末复习", True, True
        (topic,) = text([topic_row(state, 140)])
        assert topic.rstrip().endswith("私密 · 需密码 · 期末复习")
        shown = all_lines(home_content(state, {}))
        assert "· 私密 · 需密码 ·" in shown

    def test_sidebar_marks_private_rooms_and_away_friends(self, state: ClientState) -> None:
        state.conversations["#thuhole"].private = True
        state.conversations["@Bob"].away = "at lunch"
        lines = "\n".join(text(sidebar_rows(state, 20, 20)))
        assert "◆ thuhole" in lines
        assert "◐ Bob" in lines
        assert "离开：at lunch" in all_lines(home_content(state, {}))
        state.current = "@Bob"
        assert text([topic_row(state, 100)])[0].rstrip().endswith("· at lunch")

    def test_empty_sidebar_shows_commands(self) -> None:
        lines = "\n".join(text(sidebar_rows(ClientState(), 20, 20)))
        assert "/join 聊天室" in lines
        assert "/friend 名字" in lines

    def test_members_pane_of_a_room_not_joined_shows_the_join_command(self, state: ClientState) -> None:
        conversation = state.conversations["#thuhole"]
        conversation.member, conversation.roster = False, []
        assert member_lines(MembersPane(), conversation, 10)[1] == "/join #thuhole"

    def test_room_without_messages_shows_a_hint(self, state: ClientState) -> None:
        conversation = add_room(state, "#new")
        conversation.timeline.more = False
        content = ConversationContent(state, conversation)
        assert "Enter 发送" in text(content.block_rows(0, 80))[0]
