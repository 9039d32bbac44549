"""The commands that gather what waits for the user: mentions, unread conversations, pinned messages."""

import msgspec

from chatroom.client.commands.context import CommandContext
from chatroom.client.commands.conversations import UsageError, named_or_current
from chatroom.client.commands.found_lines import show_found_lines
from chatroom.client.model import apply, select, unread
from chatroom.client.text import message_text
from chatroom.protocol.values import Message

MAX_PINS = 100
"""Pinned messages of an account."""

MAX_MENTIONS = 20
"""Mentions that ``/inbox`` shows."""


async def show_inbox(context: CommandContext) -> None:
    """Show unread mentions, numbered for ``/goto``, then the conversations with unread messages."""
    state = context.state
    chats = [chat for chat in select.sidebar_conversations(state) if chat.unread]
    mentions = [
        message
        for chat in chats
        for seq in sorted(chat.mention_seqs)
        if (message := chat.timeline.find(seq)) is not None
    ]
    newest = sorted(mentions, key=lambda message: message.time, reverse=True)[:MAX_MENTIONS]
    if newest:
        context.search_results[:] = newest
    show_found_lines(context, reversed(list(enumerate(newest, 1))))
    for chat in chats:
        context.notes.show("inbox_line", name=chat.name, count=chat.unread)
    if not chats:
        context.notes.show("inbox_empty")


async def mark_unread(context: CommandContext) -> None:
    """Mark the selected message and all after it as unread for this client, until they are seen again."""
    conversation = named_or_current(context)
    message = select.target_message(context.state, conversation)
    if message is None:
        raise UsageError("nothing_to_change")
    unread.mark_unread_from(context.state, conversation.name, message.seq)
    context.conversations.show("")
    context.notes.show("marked_unread", name=conversation.name)


async def toggle_pin(context: CommandContext) -> None:
    """Pin the selected message, or else the last one, for this account, or remove its pin."""
    conversation = named_or_current(context)
    message = select.target_message(context.state, conversation)
    if message is None or not select.is_changeable(message):
        raise UsageError("nothing_to_change")
    pins, key = context.config.pins, f"{_pin_prefix(context)}{conversation.name}/{message.seq}"
    is_pinned = pins.pop(key, None) is not None
    if not is_pinned:
        if sum(pin.startswith(_pin_prefix(context)) for pin in pins) >= MAX_PINS:
            raise UsageError("too_many_pins", count=MAX_PINS)
        pins[key] = msgspec.json.encode(message).decode()
    context.config.save_config("pins")
    apply.select_message(context.state, conversation.name, 0)
    context.notes.show("unpinned" if is_pinned else "pinned", text=message_text.message_body(message))


async def list_pins(context: CommandContext) -> None:
    """Show the pinned messages, numbered for ``/goto``."""
    pins = [message for key in sorted(context.config.pins) if (message := _pinned_message(context, key))]
    if not pins:
        context.notes.show("no_pins")
        return
    context.search_results[:] = pins
    show_found_lines(context, enumerate(pins, 1))


def _pinned_message(context: CommandContext, key: str) -> Message | None:
    """Return a pinned message of this account; ``None`` for others, and if the file was damaged."""
    if not key.startswith(_pin_prefix(context)):
        return None
    try:
        return msgspec.json.decode(context.config.pins[key], type=Message)
    except msgspec.MsgspecError:
        return None


def _pin_prefix(context: CommandContext) -> str:
    return f"{context.state.username}@{context.state.server}/"
