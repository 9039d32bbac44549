"""The two lines that frame a conversation: what it is (above), and how things stand (below)."""

import time

from client import words
from client.model import select
from client.model.state import Conversation, Link, State
from client.view.text import Row, columns, drawn, fit

NAMED = 3
"""So many of those who are writing are named."""

SLOW = 2.0
"""Seconds of lag from which they are told in seconds, where the eye goes."""

LINKS = {
    Link.OFFLINE: "link.offline",
    Link.CONNECTING: "link.connecting",
    Link.RECONNECTING: "link.reconnecting",
    Link.ONLINE: "link.online",
    Link.LOGGED_IN: "link.logged_in",
    Link.REFUSED: "link.refused",
}


def topic_row(state: State, width: int) -> Row:
    conversation = select.current(state)
    home = words.say("topic.home", server=state.server_name)
    return [("class:topic", fit(f" {_topic(state, conversation) if conversation else home}", width))]


def status_row(state: State, more: int, helps: str, width: int) -> Row:
    """``more``: how much stands below the rows in sight. ``helps``: the key for help.

    Where there is no room for all of it, what can be known otherwise goes first.
    """
    below = f"-MORE({more})-" if more else ""
    account, lag, key = _account(state), _lag(state), _help(helps)
    parts = [below, _typing(state), _link(state), lag, account, _elsewhere(state), key]
    for spare in (account, lag, key):
        if columns(_line(parts)) > width:
            parts.remove(spare)
    healthy = state.link is Link.LOGGED_IN and (state.lag or 0) < SLOW
    return [("class:status" if healthy else "class:status.warning", fit(_line(parts), width))]


def _line(parts: list[str]) -> str:
    return " " + " │ ".join(filter(None, parts))


def _help(name: str) -> str:
    return words.say("status.help", name=name) if name else ""


def _typing(state: State) -> str:
    """Who is writing something here; of many, how many."""
    names = [drawn(name) for name in select.typing(state, time.monotonic())]
    if len(names) > NAMED:
        return words.say("status.many_typing", count=len(names))
    return words.say("status.typing", count=len(names), names=", ".join(names)) if names else ""


def _topic(state: State, conversation: Conversation) -> str:
    nickname = conversation.nickname if conversation.entered else ""
    told = words.say(
        _topic_key(conversation),
        name=conversation.name[1:],
        nickname=nickname or state.username,
        username=state.username,
        members=conversation.members,
        capacity=conversation.capacity,
    )
    about = drawn(conversation.topic or conversation.away)
    return " │ ".join(filter(None, (told, *_marks(conversation), about)))


def _marks(room: Conversation) -> list[str]:
    """What is not so of every room."""
    return [words.say(f"room.{mark}") for mark in ("private", "locked") if getattr(room, mark)]


def _topic_key(conversation: Conversation) -> str:
    if not conversation.is_room:
        return "topic.ended" if conversation.ended else "topic.direct"
    return "topic.room" if conversation.entered else "topic.room_left"


def _link(state: State) -> str:
    seconds = max(0, round(state.retry_at - time.monotonic()))
    if state.link is Link.RECONNECTING and not seconds:
        return words.say("link.retrying")
    return words.say(LINKS[state.link], seconds=seconds)


def _lag(state: State) -> str:
    """How long the last ping took, or has taken so far."""
    if state.link is not Link.LOGGED_IN or state.lag is None:
        return ""
    if state.lag >= SLOW:
        return words.say("status.slow", lag=round(state.lag))
    return words.say("status.lag", lag=max(1, round(state.lag * 1000)))


def _account(state: State) -> str:
    secure = " TLS" if state.encrypted else ""
    away = f" ({words.say('state.away')})" if state.away else ""
    return f"{drawn(state.username)}@{drawn(state.server)}{secure}{away}" if state.username else ""


def _elsewhere(state: State) -> str:
    """The conversations out of sight in which something waits, the most urgent first."""
    return " ".join(map(waiting, select.active(state)))


def waiting(conversation: Conversation) -> str:
    """Its name, how much is unread there, and ``!`` where somebody names me."""
    mark = "!" if conversation.mentions else ""
    return f"{drawn(conversation.name)}({conversation.unread}{mark})"
