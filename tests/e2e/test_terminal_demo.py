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


def test_the_demonstration(chat_server: Server, terminal: Open) -> None:
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
    alice.fill_in(REGISTER, "again", username="A", again=PASSWORD).sees("格式不合规：用户名")
    alice.fill_in(REGISTER, "username", username="Alice", password="11111", again="11111")
    alice.sees("格式不合规：密码")
    alice.fill_in(REGISTER, "password", password=PASSWORD, again=PASSWORD)
    alice.sees("登录成功！您当前登录的账号为:Alice", "还没有聊天室，创建一个：", "还没有好友，添加一个：")
    alice.says("/logout").sees("登出成功！", "F2：注册")
    alice.fill_in(LOGIN, "password", username="Eve", password=PASSWORD).sees("用户名不存在。")
    alice.fill_in(LOGIN, "username", username="A").sees("格式不合规：用户名")
    alice.fill_in(LOGIN, "username", username="Alice", password="222222").sees("密码错误。")
    alice.fill_in(LOGIN, "password", password=PASSWORD).sees("登录成功！")


def rooms_and_friends(alice: TerminalUser) -> None:
    alice.says("/create thuhole 5").sees("【thuhole: 成员数量0人,最大成员数量5人】")
    alice.says("/create test_chat 2").sees("【test_chat: 成员数量0人,最大成员数量2人】")
    alice.says("/friend Bob").sees("添加好友 Bob 成功")
    alice.says("/friend Bob").sees("您和 Bob 已经是好友了")
    alice.says("/friend Alice").sees("不能添加自己为好友")
    alice.says("/friend Eve").sees("用户名不存在")
    alice.says("/join nowhere ALICE").is_told("不存在此聊天室 #nowhere，请先创建！")


def chatting(alice: TerminalUser, bob: TerminalUser) -> None:
    """A message appears on the other screen at once, with its nickname and time."""
    bob.sees("Alice").says("/join test_chat BOB").is_told("成功进入聊天室 #test_chat")
    alice.says("/join test_chat ALICE").is_told("成功进入聊天室 #test_chat，您使用的昵称:ALICE")
    alice.sees("聊天室编号:test_chat", '昵称为"BOB"的用户进入了房间。')
    bob.sees('昵称为"ALICE"的用户进入了房间。').says("Hello World!")
    alice.sees("BOB:Hello World!").says("你好!")
    bob.sees("ALICE:你好!")
    for person in (alice, bob):
        person.sees("ALICE:你好!")
        for said in ("BOB:Hello World!", "ALICE:你好!"):
            assert re.search(LINE + re.escape(said), person.terminal.text)
    alice.says("/members").sees("已经注册到 #test_chat 的用户（2）", "Alice（ALICE）", "Bob（BOB）")


def a_full_room(carol: TerminalUser) -> None:
    carol.says("/join test_chat CAROL").is_told("该聊天室人数已满，请重新选择聊天室加入！")
    carol.says("/msg Bob hi").sees("您和 Bob 还不是好友")


def a_private_chat(alice: TerminalUser, bob: TerminalUser) -> None:
    alice.says("/query Bob ALICE").is_told("成功进入与 Bob 的私聊，您使用的昵称:ALICE")
    alice.sees("私聊对象:Bob", '昵称为"ALICE"的用户进入了私聊。').says("sefwef").sees("ALICE:sefwef")
    bob.says("/switch Alice").sees("私聊对象:Alice", "ALICE:sefwef")
    alice.says("/leave").is_told("成功退出私聊")
    bob.sees('昵称为"ALICE"的用户退出了私聊。')


def saving(alice: TerminalUser) -> None:
    """``log.txt`` in the format of the report: the rooms, then the private chats."""
    alice.says("/save").is_told("聊天记录已经保存在本地的")
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
    bob.says("/switch test_chat").sees("聊天室编号:test_chat")
    alice.says("/switch test_chat").sees("聊天室编号:test_chat").says("/leave").is_told("成功退出群聊")
    bob.sees('昵称为"ALICE"的用户退出了房间。')
    alice.says("/logout").sees("登出成功！", "F2：注册")
    bob.says("/quit")
    assert bob.terminal.wait_exit() == 0
