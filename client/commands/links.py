"""The commands that open and copy links, messages and invitations.

Links are counted from the newest one in the conversation: the last link is 1.
"""

from chatroom.client.commands.context import CommandContext
from chatroom.client.commands.conversations import UsageError
from chatroom.client.core.link_opener import open_link
from chatroom.client.model import select
from chatroom.client.net.connection import Refused
from chatroom.client.text import i18n
from chatroom.client.text.links import find_invitation, find_targets, is_link
from chatroom.protocol.safe import safe_text

MAX_LISTED = 20
"""Links that ``/links`` shows."""

MAX_SEARCHED = 1000
"""Messages, from the last one, in which links are searched for."""


async def open_numbered(context: CommandContext, number: str = "") -> None:
    """Open the link of the selected message, or the last one, or the one with this number."""
    open_target(context, _chosen_target(context, number))


def open_target(context: CommandContext, target: str) -> None:
    if context.config.open == "off":
        raise UsageError("open_off")
    open_link(target)
    context.notes.show("link_opened", target=target)


async def copy_numbered(context: CommandContext, number: str = "") -> None:
    """Copy the link with this number; without one, the selected message, or what was written last."""
    copy_target(context, _chosen_target(context, number) if number else _text_to_copy(context))


def copy_target(context: CommandContext, text: str) -> None:
    if context.config.clipboard == "off":
        raise UsageError("clipboard_off")
    if context.front_end.copy_text(text):
        context.notes.show("copied", count=len(text))
    else:
        context.notes.show("text_to_copy", text=text)


async def list_links(context: CommandContext) -> None:
    targets = recent_targets(context)[:MAX_LISTED]
    for number, target in reversed(list(enumerate(targets, 1))):
        context.notes.show("link_line", number=number, target=target)
    if not targets:
        context.notes.show("no_links")


def recent_targets(context: CommandContext) -> list[str]:
    """Return the links and invitations of the conversation, the newest first, each once."""
    texts = [text for _, text in reversed(_written_texts(context))]
    return list(dict.fromkeys(target for text in texts for target in reversed(find_targets(text))))


def _written_texts(context: CommandContext) -> list[tuple[int, str]]:
    """Return the messages of the conversation and the notes with an invitation, by seq."""
    name = context.target
    conversation = context.state.conversations.find(name)
    messages = conversation.shown.messages[-MAX_SEARCHED:] if conversation else []
    texts = [(message.seq, message.text) for message in messages if select.is_changeable(message)]
    for note in context.state.notes:
        if note.conversation == name and note.key == "invitation":
            texts.append((note.after, find_invitation(i18n.translate(note.key, **note.facts))))
    return sorted(texts, key=lambda text: text[0])


def _chosen_target(context: CommandContext, number: str) -> str:
    """Return the target with this number, or without a number the first link."""
    if not number:
        if link := next(filter(is_link, _nearest_targets(context)), None):
            return link
        raise Refused("no_links")
    if number.isascii() and number.isdecimal() and len(number) < 10:
        targets = recent_targets(context)
        if 1 <= int(number) <= len(targets):
            return targets[int(number) - 1]
    raise UsageError("no_link_number", number=number)


def _nearest_targets(context: CommandContext) -> list[str]:
    """Return the targets in the selected message, or without a selection the recent ones."""
    conversation = context.state.conversations.find(context.target)
    if not (conversation and conversation.selected):
        return recent_targets(context)
    message = select.target_message(context.state, conversation)
    return find_targets(message.text) if message else []


def _text_to_copy(context: CommandContext) -> str:
    conversation = context.state.conversations.find(context.target)
    if conversation and conversation.selected:
        message = select.target_message(context.state, conversation)
        text = message.text if message else ""
    else:
        text = next((text for _, text in reversed(_written_texts(context))), "")
    if not text:
        raise UsageError("nothing_to_change")
    return safe_text(text, lines=True)
