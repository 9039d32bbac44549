"""Sends ``typing`` to the server, without the text."""

import time
from contextlib import suppress

from chatroom.client.commands.table import is_command
from chatroom.client.core.requester import Requester
from chatroom.client.core.tasks import GuardedTasks
from chatroom.client.model import select
from chatroom.client.model.state import ClientState, ConnectionState, Conversation
from chatroom.client.net.connection import ConnectionLost, Refused
from chatroom.client.storage.config import ClientConfig
from chatroom.protocol import requests

TYPING_INTERVAL = 3.0
"""Seconds between two ``typing`` requests while the user continues to type."""


class TypingNotifier:
    """Remembers for each conversation when the last ``typing`` request was sent."""

    def __init__(
        self, state: ClientState, config: ClientConfig, requests: Requester, tasks: GuardedTasks
    ) -> None:
        self._state = state
        self._config = config
        self._requests = requests
        self._tasks = tasks
        self._sent_at: dict[str, float] = {}

    def input_changed(self, text: str) -> None:
        """Send a ``typing`` request if one is due and the user allows it."""
        conversation = select.current_conversation(self._state)
        is_allowed = self._config.typing == "on" and self._state.link is ConnectionState.LOGGED_IN
        if conversation is not None and is_allowed and self._is_due(conversation, text):
            self._sent_at[conversation.name] = time.monotonic()
            self._tasks.start(self._send_typing(conversation.name))

    def message_sent(self, name: str) -> None:
        """The message is sent; the next text is announced at once."""
        self._sent_at.pop(name, None)

    def _is_due(self, conversation: Conversation, text: str) -> bool:
        if not text.strip() or is_command(text) or conversation.ended:
            return False
        if conversation.is_room and not conversation.entered:
            return False
        last = self._sent_at.get(conversation.name)
        return last is None or time.monotonic() - last >= TYPING_INTERVAL

    async def _send_typing(self, name: str) -> None:
        with suppress(ConnectionLost, Refused):  # only a hint
            await self._requests.ask(requests.Typing(id=0, conversation=name))
