"""What ``--plain`` and ``--json`` have in common: they print, do not scroll, and cannot copy or edit."""

from abc import abstractmethod
from pathlib import Path

from chatroom.client.app import App
from chatroom.client.line_ui.line_session import (
    LineFrontEnd,
    PasswordSource,
    exit_code,
    quit_when_over,
    run_line_session,
)
from chatroom.client.line_ui.message_feed import MessageFeed, StartPoint
from chatroom.client.model.state import Conversation
from chatroom.client.net.address import ServerAddress
from chatroom.protocol.values import Message


class PrintingFrontEnd(LineFrontEnd):
    """Base of the two. ``asks``: passwords may be asked for; ``marks_read``: what is printed is read."""

    is_full_screen = False
    is_scripted = True
    feed: MessageFeed  # from ``run`` on
    _app: App

    def __init__(self, start: StartPoint, *, asks: bool, marks_read: bool) -> None:
        self.failed = self.output_failed = False
        self.passwords = PasswordSource(asks=asks)
        self._start = start
        self._marks_read = marks_read
        self._begun = False

    async def run(self, app: App, address: ServerAddress, *, register: bool) -> int:
        """Run over standard input and output and return the exit code.

        Raises ``Refused`` or ``ConnectionLost``.
        """
        self._app = app
        self.feed = MessageFeed(app, self._start, self._deliver)
        await run_line_session(app, address, self, register=register)
        return exit_code(app, self)

    @abstractmethod
    def _deliver(self, conversation: Conversation, messages: list[Message]) -> None:
        """Print messages of a conversation."""

    def _quit_when_over(self) -> None:
        self._begun = quit_when_over(self._app, self._begun)

    def _mark_delivered(self, conversation: Conversation, messages: list[Message]) -> None:
        if self._marks_read:
            self._app.history.mark_read(conversation.name, messages[-1].seq)

    def room_renamed(self, former: str, name: str) -> None:
        """Nothing: a message in the room tells it."""

    def seek(self, name: str, seq: int) -> bool:
        return False

    async def ask_password(self, key: str, facts: dict[str, object]) -> str:
        return await self.passwords.find_password(key, facts)

    async def confirm(self, question: str) -> bool | None:
        return await self.passwords.confirm(question)

    def copy_text(self, text: str) -> bool:
        return False

    async def edit_file(self, path: Path) -> bool:
        return False
