"""Replies, edits, reactions and deletions, in real terminals with a real server."""

from tests.conftest import Open
from tests.e2e.terminal_user import TerminalUser
from tests.support.processes import Server


def test_messages_are_answered_edited_and_deleted(server: Server, terminal: Open) -> None:
    alice = TerminalUser(terminal, server, "Alice").register()
    bob = TerminalUser(terminal, server, "Bob").register()
    alice.says("/create lab 5").sees("#lab")
    alice.says("/join lab ALICE").is_told("已进入聊天室 #lab")
    bob.says("/join lab BOB").is_told("已进入聊天室 #lab")

    bob.terminal.type("什")
    alice.sees("BOB 正在输入")
    bob.terminal.press("Ctrl-U")
    bob.says("吃什吗")
    alice.sees("BOB:吃什吗").says("吃什吗？")
    bob.sees("ALICE:吃什吗？")  # so his message is confirmed
    bob.terminal.press("Alt-e").wait_for("/edit 吃什吗")
    bob.terminal.press("Ctrl-U").enter("/edit 吃什么")
    alice.sees("BOB:吃什么（已编辑）")

    alice.terminal.press("Alt-Up", "Alt-Up", "Alt-r").wait_for("/reply")
    alice.terminal.enter("面条")
    bob.sees("┌ BOB: 吃什么（已编辑）", "ALICE:面条")
    bob.says("/react 👍")
    alice.sees("👍 Bob")

    alice.says("/delete").sees("ALICE:（已删除）")
    bob.sees("ALICE:（已删除）")
    alice.says("/save").is_told("条消息保存到")
    log = alice.log.read_text("utf-8")
    assert "吃什么（已编辑）" in log
    assert "面条" not in log
