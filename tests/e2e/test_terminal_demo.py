"""The demonstration of the course report, in real terminals: what each user types and sees."""

import re

import pytest

from tests.conftest import Open, Serve
from tests.e2e.terminal_user import LOGIN, PASSWORD, REGISTER, TerminalUser
from tests.support.processes import Server

LINE = r"--\d{4}-\d\d-\d\d \d\d:\d\d:\d\d-- "


@pytest.fixture
def chat_server(serve: Serve, database_url: str) -> Server:
    return serve("--database", database_url)


def test_demonstration_in_terminals(chat_server: Server, terminal: Open) -> None:
    alice = TerminalUser(terminal, chat_server, "Alice")
    registering(alice)
    bob = TerminalUser(terminal, chat_server, "Bob").register()
    carol = TerminalUser(terminal, chat_server, "Carol").register()
    rooms_and_friends(alice)
    chatting(alice, bob)
    a_full_room(carol)
    a_private_chat(alice, bob)
    saving(alice)
    leaving(alice, bob)


def registering(alice: TerminalUser) -> None:
    """Each failure of a registration or a login has its own text."""
    alice.terminal.press("F2").wait_for("确认密码")
    alice.fill_in(REGISTER, "username", username="Alice", password=PASSWORD, again="222222")
    alice.sees("两次输入的密码不一致")
    alice.fill_in(REGISTER, "again", username="A", again=PASSWORD).sees("用户名须为")
    alice.fill_in(REGISTER, "username", username="Alice", password="11111", again="11111")
    alice.sees("密码至少需要")
    alice.fill_in(REGISTER, "password", password=PASSWORD, again=PASSWORD)
    alice.sees("已登录：Alice", "还没有聊天室。创建：", "还没有好友。添加：")
    alice.says("/logout").sees("已登出", "F2：注册")
    alice.fill_in(LOGIN, "password", username="Eve", password=PASSWORD).sees("用户不存在。")
    alice.fill_in(LOGIN, "username", username="A").sees("用户名须为")
    alice.fill_in(LOGIN, "username", username="Alice", password="222222").sees("密码错误。")
    alice.fill_in(LOGIN, "password", password=PASSWORD).sees("已登录：")


def rooms_and_friends(alice: TerminalUser) -> None:
    alice.says("/create thuhole 5").sees("thuhole（0/5 人）")
    alice.says("/create test_chat 2").sees("test_chat（0/2 人）")
    alice.says("/friend Bob").sees("已添加好友 Bob")
    alice.says("/friend Bob").sees("你和 Bob 已经是好友")
    alice.says("/friend Alice").sees("不能添加自己为好友")
    alice.says("/friend Eve").sees("用户不存在")
    alice.says("/join nowhere ALICE").is_told("聊天室 #nowhere 不存在")


def chatting(alice: TerminalUser, bob: TerminalUser) -> None:
    """A message appears on the other screen at once, with nickname and time, in the report's form."""
    bob.sees("Alice").says("/set time full").sees("time = full").says("/join test_chat BOB").is_told(
        "已进入聊天室 #test_chat"
    )
    alice.says("/join test_chat ALICE").is_told("已进入聊天室 #test_chat，昵称：ALICE")
    alice.sees("聊天室：test_chat", "BOB 进入了聊天室")
    bob.sees("ALICE 进入了聊天室").says("Hello World!")
    alice.sees("BOB:Hello World!").says("你好!")
    bob.sees("ALICE:你好!")
    alice.says("/set time full").sees("time = full")
    for person in (alice, bob):
        person.sees("ALICE:你好!")
        for line in ("BOB:Hello World!", "ALICE:你好!"):
            assert re.search(LINE + re.escape(line), person.terminal.text)
    alice.says("/members").sees("#test_chat 的成员（2 人）", "Alice（ALICE）", "Bob（BOB）")


def a_full_room(carol: TerminalUser) -> None:
    carol.says("/join test_chat CAROL").is_told("人数已满")
    carol.says("/msg Bob hi").sees("你和 Bob 还不是好友")


def a_private_chat(alice: TerminalUser, bob: TerminalUser) -> None:
    alice.says("/query Bob ALICE").is_told("已进入与 Bob 的私聊，昵称：ALICE")
    alice.sees("私聊：Bob", "ALICE 进入了私聊").says("sefwef").sees("ALICE:sefwef")
    bob.says("/switch Alice").sees("私聊：Alice", "ALICE:sefwef")
    alice.says("/leave").is_told("已退出私聊")
    bob.sees("ALICE 退出了私聊")


def saving(alice: TerminalUser) -> None:
    """``log.txt`` in the format of the report: the rooms, then the private chats."""
    alice.says("/save").is_told("条消息保存到")
    lines = alice.log.read_text(encoding="utf-8").splitlines()
    assert [re.sub(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d", "T", line) for line in lines] == [
        "-----下面是群聊的聊天记录-----",
        '聊天室:test_chat 时间:T 用户名:Bob(昵称)BOB 内容:昵称为"BOB"的用户进入了房间。',
        '聊天室:test_chat 时间:T 用户名:Alice(昵称)ALICE 内容:昵称为"ALICE"的用户进入了房间。',
        "聊天室:test_chat 时间:T 用户名:Bob(昵称)BOB 内容:Hello World!",
        "聊天室:test_chat 时间:T 用户名:Alice(昵称)ALICE 内容:你好!",
        "-----下面是私聊的聊天记录-----",
        '时间:T 发送人:Alice 接收人:Bob 内容:昵称为"ALICE"的用户进入了私聊。',
        "时间:T 发送人:Alice 接收人:Bob 内容:sefwef",
        '时间:T 发送人:Alice 接收人:Bob 内容:昵称为"ALICE"的用户退出了私聊。',
    ]


def leaving(alice: TerminalUser, bob: TerminalUser) -> None:
    bob.says("/switch test_chat").sees("聊天室：test_chat")
    alice.says("/switch test_chat").sees("聊天室：test_chat").says("/leave").is_told("已退出 #test_chat")
    bob.sees("ALICE 退出了聊天室")
    alice.says("/logout").sees("已登出", "F2：注册")
    bob.says("/quit")
    assert bob.terminal.wait_exit() == 0
