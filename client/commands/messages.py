"""The commands about messages: change, answer and find them.

They are about the selected message (``Alt-↑``), or else the last one.
"""

import re
from datetime import datetime

from msgspec.structs import replace

from chatroom.client.commands.context import CommandContext
from chatroom.client.commands.conversations import UsageError, named_or_current
from chatroom.client.commands.found_lines import show_found_lines
from chatroom.client.commands.search_filters import SearchFilters, parse_search
from chatroom.client.core.requester import expect
from chatroom.client.model import apply, select
from chatroom.client.model.state import Conversation
from chatroom.client.net.connection import Refused
from chatroom.client.text import dates, emoji, message_text
from chatroom.protocol import requests, responses
from chatroom.protocol.frame import UNSET
from chatroom.protocol.values import Message

FOUND = 30
"""The number of messages that a search shows."""

MAX_SEARCH_PAGES = 40
"""Pages that a search asks for."""


async def send_action(context: CommandContext, text: str) -> None:
    context.writer.write(named_or_current(context).name, text, kind="action")


async def edit_message(context: CommandContext, text: str) -> None:
    conversation = named_or_current(context)
    message = await _message_to_change(context, conversation, mine=True)
    if message.text == text:
        apply.select_message(context.state, conversation.name, 0)
        context.notes.show("nothing_changed")
        return
    _send_change(context, conversation, "edit", message, text)


async def delete_message(context: CommandContext) -> None:
    conversation = named_or_current(context)
    owned = (
        conversation.is_room and conversation.owner == context.state.username and bool(conversation.selected)
    )
    _send_change(
        context, conversation, "delete", await _message_to_change(context, conversation, mine=not owned)
    )


async def react_to_message(context: CommandContext, reaction: str) -> None:
    """React with an emoji or its name; the same reaction again removes it."""
    conversation, reaction = named_or_current(context), emoji.emoji_or_text(reaction)
    message = await _message_to_change(context, conversation)
    reactions = message.reactions or {}
    if reaction not in reactions and emoji.is_unknown_name(reaction):
        raise UsageError("no_emoji", name=reaction)
    has_reacted = context.state.username in reactions.get(reaction, [])
    _send_change(context, conversation, "unreact" if has_reacted else "react", message, reaction)


async def reply_to_message(context: CommandContext, text: str) -> None:
    """Answer the selected message, or else the last one of another user in this conversation.

    On the home screen: the user who wrote in private, if that is one alone.
    """
    conversation = context.state.conversations.find(context.target)
    if conversation is None:
        _reply_in_private(context, text)
        return
    last = select.last_by_others(context.state, conversation)
    if not conversation.selected and last is None:
        raise UsageError("nothing_to_change")
    context.writer.write(conversation.name, text, target=conversation.selected or (last.seq if last else 0))
    apply.select_message(context.state, conversation.name, 0)


def _reply_in_private(context: CommandContext, text: str) -> None:
    """Answer the only user who wrote in private. The last message may change while the line is typed."""
    writers = select.direct_senders(context.state)
    if not writers:
        raise UsageError("nobody_to_reply_to")
    if len(writers) > 1:
        raise UsageError("several_writers", names=", ".join(writers))
    [name] = writers
    last = select.last_by_others(context.state, context.state.conversations[name])
    context.writer.write(name, text, target=last.seq if last else 0)
    context.notes.show("written_to", username=name[1:], text=text)


async def _message_to_change(
    context: CommandContext, conversation: Conversation, *, mine: bool = False
) -> Message:
    """Return the message to change. Raises ``UsageError`` if there is none.

    Wait until the last message is confirmed: a script may have sent it just before.
    """
    if not conversation.selected and select.has_unconfirmed(conversation):
        await context.writer.wait_briefly()
    if not conversation.selected and select.has_unconfirmed(conversation):
        raise UsageError("not_confirmed_yet")
    message = select.target_message(context.state, conversation, mine=mine)
    if message is None or not select.is_changeable(message):
        raise UsageError("nothing_to_change")
    if mine and not select.is_mine(context.state, message):
        raise Refused("not_yours", {"target": message.seq})
    return message


def _send_change(
    context: CommandContext,
    conversation: Conversation,
    kind: requests.SentKind,
    message: Message,
    text: str = "",
) -> None:
    context.writer.write(conversation.name, text, kind=kind, target=message.seq)
    apply.select_message(context.state, conversation.name, 0)


async def search_history(context: CommandContext, query: str) -> None:
    """Search, with the filters ``from:NAME in:ROOM before:DATE after:DATE``."""
    filters = parse_search(context.state, query)
    messages, more = await _run_search(context, filters)
    if not messages:
        context.notes.show("found_nothing", query=query)
        return
    context.search_results[:] = messages
    context.state.search_terms = tuple(re.findall(r"\w+", filters.words.casefold()))
    context.notes.show("found", query=query, count=len(messages))
    show_found_lines(context, reversed(list(enumerate(messages, 1))))
    context.notes.show("found_more" if more else "found_all")


async def _run_search(context: CommandContext, filters: SearchFilters) -> tuple[list[Message], bool]:
    """Return the newest matches, and whether there are more. Continue if the server stops early.

    The server does not know the author; so pages without enough matches are followed by others.
    """
    request = requests.Search(
        id=0,
        query=filters.words,
        limit=FOUND,
        conversation=filters.conversation or UNSET,
        before=filters.before or UNSET,
    )
    messages: list[Message] = []
    for _ in range(MAX_SEARCH_PAGES):
        answer = expect(await context.requests.ask(request), responses.Found)
        messages += filter(filters.accepts, answer.messages)
        is_too_old = bool(answer.messages) and filters.is_too_old(answer.messages[-1])
        if answer.cursor is UNSET or len(messages) >= FOUND or is_too_old:
            return messages[:FOUND], (answer.more or len(messages) > FOUND) and not is_too_old
        request = replace(request, cursor=answer.cursor, before=UNSET)
    return messages, True


ORIGINAL = "original"
"""The argument of ``/goto`` for the message that a reply answers."""


async def go_to_place(context: CommandContext, where: str) -> None:
    """Show the messages from a date on, the search result with a number, or the original of a reply."""
    if where == ORIGINAL:
        await _show_original(context, named_or_current(context))
    elif where.isdecimal() and where.isascii() and len(where) < 10:
        _show_found(context, int(where))
    else:
        await _show_date(context, named_or_current(context).name, where)


def _show_found(context: CommandContext, number: int) -> None:
    if not 1 <= number <= len(context.search_results):
        raise UsageError("not_found", number=number)
    message = context.search_results[number - 1]
    is_known = message.conversation in context.state.conversations
    if is_known:
        apply.select_message(context.state, message.conversation, message.seq)
    if not (is_known and context.front_end.seek(message.conversation, message.seq)):
        apply.select_message(context.state, message.conversation, 0)
        show_found_lines(context, [(number, message)])


async def _show_original(context: CommandContext, conversation: Conversation) -> None:
    """Show what the selected or last reply answers. Without a screen, load it if needed."""
    reply = select.reply_message(conversation)
    if reply is None or reply.target is UNSET:
        raise UsageError("no_reply")
    name, seq = conversation.name, reply.target
    apply.select_message(context.state, name, seq)
    if context.front_end.seek(name, seq):
        return
    apply.select_message(context.state, name, 0)
    message = conversation.timeline.find(seq) or await context.history.load_message(name, seq)
    if message is None:
        raise UsageError("no_original")
    line = message_text.message_line(message)
    context.notes.show("history_line", conversation=name, line=line)


async def _show_date(context: CommandContext, name: str, where: str) -> None:
    try:
        moment = dates.parse_moment(where, datetime.now().astimezone())
    except dates.DateError:
        raise UsageError("no_date", text=where) from None
    seq = await context.history.load_since(name, dates.wire_time(moment))
    if seq is None:
        context.notes.show("nothing_since", date=f"{moment:%Y-%m-%d %H:%M}")
    elif not context.front_end.seek(name, seq):
        _print_messages(context, name, seq)


def _print_messages(context: CommandContext, name: str, seq: int) -> None:
    """Show the messages from there on as notes, where no screen scrolls."""
    timeline = context.state.conversations[name].shown
    for at in range(seq, min(seq + FOUND, timeline.last + 1)):
        if (message := timeline.find(at)) and message_text.is_shown(message):
            line = message_text.message_line(message, timeline.find(message.target or 0))
            context.notes.show("history_line", conversation=name, line=line)
    apply.show_newest(context.state, name)
