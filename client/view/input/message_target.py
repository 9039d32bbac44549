"""The message that a command in the input is about. It is fixed when the command begins, and shown.

What arrives while the user types changes nothing then: a reply keeps its addressee, a reaction its message.
"""

from typing import NamedTuple

from chatroom.client.commands import table
from chatroom.client.model import select
from chatroom.client.model.state import ClientState
from chatroom.client.text import i18n, message_text
from chatroom.client.view.draw.text import Row, fit_text
from chatroom.protocol.values import Message

ABOUT_MESSAGES = frozenset({"reply", "react", "edit", "delete"})
"""Commands that are about one message."""


class MessageTarget(NamedTuple):
    """``message`` is ``None`` if there was none when the command began."""

    command: str
    conversation: str = ""
    message: Message | None = None


class MessageTargets:
    """The target of each conversation's input; the home screen's is that of the empty name."""

    def __init__(self, state: ClientState) -> None:
        self._state = state
        self._fixed: dict[str, MessageTarget] = {}

    @property
    def current(self) -> MessageTarget | None:
        return self._fixed.get(self._state.current)

    def follow(self, text: str) -> None:
        """The input holds this text."""
        command, fixed = command_about_message(text), self.current
        if not command:
            self._fixed.pop(self._state.current, None)
        elif fixed is None or fixed.command != command or _may_become_known(fixed):
            self.fix(command)

    def fix(self, command: str, message: Message | None = None) -> None:
        """Fix the target: this message, or else the one that the command is about now."""
        found = (self._state.current, message) if message else select.target(self._state, command)
        self._fixed[self._state.current] = MessageTarget(command, *found) if found else MessageTarget(command)

    def follow_selection(self) -> None:
        """The user has selected another message."""
        if fixed := self.current:
            self.fix(fixed.command)

    def forget(self) -> None:
        self._fixed.clear()

    def rows(self, width: int) -> list[Row]:
        """A line above the input that says what the command is about."""
        fixed = self.current
        if fixed is None or fixed.message is None:
            return []
        key = "target.private" if fixed.conversation != self._state.current else f"target.{fixed.command}"
        message = fixed.message
        who = f"{message.nickname} ({message.username})"
        if message.nickname == message.username:
            who = message.username
        text = i18n.translate(key, who=who, text=message_text.message_body(message))
        return [[("class:question", fit_text(f" {text}", width))]]


def command_about_message(text: str) -> str:
    """The command of this line if it is about a message, else an empty string."""
    name = text[1:].split(maxsplit=1)[:1] if table.is_command(text) else []
    command = table.find_command(name[0]) if name and not text[1].isspace() else None
    return command.name if command is not None and command.name in ABOUT_MESSAGES else ""


def _may_become_known(fixed: MessageTarget) -> bool:
    """The last message was still to be confirmed when the command began. A reply has no use for it."""
    return fixed.message is None and fixed.command != "reply"
