"""Notifications about messages that are not in sight.

Every terminal, and tmux, turns BEL into the alert that its user has configured. OSC 9 (iTerm2, WezTerm,
Windows Terminal), OSC 99 (kitty) and OSC 777 (urxvt, foot, Ghostty) show a text. tmux passes these on only
if they are wrapped and ``allow-passthrough`` is on; so in a multiplexer, also at the other end of an ssh
connection, BEL follows them.
"""

import os
from collections.abc import Mapping
from typing import NamedTuple

from chatroom.client.model import select
from chatroom.client.model.state import ClientState
from chatroom.client.view.draw.text import clip_text, drawable_text

MAX_COLUMNS = 120
"""Columns of the text of a notification."""


class NotificationText(NamedTuple):
    """The title and text of a notification."""

    title: str
    text: str


class UnreadCount(NamedTuple):
    """The unread messages of a conversation, and how many of them notify the user.

    Both are compared: a mention that is found in older messages is not a new message.
    """

    notifying: int
    unread: int


class NotificationBell:
    """Compares the unread counts with the previous ones, so that it notifies once for each message."""

    def __init__(self, state: ClientState) -> None:
        self._state = state
        self._counts: dict[str, UnreadCount] | None = None

    def next_notification(self, default_level: str, in_sight: str | None = None) -> NotificationText | None:
        """Return the notification for the latest change of the state, if it needs one.

        ``default_level`` tells which messages notify in conversations without a level of their own. The user
        sees the messages of the conversation ``in_sight``.
        """
        previous, self._counts = self._counts, self._count_unread(default_level)
        if previous is None or self._counts is None:
            return None
        for name, count in self._counts.items():
            before = previous.get(name, UnreadCount(0, 0))
            is_new = count.notifying > before.notifying and count.unread > before.unread
            if is_new and name != in_sight:
                return self._notification_for(name)
        return None

    def rename_room(self, former: str, name: str) -> None:
        if self._counts is not None and former in self._counts:
            self._counts[name] = self._counts.pop(former)

    def _count_unread(self, default_level: str) -> dict[str, UnreadCount] | None:
        """Return ``None`` before the login: messages that are unread at the login do not notify."""
        if not self._state.username:
            return None
        counts = {}
        for conversation in select.sidebar_conversations(self._state):
            notifying = select.notifying_count(self._state, conversation, default_level)
            counts[conversation.name] = UnreadCount(notifying, conversation.unread)
        return counts

    def _notification_for(self, name: str) -> NotificationText:
        message = select.last_by_others(self._state, self._state.conversations[name])
        text = f"{drawable_text(message.nickname)}: {drawable_text(message.text)}" if message else ""
        return NotificationText(drawable_text(name), clip_text(text, MAX_COLUMNS))


def terminal_title(state: ClientState) -> str:
    """Return the title of the terminal: unread mentions and messages elsewhere, and the conversation."""
    active = select.active_conversations(state)
    mentions, unread = (sum(getattr(other, name) for other in active) for name in ("mentions", "unread"))
    counts = f"(@{mentions} {unread}) " if mentions else f"({unread}) " if unread else ""
    return clip_text(f"{counts}{drawable_text(state.current) or 'chatroom'}", MAX_COLUMNS)


def notification_sequence(
    notification: NotificationText, alert: str, environment: Mapping[str, str] = os.environ
) -> str:
    """Return the output of a notification. ``alert`` is a value of the setting."""
    match alert:
        case "bell":
            return "\a"
        case "osc9":
            return _multiplexer_passthrough(f"\x1b]9;{notification.title} {notification.text}\a", environment)
        case "osc99":
            title = f"\x1b]99;i=chatroom:d=0;{notification.title}\x1b\\"
            body = f"\x1b]99;i=chatroom:p=body;{notification.text}\x1b\\"
            return _multiplexer_passthrough(title + body, environment)
        case "osc777":
            title = notification.title.replace(";", ",")
            return _multiplexer_passthrough(f"\x1b]777;notify;{title};{notification.text}\a", environment)
    return ""


def _multiplexer_passthrough(sequence: str, environment: Mapping[str, str]) -> str:
    """Wrap a sequence so that tmux or screen passes it to the terminal.

    Over ssh, only ``TERM`` tells of them. ``screen-256color`` is what tmux calls itself by default.
    """
    kind = environment.get("TERM", "")
    is_screen = kind.startswith("screen") and kind != "screen-256color"
    in_tmux = kind.startswith(("tmux", "screen-256color")) and not environment.get("STY")
    if environment.get("TMUX") or in_tmux:
        doubled = sequence.replace("\x1b", "\x1b\x1b")
        return f"\x1bPtmux;{doubled}\x1b\\\a"
    if is_screen or environment.get("STY"):
        return f"\x1bP{sequence}\x1b\\\a"
    return sequence
