"""When to call somebody to the terminal, and how: somebody wants me, where I am not looking.

A plain BEL is what every terminal, and tmux as well, makes into whatever its user wishes. A terminal that
knows OSC 9 (iTerm2, kitty, WezTerm, Windows Terminal) or OSC 777 (urxvt, foot, Ghostty) shows the words;
tmux swallows those unless they are wrapped for it (and ``allow-passthrough`` is on), so there the BEL comes
as well.
"""

import os
from collections.abc import Mapping
from typing import NamedTuple

from chatroom.client.model import select
from chatroom.client.model.state import ClientState
from chatroom.client.view.draw.text import clip_text, drawable_text

MOST_COLUMNS = 120
"""Of a notification's text."""


class NotificationText(NamedTuple):
    """What a notification says."""

    title: str
    text: str


class UnreadCount(NamedTuple):
    """How much is unread in a conversation, and how much of it is worth a call.

    A mention may be found in what had come long before; that is nothing new.
    """

    calls: int
    unread: int


class NotificationBell:
    """Remembers how much was waiting, so that it rings once for what comes."""

    def __init__(self, state: ClientState) -> None:
        self._state = state
        self._waiting: dict[str, UnreadCount] | None = None

    def next_notification(self, choice: str) -> NotificationText | None:
        """Whenever the state changed. ``choice``: what is worth a call where nothing else was chosen."""
        before, self._waiting = self._waiting, self._count_unread(choice)
        if before is None or self._waiting is None:
            return None
        for name, now in self._waiting.items():
            was = before.get(name, UnreadCount(0, 0))
            if now.calls > was.calls and now.unread > was.unread:
                return self._notification_for(name)
        return None

    def _count_unread(self, choice: str) -> dict[str, UnreadCount] | None:
        """``None`` while nobody is logged in: what waits at the login is shown, not rung."""
        if not self._state.username:
            return None
        elsewhere = [
            one for one in select.sidebar_conversations(self._state) if one.name != self._state.current
        ]
        return {
            one.name: UnreadCount(select.notifying_count(self._state, one, choice), one.unread)
            for one in elsewhere
        }

    def _notification_for(self, name: str) -> NotificationText:
        said = select.last_by_others(self._state, self._state.conversations[name])
        text = f"{drawable_text(said.nickname)}: {drawable_text(said.text)}" if said else ""
        return NotificationText(drawable_text(name), clip_text(text, MOST_COLUMNS))


def notification_sequence(
    call: NotificationText, alert: str, environment: Mapping[str, str] = os.environ
) -> str:
    """The bytes that make a terminal call. ``alert``: ``bell``, ``osc9``, ``osc777`` or ``off``."""
    match alert:
        case "bell":
            return "\a"
        case "osc9":
            return _multiplexer_passthrough(f"\x1b]9;{call.title} {call.text}\a", environment)
        case "osc777":
            title = call.title.replace(";", ",")
            return _multiplexer_passthrough(f"\x1b]777;notify;{title};{call.text}\a", environment)
    return ""


def _multiplexer_passthrough(sequence: str, environment: Mapping[str, str]) -> str:
    """Past a multiplexer to the terminal itself."""
    if environment.get("TMUX"):
        doubled = sequence.replace("\x1b", "\x1b\x1b")
        return f"\x1bPtmux;{doubled}\x1b\\\a"
    if environment.get("TERM", "").startswith("screen"):
        return f"\x1bP{sequence}\x1b\\\a"
    return sequence
