"""The message that the command in the input is about: fixed when the command is begun, and shown.

Messages that arrive while the user types do not change it: a reply keeps its addressee, a reaction its
message.
"""

from typing import NamedTuple

from chatroom.client.commands import table
from chatroom.client.model import select
from chatroom.client.model.state import ClientState
from chatroom.client.text import i18n, message_text
from chatroom.client.view.draw.text import Row, fit_text
from chatroom.protocol.values import Message

MESSAGE_COMMANDS = frozenset({"reply", "react", "edit", "delete"})
"""Commands about one message."""


class MessageTarget(NamedTuple):
    """``message`` is ``None`` if there was none when the command was begun."""

    command: str
    conversation: str = ""
    message: Message | None = None


class MessageTargets:
    """The target of each conversation's input, by name; the home screen has the empty name."""

    def __init__(self, state: ClientState) -> None:
        self._state = state
        self._targets: dict[str, MessageTarget] = {}

    @property
    def current(self) -> MessageTarget | None:
        return self._targets.get(self._state.current)

    def follow_input(self, text: str) -> None:
        """Set or clear the target for the text that the input holds now."""
        command, target = command_about_message(text), self.current
        if not command:
            self._targets.pop(self._state.current, None)
        elif target is None or target.command != command or _may_find_message(target):
            self.set_target(command)

    def set_target(self, command: str, message: Message | None = None) -> None:
        """Set the target to this message, or else to the one that the command would use now."""
        place = (self._state.current, message) if message else select.command_target(self._state, command)
        self._targets[self._state.current] = MessageTarget(command, *(place or ()))

    def follow_selection(self) -> None:
        """Set the target again after the user has selected another message."""
        if target := self.current:
            self.set_target(target.command)

    def rename_room(self, former: str, name: str) -> None:
        """Keep the targets of a room that was renamed."""
        self._targets = {
            name if place == former else place: target._replace(
                conversation=name if target.conversation == former else target.conversation
            )
            for place, target in self._targets.items()
        }

    def clear_targets(self) -> None:
        self._targets.clear()

    def target_rows(self, width: int) -> list[Row]:
        """Return a row that shows what the command is about, or none."""
        target = self.current
        if target is None or target.message is None:
            return []
        private = target.conversation != self._state.current
        key = "target.private" if private else f"target.{target.command}"
        message = target.message
        author = f"{message.nickname} ({message.username})"
        if message.nickname == message.username:
            author = message.username
        text = i18n.translate(key, who=author, text=message_text.message_body(message))
        return [[("class:question", fit_text(f" {text}", width))]]


def command_about_message(text: str) -> str:
    """Return the name of the command in this line if it is about a message, else an empty string."""
    name = text[1:].split(maxsplit=1)[:1] if table.is_command(text) else []
    command = table.find_command(name[0]) if name and not text[1].isspace() else None
    return command.name if command is not None and command.name in MESSAGE_COMMANDS else ""


def _may_find_message(target: MessageTarget) -> bool:
    """Return whether a message may still be found: the last message may have been unconfirmed at first.

    A reply is not looked up again, so that it does not go to a later message.
    """
    return target.message is None and target.command != "reply"
