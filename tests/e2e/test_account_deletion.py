"""``/account delete`` on the full screen and in ``--plain``."""

import json
import os
import subprocess
import sys

from tests.conftest import Open
from tests.e2e.terminal_user import TerminalUser
from tests.support.processes import PATIENCE, ROOT, Server

SECRET = "kryptonite"


def test_deletion_on_screen_asks_and_empties_other_screens(server: Server, terminal: Open) -> None:
    owner = server.user("Alice")
    owner.request("create_room", room="#lab", capacity=5)
    owner.request("enter_room", room="#lab", nickname="Ann")
    alice, bob = (TerminalUser(terminal, server, name) for name in ("Carol", "Bob"))
    for user in (alice, bob):
        user.register().says("/join lab").sees("#lab")
    bob.says(f"the {SECRET}")
    owner.message(text=f"the {SECRET}")
    owner.request("send", to="#lab", text="hello there")
    alice.sees(SECRET, "hello there")
    bob.says("/account delete").sees("[y/N]")
    bob.says("y").sees("Bob 的密码")
    bob.says("111111").sees("账号 Bob 已注销")
    alice.sees("已注销账号").sees("hello there").terminal.wait_gone(SECRET)


def test_deletion_from_a_pipe_needs_yes(server: Server, tmp_path: str) -> None:
    server.user("Bob")
    environment = {**os.environ, "CHAT_PASSWORD": "111111", "HOME": str(tmp_path), "LC_ALL": "C.UTF-8"}
    command = [sys.executable, "-m", "chatroom.client", "--json", f"Bob@127.0.0.1:{server.port}"]

    def run(line: str) -> list[dict[str, object]]:
        finished = subprocess.run(
            command, cwd=ROOT, input=line, env=environment, capture_output=True, text=True, timeout=PATIENCE
        )
        return [json.loads(row) for row in finished.stdout.splitlines()]

    assert "needs_yes" in str(run("/account delete\n"))
    assert "account_deleted" in str(run("/account delete --yes\n"))
    assert server.connect().refusal("login", username="Bob", password="111111") == "unknown_user"
