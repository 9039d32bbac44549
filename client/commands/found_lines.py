"""The numbered messages that a command lists, for ``/goto NUMBER``."""

from collections.abc import Iterable

from chatroom.client.commands.context import CommandContext
from chatroom.client.text import message_text
from chatroom.protocol.values import Message


def show_found_lines(context: CommandContext, numbered: Iterable[tuple[int, Message]]) -> None:
    """Show each message with its number, conversation and time."""
    form = message_text.short_line if context.front_end.is_full_screen else message_text.message_line
    for number, message in numbered:
        context.notes.show("found_line", number=number, conversation=message.conversation, line=form(message))
