"""Lets others know that somebody is writing: gently, and never what. The counterpart is the event ``typing``,
which ``model.apply`` keeps until it is stale.
"""

import time
from collections.abc import Awaitable, Callable

from chatroom.client.commands.table import is_command
from chatroom.client.model.state import Conversation
from chatroom.client.net.connection import ConnectionLost, Refused
from chatroom.protocol import requests, responses

EVERY = 3.0
"""Seconds between two hints, while somebody goes on writing."""

Ask = Callable[[requests.AnyRequest], Awaitable[responses.AnyResponse]]


class TypingNotifier:
    """``ask`` asks the server."""

    def __init__(self, ask: Ask) -> None:
        self._ask = ask
        self._told: dict[str, float] = {}  # by conversation, when it was last told

    def is_due(self, one: Conversation, text: str) -> bool:
        """Whether there is something to tell now: a text that others will read, not told a moment ago."""
        if not text.strip() or is_command(text) or (one.is_room and not one.entered) or one.ended:
            return False
        now = time.monotonic()
        if now - self._told.get(one.name, -EVERY) < EVERY:
            return False
        self._told[one.name] = now
        return True

    async def send_typing(self, name: str) -> None:
        """A hint that does not arrive is no loss."""
        try:
            await self._ask(requests.Typing(id=0, conversation=name))
        except (ConnectionLost, Refused):
            return

    def message_sent(self, name: str) -> None:
        """What was being written is said: whatever is written next is news again."""
        self._told.pop(name, None)
