"""What stands around the history: home, the panes at the sides, the lines above and below."""

import time

import pytest

from client import words
from client.model.roster import ordered
from client.model.state import Conversation, Link, Note, State
from client.view.banner import banner_rows
from client.view.home import home
from client.view.manual import manual
from client.view.members import Members
from client.view.sidebar import numbered, sidebar_rows
from client.view.status import status_row, topic_row
from client.view.story import ConversationStory, Story
from client.view.text import Row, columns
from tests.client.view.fake import friend, room, seat


def text(rows: list[Row]) -> list[str]:
    return ["".join(part for _, part in row) for row in rows]


def pane(members: Members, one: Conversation, height: int) -> list[str]:
    return [line.rstrip() for line in text(members.rows(one, 20, height, "F11", "F12"))]


def all_of(story: Story, width: int = 80) -> str:
    return "\n".join(line for block in range(len(story)) for line in text(story.rows(block, width)))


@pytest.fixture(autouse=True)
def chinese() -> None:
    words.use("zh")


@pytest.fixture
def state() -> State:
    found = State(username="Alice", server="127.0.0.1:7878", link=Link.LOGGED_IN, lag=0.0123)
    room(found)
    friend(found)
    friend(found, "@Carol", online=False).unread = 2
    return found


class TestHome:
    def test_it_shows_who_i_am_every_room_and_my_friends(self, state: State) -> None:
        seen = all_of(home(state, {}))
        assert "您当前登录的账号为:Alice" in seen
        assert "【thuhole: 成员数量2人,最大成员数量5人】" in seen
        assert "【Bob】 在线" in seen
        assert "【Carol】 离线 · 2 条未读消息" in seen

    def test_it_says_when_there_is_nothing(self) -> None:
        seen = all_of(home(State(username="Alice"), {}))
        assert "还没有聊天室，创建一个：/create" in seen
        assert "还没有好友，添加一个：/friend" in seen

    def test_what_the_client_says_here_stands_below(self, state: State) -> None:
        state.notes.append(Note("logged_out"))
        assert all_of(home(state, {})).endswith(f"--- {words.say('logged_out')}")


class TestSidebar:
    def test_rooms_then_friends_with_what_waits(self, state: State) -> None:
        state.conversations["#thuhole"].unread, state.conversations["#thuhole"].named = 3, {1}
        lines = text(sidebar_rows(state, 20, 20))
        assert [line.rstrip() for line in lines] == [
            "  首页", "聊天室", "1 ● thuhole     @1 3", "好友", "2 ● Bob", "3 ○ Carol          2",
        ]  # fmt: skip
        assert {columns(line) for line in lines} == {20}

    def test_the_current_one_stays_in_sight(self, state: State) -> None:
        for number in range(50):
            room(state, f"#room{number:02}")
        state.current = "#room40"
        assert any("room40" in line for line in text(sidebar_rows(state, 20, 5)))

    def test_numbers_are_those_of_the_keys(self, state: State) -> None:
        assert numbered(state, 2) == "@Bob"
        assert numbered(state, 9) is None


class TestMembers:
    def test_accounts_with_their_nicknames_those_who_are_here_first(self, state: State) -> None:
        one = state.conversations["#thuhole"]
        seats = [seat("Alice", "ALICE", entered=False), seat("Zoe"), seat("Bob", "BOB", online=False)]
        one.roster = ordered(seats)
        lines = [line.rstrip() for line in pane(Members(), one, 10)]
        assert lines == ["注册成员 2/5", "● Zoe", "○ Alice (ALICE)", "○ Bob (BOB)"]

    def test_those_for_whom_there_is_no_room_are_counted(self, state: State) -> None:
        one = state.conversations["#thuhole"]
        one.roster = [seat(f"user{number:02}") for number in range(30)]
        lines = pane(Members(), one, 10)
        assert lines[1:] == [*(f"● user{number:02}" for number in range(8)), "↓ 另有 22 人（F12）"]

    def test_one_can_scroll_to_them_and_back(self, state: State) -> None:
        one, members = state.conversations["#thuhole"], Members()
        one.roster = [seat(f"user{number:02}") for number in range(20)]
        seen = [pane(members, one, 10)[1:]]
        for _ in range(3):
            members.turn(1)
            seen.append(pane(members, one, 10)[1:])
        assert [(lines[0], lines[-1]) for lines in seen] == [
            ("● user00", "↓ 另有 12 人（F12）"),
            ("↑ 另有 8 人（F11）", "↓ 另有 5 人（F12）"),
            ("↑ 另有 12 人（F11）", "● user19"),
            ("↑ 另有 12 人（F11）", "● user19"),
        ]
        members.turn(-1)
        assert pane(members, one, 10)[1:3] == ["↑ 另有 4 人（F11）", "● user04"]

    def test_another_room_begins_at_its_top(self, state: State) -> None:
        one, members = state.conversations["#thuhole"], Members()
        one.roster = [seat(f"user{number:02}") for number in range(30)]
        pane(members, one, 10)
        members.turn(1)
        other = room(state, "#zoo")
        other.roster = one.roster
        assert pane(members, other, 10)[1] == "● user00"


class TestLines:
    def test_the_topic_says_room_nickname_and_account(self, state: State) -> None:
        state.current = "#thuhole"
        (topic,) = text([topic_row(state, 80)])
        assert "聊天室编号:thuhole" in topic
        assert "您使用的昵称:ALICE" in topic
        assert "您的真实名称:Alice" in topic

    def test_a_private_chat_says_with_whom(self, state: State) -> None:
        state.current = "@Bob"
        assert "私聊对象:Bob" in text([topic_row(state, 80)])[0]

    def test_the_status_says_how_things_stand(self, state: State) -> None:
        (status,) = text([status_row(state, 50, "F1", 80)])
        assert status.startswith(" -MORE(50)- │ 在线 │ 12 毫秒 │ ")
        assert "Alice@127.0.0.1:7878" in status
        assert "@Carol(2)" in status

    def test_what_is_most_urgent_elsewhere_comes_first(self, state: State) -> None:
        lab = state.conversations["#lab"] = Conversation("#lab", member=True, unread=4)
        assert "@Carol(2) #lab(4)" in text([status_row(state, 0, "F1", 100)])[0]
        lab.named = {1}
        assert "#lab(4!) @Carol(2)" in text([status_row(state, 0, "F1", 100)])[0]

    def test_on_a_small_screen_what_waits_is_told_before_who_i_am(self, state: State) -> None:
        assert text([status_row(state, 0, "F1", 40)])[0].rstrip() == " 在线 │ 12 毫秒 │ @Carol(2) │ F1 帮助"
        assert text([status_row(state, 0, "F1", 20)])[0].rstrip() == " 在线 │ @Carol(2)"

    def test_a_server_that_is_slow_to_answer_stands_out(self, state: State) -> None:
        state.lag = 12.3
        ((style, status),) = status_row(state, 0, "F1", 80)
        assert "│ 延迟 12 秒 │" in status
        assert style == "class:status.warning"

    def test_an_attempt_that_is_due_now_does_not_count_to_zero(self, state: State) -> None:
        state.link = Link.RECONNECTING
        state.retry_at = time.monotonic() + 3
        assert "3 秒后重试" in text([status_row(state, 0, "F1", 80)])[0]
        state.retry_at = time.monotonic()
        assert "正在重试" in text([status_row(state, 0, "F1", 80)])[0]

    @pytest.mark.parametrize("link", Link)
    @pytest.mark.parametrize("width", [0, 1, 7, 200])
    def test_both_fit_whatever_happens(self, state: State, link: Link, width: int) -> None:
        state.link = link
        for row in (topic_row(state, width), status_row(state, 0, "F1", width)):
            assert columns(text([row])[0]) == width


@pytest.mark.parametrize("width", [10, 40, 100])
def test_a_banner_is_a_box_that_fits(width: int) -> None:
    note = Note("room_full", {"room": "#test_chat", "members": 2, "capacity": 2}, error=True)
    lines = text(banner_rows(note, width))
    assert len({columns(line) for line in lines}) == 1
    assert columns(lines[0]) <= width
    assert "人数" in "".join(lines)


def test_the_manual_tells_every_key_and_every_command() -> None:
    seen = all_of(manual({}))
    assert "Ctrl-X Ctrl-E" in seen
    assert "/join 房间 [昵称] (/j) (/enter)" in seen


class TestMarks:
    def test_the_topic_and_what_is_not_so_of_every_room(self, state: State) -> None:
        state.current = "#thuhole"
        one = state.conversations["#thuhole"]
        one.topic, one.private, one.locked = "期末复习", True, True
        (topic,) = text([topic_row(state, 140)])
        assert topic.rstrip().endswith("私密 │ 需要密码 │ 期末复习")
        seen = all_of(home(state, {}))
        assert "· 私密 · 需要密码 ·" in seen

    def test_a_private_room_is_a_diamond_and_who_is_away_half_a_circle(self, state: State) -> None:
        state.conversations["#thuhole"].private = True
        state.conversations["@Bob"].away = "at lunch"
        lines = "\n".join(text(sidebar_rows(state, 20, 20)))
        assert "◆ thuhole" in lines
        assert "◐ Bob" in lines
        assert "离开: at lunch" in all_of(home(state, {}))
        state.current = "@Bob"
        assert text([topic_row(state, 100)])[0].rstrip().endswith("│ at lunch")

    def test_an_empty_pane_says_what_to_type(self) -> None:
        lines = "\n".join(text(sidebar_rows(State(), 20, 20)))
        assert "/join 房间" in lines
        assert "/friend 用户名" in lines

    def test_who_holds_no_seat_is_told_how_to_take_one(self, state: State) -> None:
        one = state.conversations["#thuhole"]
        one.member, one.roster = False, []
        assert pane(Members(), one, 10)[1] == "/join #thuhole"

    def test_a_room_in_which_nobody_has_spoken_says_so(self, state: State) -> None:
        one = room(state, "#new")
        one.timeline.more = False
        story = ConversationStory(state, one)
        assert "Enter 发送" in text(story.rows(0, 80))[0]
