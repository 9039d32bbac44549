"""When to call somebody to the terminal, and how: somebody wants me, where I am not looking.

A plain BEL is what every terminal, and tmux as well, makes into whatever its user wishes. A terminal that
knows OSC 9 (iTerm2, kitty, WezTerm, Windows Terminal) or OSC 777 (urxvt, foot, Ghostty) shows the words;
tmux swallows those unless they are wrapped for it (and ``allow-passthrough`` is on), so there the BEL comes
as well.
"""

import os
from collections.abc import Mapping
from typing import NamedTuple

from client.model import select
from client.model.state import State
from client.view.text import clip, drawn

MOST_COLUMNS = 120
"""Of a notification's text."""


class Call(NamedTuple):
    """What a notification says."""

    title: str
    text: str


class Waiting(NamedTuple):
    """How much is unread in a conversation, and how much of it is worth a call.

    A mention may be found in what had come long before; that is nothing new.
    """

    calls: int
    unread: int


class Bell:
    """Remembers how much was waiting, so that it rings once for what comes."""

    def __init__(self, state: State) -> None:
        self._state = state
        self._waiting: dict[str, Waiting] | None = None

    def due(self, choice: str) -> Call | None:
        """Whenever the state changed. ``choice``: what is worth a call where nothing else was chosen."""
        before, self._waiting = self._waiting, self._count(choice)
        if before is None or self._waiting is None:
            return None
        for name, now in self._waiting.items():
            was = before.get(name, Waiting(0, 0))
            if now.calls > was.calls and now.unread > was.unread:
                return self._call(name)
        return None

    def _count(self, choice: str) -> dict[str, Waiting] | None:
        """``None`` while nobody is logged in: what waits at the login is shown, not rung."""
        if not self._state.username:
            return None
        elsewhere = [one for one in select.sidebar(self._state) if one.name != self._state.current]
        return {one.name: Waiting(select.calls(self._state, one, choice), one.unread) for one in elsewhere}

    def _call(self, name: str) -> Call:
        said = select.last_said(self._state, self._state.conversations[name])
        text = f"{drawn(said.nickname)}: {drawn(said.text)}" if said else ""
        return Call(drawn(name), clip(text, MOST_COLUMNS))


def sequence(call: Call, alert: str, environment: Mapping[str, str] = os.environ) -> str:
    """The bytes that make a terminal call. ``alert``: ``bell``, ``osc9``, ``osc777`` or ``off``."""
    match alert:
        case "bell":
            return "\a"
        case "osc9":
            return _through(f"\x1b]9;{call.title} {call.text}\a", environment)
        case "osc777":
            title = call.title.replace(";", ",")
            return _through(f"\x1b]777;notify;{title};{call.text}\a", environment)
    return ""


def _through(sequence: str, environment: Mapping[str, str]) -> str:
    """Past a multiplexer to the terminal itself."""
    if environment.get("TMUX"):
        doubled = sequence.replace("\x1b", "\x1b\x1b")
        return f"\x1bPtmux;{doubled}\x1b\\\a"
    if environment.get("TERM", "").startswith("screen"):
        return f"\x1bP{sequence}\x1b\\\a"
    return sequence
