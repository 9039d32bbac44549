"""Users at terminals: what they type and what they see. The client's texts are Chinese."""

from pathlib import Path
from typing import Self

from tests.conftest import Open
from tests.support.processes import Server

PASSWORD = "111111"
LOGIN = ("server", "username", "password")
REGISTER = ("username", "password", "again")
"""The fields of the two forms, in their order."""


class TerminalUser:
    """A user with a home folder and a running ``chat-client``."""

    def __init__(self, open_terminal: Open, server: Server, username: str) -> None:
        self.username = username
        self.terminal = open_terminal(
            f"127.0.0.1:{server.port}", "--lang", "zh", user=username, columns=120, lines=30
        )
        self.terminal.wait_for("F2：注册")

    @property
    def log(self) -> Path:
        """Where ``/save`` writes."""
        return self.terminal.home / "log.txt"

    def fill_in(self, form: tuple[str, ...], at: str, **fields: str) -> Self:
        """Fill in these fields of a form, cyclically from the one with the cursor, and submit it."""
        start = form.index(at)
        for name in form[start:] + form[:start]:
            if name in fields:
                self.terminal.press("Ctrl-U").type(fields[name])
            self.terminal.press("Tab")
        self.terminal.press("Enter")
        return self

    def register(self) -> Self:
        self.terminal.press("F2").wait_for("确认密码")
        self.fill_in(REGISTER, "username", username=self.username, password=PASSWORD, again=PASSWORD)
        return self.sees(f"已登录：{self.username}")

    def log_in_again(self) -> Self:
        """The client still knows the server and the account."""
        self.fill_in(LOGIN, "password", password=PASSWORD)
        return self.sees(f"已登录：{self.username}")

    def says(self, line: str) -> Self:
        self.terminal.enter(line)
        return self

    def sees(self, *texts: str) -> Self:
        self.terminal.wait_for(*texts)
        return self

    def is_told(self, text: str) -> Self:
        """Wait for an announcement in its box and close the box."""
        self.sees(text, "Esc ─╯").terminal.press("Esc").wait_gone("Esc ─╯")
        return self
