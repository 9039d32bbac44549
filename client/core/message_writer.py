"""What the user writes: whether it may be sent, and whether it is confirmed."""

import asyncio
from contextlib import suppress

from chatroom.client.core.backfill import Backfill
from chatroom.client.core.notes import now_ms
from chatroom.client.core.outbox_sender import OutboxSender
from chatroom.client.model.state import ClientState, ConnectionState, PendingMessage
from chatroom.client.net.connection import Refused
from chatroom.protocol import requests
from chatroom.protocol.cids import new_cid


class MessageWriter:
    """Makes messages and gives them to the outbox sender.

    ``quiet`` allows to write in the user's rooms without entering them.
    """

    def __init__(
        self, state: ClientState, outbox_sender: OutboxSender, backfill: Backfill, *, quiet: bool = False
    ) -> None:
        self._state = state
        self._outbox_sender = outbox_sender
        self._backfill = backfill
        self._quiet = quiet

    def write(self, name: str, text: str, kind: requests.SentKind = "text", target: int = 0) -> None:
        """Send a message, or a change of the message whose seq is ``target``.

        It is in the outbox when this returns. Raises ``Refused`` if it cannot be sent.
        """
        if not self._outbox_sender.is_open:
            raise Refused("not_logged_in")
        conversation = self._state.conversations.find(name)
        if conversation is None:
            raise Refused("nowhere")
        is_offline = self._state.link is not ConnectionState.LOGGED_IN
        may_write = conversation.entered or (conversation.member and (self._quiet or is_offline))
        if conversation.is_room and not may_write:
            raise Refused("not_entered", {"conversation": name})
        self._outbox_sender.add_message(self.compose(name, text, kind, target))

    def compose(
        self, name: str, text: str, kind: requests.SentKind = "text", target: int = 0
    ) -> PendingMessage:
        """Return a message with a new cid. Raises ``Refused`` if it is too long."""
        if (limits := self._state.limits) and len(text) > limits.text > 0:
            raise Refused("text_too_long", {"limit": limits.text})
        return PendingMessage(new_cid(), name, text, kind=kind, target=target, written_at=now_ms())

    async def wait_until_confirmed(self) -> None:
        """Wait until every message has its answer and no message is missing."""
        await self._outbox_sender.wait_until_answered()
        await self._backfill.wait_until_complete()

    async def wait_briefly(self) -> None:
        """As ``wait_until_confirmed``, for at most ``Timeouts.confirmation`` and only while online."""
        if self._state.link is ConnectionState.LOGGED_IN:
            with suppress(TimeoutError):
                async with asyncio.timeout(self._outbox_sender.timeouts.confirmation):
                    await self.wait_until_confirmed()
