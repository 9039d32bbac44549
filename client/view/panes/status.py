"""The topic line above the history and the status line below it."""

import time

from chatroom.client.model import select
from chatroom.client.model.state import ClientState, ConnectionState, Conversation
from chatroom.client.text import i18n
from chatroom.client.view.draw.text import Row, column_count, drawable_text, fit_text

MAX_NAMED_TYPISTS = 3
"""If more users are typing, they are counted."""

SLOW_LAG = 2.0
"""Seconds of lag from which the status line is a warning and shows seconds."""

CONNECTION_TEXTS = {
    ConnectionState.OFFLINE: "link.offline",
    ConnectionState.CONNECTING: "link.connecting",
    ConnectionState.RECONNECTING: "link.reconnecting",
    ConnectionState.ONLINE: "link.online",
    ConnectionState.LOGGED_IN: "link.logged_in",
    ConnectionState.REFUSED: "link.refused",
}


def topic_row(state: ClientState, width: int) -> Row:
    conversation = select.current_conversation(state)
    home = i18n.translate("topic.home", server=state.server_name)
    return [
        ("class:topic", fit_text(f" {_topic_text(state, conversation) if conversation else home}", width))
    ]


def status_row(state: ClientState, below: str, help_key: str, width: int) -> Row:
    """Return the status line. ``below`` tells what is below the history, ``help_key`` is a key.

    If it is too wide, the account, the lag and the key are left out in this order.
    """
    account, lag, key = _account_text(state), _lag_text(state), _help_hint(help_key)
    parts = [
        below,
        _typing_text(state),
        _connection_text(state),
        lag,
        account,
        _unread_elsewhere(state),
        key,
    ]
    for part in (account, lag, key):
        if column_count(_join_parts(parts)) > width:
            parts.remove(part)
    healthy = state.link is ConnectionState.LOGGED_IN and (state.lag or 0) < SLOW_LAG
    return [("class:status" if healthy else "class:status.warning", fit_text(_join_parts(parts), width))]


def _join_parts(parts: list[str]) -> str:
    return " " + " │ ".join(filter(None, parts))


def _help_hint(name: str) -> str:
    return i18n.translate("status.help", name=name) if name else ""


def _typing_text(state: ClientState) -> str:
    """Return who is typing in the current conversation, or how many."""
    names = [drawable_text(name) for name in select.typing_nicknames(state, time.monotonic())]
    if len(names) > MAX_NAMED_TYPISTS:
        return i18n.translate("status.many_typing", count=len(names))
    return i18n.translate("status.typing", count=len(names), names=", ".join(names)) if names else ""


def _topic_text(state: ClientState, conversation: Conversation) -> str:
    """Return the name, the seats, the user's nickname if it is not the account, and the topic."""
    nickname = conversation.nickname if conversation.entered else ""
    title = i18n.translate(
        _topic_key(conversation),
        name=conversation.name[1:],
        members=conversation.members,
        capacity=conversation.capacity,
    )
    about = drawable_text(conversation.topic or conversation.away)
    me = ""
    if nickname not in ("", state.username):
        me = i18n.translate("topic.you", nickname=nickname, username=state.username)
    return " · ".join(filter(None, (title, me, *_room_marks(conversation), about)))


def _room_marks(room: Conversation) -> list[str]:
    """Return the labels of a private room and of a room with a password."""
    return [i18n.translate(f"room.{mark}") for mark in ("private", "locked") if getattr(room, mark)]


def _topic_key(conversation: Conversation) -> str:
    if not conversation.is_room:
        return "topic.ended" if conversation.ended else "topic.direct"
    return "topic.room" if conversation.entered else "topic.room_left"


def _connection_text(state: ClientState) -> str:
    seconds = max(0, round(state.retry_at - time.monotonic()))
    if state.link is ConnectionState.RECONNECTING and not seconds:
        return i18n.translate("link.retrying")
    return i18n.translate(CONNECTION_TEXTS[state.link], seconds=seconds)


def _lag_text(state: ClientState) -> str:
    """Return how long the last ping took, or has taken so far."""
    if state.link is not ConnectionState.LOGGED_IN or state.lag is None:
        return ""
    if state.lag >= SLOW_LAG:
        return i18n.translate("status.slow", lag=round(state.lag))
    return i18n.translate("status.lag", lag=max(1, round(state.lag * 1000)))


def _account_text(state: ClientState) -> str:
    secure = " TLS" if state.encrypted else ""
    away = f" ({i18n.translate('state.away')})" if state.away else ""
    return (
        f"{drawable_text(state.username)}@{drawable_text(state.server)}{secure}{away}"
        if state.username
        else ""
    )


def _unread_elsewhere(state: ClientState) -> str:
    """Return the other conversations with unread messages, the most urgent first."""
    return " ".join(map(unread_label, select.active_conversations(state)))


def unread_counts(conversation: Conversation) -> str:
    """Return the counts of unread mentions and messages: ``@1 6``; ``@1+ 6`` if some are not scanned yet."""
    more = "+" if conversation.has_unscanned else ""
    mentions = f"@{conversation.mentions}{more} " if conversation.mentions else ""
    return f"{mentions}{conversation.unread or ''}"


def unread_label(conversation: Conversation) -> str:
    """Return the name and the unread counts: ``#lab(@1 6)``."""
    return f"{drawable_text(conversation.name)}({unread_counts(conversation)})"
