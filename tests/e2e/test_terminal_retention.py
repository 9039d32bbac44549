"""The end of the history where the server has removed older messages, in a real terminal."""

from tests.conftest import Open
from tests.contract.test_erasure import is_indexed, wait_until
from tests.e2e.terminal_user import TerminalUser
from tests.support.aged_messages import age_messages
from tests.support.processes import Server


def test_history_ends_where_older_messages_were_removed(server: Server, terminal: Open) -> None:
    alice = TerminalUser(terminal, server, "Alice").register()
    alice.says("/create lab 5").sees("#lab")
    alice.says("/join lab ALICE").is_told("已进入聊天室 #lab")
    alice.says("ancient").sees("ALICE:ancient").says("recent").sees("ALICE:recent")
    wait_until(lambda: is_indexed(server, "recent"))
    age_messages(server, "#lab", 2, days=40)
    alice.says("/set-room retention 30").sees("更早的消息已删除（保留 30 天）", "ALICE:recent")
    alice.terminal.wait_gone("ALICE:ancient")
    alice.terminal.press("Alt-Home").wait_for("更早的消息已删除（保留 30 天）", "ALICE:recent")
    alice.says("hello again").sees("ALICE:hello again")
    alice.says("/save").is_told("条消息保存到")
    log = alice.log.read_text("utf-8")
    assert "recent" in log
    assert "ancient" not in log
