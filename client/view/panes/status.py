"""The two lines that frame a conversation: what it is (above), and how things stand (below)."""

import time

from chatroom.client.model import select
from chatroom.client.model.state import ClientState, ConnectionState, Conversation
from chatroom.client.text import i18n
from chatroom.client.view.draw.text import Row, column_count, drawable_text, fit_text

NAMED = 3
"""So many of those who are writing are named."""

SLOW = 2.0
"""Seconds of lag from which they are told in seconds, where the eye goes."""

LINKS = {
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
        ("class:topic", fit_text(f" {_topic_words(state, conversation) if conversation else home}", width))
    ]


def status_row(state: ClientState, more: int, helps: str, width: int) -> Row:
    """``more``: how much stands below the rows in sight. ``helps``: the key for help.

    Where there is no room for all of it, what can be known otherwise goes first.
    """
    below = f"-MORE({more})-" if more else ""
    account, lag, key = _account_words(state), _lag_words(state), _help_hint(helps)
    parts = [
        below,
        _typing_words(state),
        _connection_words(state),
        lag,
        account,
        _unread_elsewhere(state),
        key,
    ]
    for spare in (account, lag, key):
        if column_count(_join_parts(parts)) > width:
            parts.remove(spare)
    healthy = state.link is ConnectionState.LOGGED_IN and (state.lag or 0) < SLOW
    return [("class:status" if healthy else "class:status.warning", fit_text(_join_parts(parts), width))]


def _join_parts(parts: list[str]) -> str:
    return " " + " │ ".join(filter(None, parts))


def _help_hint(name: str) -> str:
    return i18n.translate("status.help", name=name) if name else ""


def _typing_words(state: ClientState) -> str:
    """Who is writing something here; of many, how many."""
    names = [drawable_text(name) for name in select.typing_nicknames(state, time.monotonic())]
    if len(names) > NAMED:
        return i18n.translate("status.many_typing", count=len(names))
    return i18n.translate("status.typing", count=len(names), names=", ".join(names)) if names else ""


def _topic_words(state: ClientState, conversation: Conversation) -> str:
    nickname = conversation.nickname if conversation.entered else ""
    told = i18n.translate(
        _topic_key(conversation),
        name=conversation.name[1:],
        nickname=nickname or state.username,
        username=state.username,
        members=conversation.members,
        capacity=conversation.capacity,
    )
    about = drawable_text(conversation.topic or conversation.away)
    return " │ ".join(filter(None, (told, *_room_marks(conversation), about)))


def _room_marks(room: Conversation) -> list[str]:
    """What is not so of every room."""
    return [i18n.translate(f"room.{mark}") for mark in ("private", "locked") if getattr(room, mark)]


def _topic_key(conversation: Conversation) -> str:
    if not conversation.is_room:
        return "topic.ended" if conversation.ended else "topic.direct"
    return "topic.room" if conversation.entered else "topic.room_left"


def _connection_words(state: ClientState) -> str:
    seconds = max(0, round(state.retry_at - time.monotonic()))
    if state.link is ConnectionState.RECONNECTING and not seconds:
        return i18n.translate("link.retrying")
    return i18n.translate(LINKS[state.link], seconds=seconds)


def _lag_words(state: ClientState) -> str:
    """How long the last ping took, or has taken so far."""
    if state.link is not ConnectionState.LOGGED_IN or state.lag is None:
        return ""
    if state.lag >= SLOW:
        return i18n.translate("status.slow", lag=round(state.lag))
    return i18n.translate("status.lag", lag=max(1, round(state.lag * 1000)))


def _account_words(state: ClientState) -> str:
    secure = " TLS" if state.encrypted else ""
    away = f" ({i18n.translate('state.away')})" if state.away else ""
    return (
        f"{drawable_text(state.username)}@{drawable_text(state.server)}{secure}{away}"
        if state.username
        else ""
    )


def _unread_elsewhere(state: ClientState) -> str:
    """The conversations out of sight in which something waits, the most urgent first."""
    return " ".join(map(unread_words, select.active_conversations(state)))


def unread_words(conversation: Conversation) -> str:
    """Its name, how much is unread there, and ``!`` where somebody names me."""
    mark = "!" if conversation.mentions else ""
    return f"{drawable_text(conversation.name)}({conversation.unread}{mark})"
