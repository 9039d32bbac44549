"""Sends what is in the outbox: in order, one message at a time, until each has a definite answer.

One at a time, because the next message must not overtake one that was rate-limited; the disk and the network
take longer than this costs. A refusal means that the message was never stored. No answer, or a failure of the
server, leaves its fate unknown, so the client sends it again under the same cid (docs/delivery.md).
"""

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path

from chatroom.client import background
from chatroom.client.core.front_end import FrontEnd
from chatroom.client.core.notes import Notes
from chatroom.client.core.outbox import Outbox
from chatroom.client.core.requester import Requester, retry_delay
from chatroom.client.model import apply, select
from chatroom.client.model.state import ClientState, PendingMessage
from chatroom.client.net.connection import ConnectionLost, Refused
from chatroom.client.net.reconnect import Timeouts
from chatroom.client.storage.files import FileNotices
from chatroom.protocol import requests
from chatroom.protocol.frame import UNSET

UNKNOWN = frozenset(
    {"unavailable", "internal", "going_away", "slow_consumer", "bad_answer", "answer_too_long"}
)
"""Codes after which it is unknown whether the message was stored."""

MAX_QUEUED = 100
"""Messages. While more are queued, no further line of a long input is read."""


class OutboxSender:
    """Owns the outbox and the queue of the account that is logged in.

    ``enter_again`` enters a conversation that the server has left for us; ``quiet`` never does it.
    """

    def __init__(
        self,
        state: ClientState,
        requests: Requester,
        enter_again: Callable[[str], Awaitable[object]],
        notes: Notes,
        front_end: FrontEnd,
        folder: Path,
        notices: FileNotices,
        *,
        quiet: bool = False,
    ) -> None:
        self._state = state
        self._requests = requests
        self._enter_again = enter_again
        self._notes = notes
        self._front_end = front_end
        self._folder = folder
        self._notices = notices
        self._quiet = quiet
        self._outbox: Outbox | None = None  # while an account is logged in
        self._sending: asyncio.Task[None] | None = None
        self._queue: list[PendingMessage] = []
        self._ready = asyncio.Event()  # logged in, on a working connection
        self._has_work = asyncio.Event()
        self._is_idle = asyncio.Event()
        self._has_room = asyncio.Event()
        self._queue_changed()

    @property
    def is_open(self) -> bool:
        """Whether an account is logged in."""
        return self._outbox is not None

    @property
    def timeouts(self) -> Timeouts:
        return self._requests.timeouts

    def open(self) -> None:
        """Load the account's outbox and begin to send it."""
        self._outbox = Outbox(self._folder, self._state.username, self._state.server, self._notices)
        self._queue = self._outbox.load_messages()
        for pending in self._queue:
            apply.add_pending(self._state, pending)
        self._queue_changed()
        self._sending = background.keep_running(self.run_sending)

    def close(self) -> None:
        """Stop sending. The outbox keeps what is not confirmed until the next login."""
        if self._sending is not None:
            self._sending.cancel()
        if self._outbox is not None:
            self._outbox.close()
        self._sending = self._outbox = None
        self._queue = []
        self._ready.clear()
        self._queue_changed()

    def keep(self, pending: PendingMessage) -> None:
        """Store a message without sending it: ``add_message`` follows, or the next login sends it.

        Raises ``Refused`` if no account is logged in.
        """
        if self._outbox is None:
            raise Refused("not_logged_in")
        self._outbox.add_message(pending)

    def discard(self, pending: PendingMessage, code: str, facts: dict[str, object]) -> None:
        """Remove a message that was kept, and show the user why it is not sent."""
        pending.error, pending.facts = code, facts
        if self._outbox is not None:
            self._outbox.remove_message(pending.cid)
        self._notes.show_refused(pending)

    def add_message(self, pending: PendingMessage) -> None:
        """Store a message and queue it. Raises ``Refused`` if no account is logged in."""
        self.keep(pending)
        self._queue.append(pending)
        apply.add_pending(self._state, pending)
        self._queue_changed()
        self._front_end.state_changed()

    def rename_room(self, former: str, name: str) -> None:
        if self._outbox is not None:
            self._outbox.rename_room(former, name)

    def session_started(self) -> None:
        """Send from now on: the user is logged in on a working connection."""
        self._ready.set()

    async def wait_until_answered(self) -> None:
        """Wait until every queued message has its answer."""
        await self._is_idle.wait()

    async def wait_for_room(self) -> None:
        """Wait until fewer than ``MAX_QUEUED`` messages are queued."""
        await self._has_room.wait()

    async def run_sending(self) -> None:
        """Send messages until the task is cancelled."""
        while True:
            await self._has_work.wait()
            await self._ready.wait()
            pending = self._queue[0]
            if await self._send_once(pending):
                self._queue.pop(0)
                assert self._outbox is not None
                self._outbox.remove_message(pending.cid)
                self._queue_changed()
            self._front_end.state_changed()

    async def _send_once(self, pending: PendingMessage) -> bool:
        """Send a message once. Return whether its answer was definite."""
        try:
            async with asyncio.timeout(self.timeouts.answer):
                await self._requests.ask(self._frame(pending))
            return True
        except TimeoutError:
            self._ready.clear()
            self._requests.connection.drop_connection()
        except ConnectionLost:
            self._ready.clear()
        except Refused as error:
            return await self._handle_refusal(pending, error)
        return False

    async def _handle_refusal(self, pending: PendingMessage, error: Refused) -> bool:
        """Return whether the refusal is final."""
        if error.code == "rate_limited":
            await asyncio.sleep(retry_delay(error))
            return False
        if error.code in UNKNOWN:
            self._ready.clear()
            self._requests.connection.delay_reconnect(error)
            self._requests.connection.connection_failed()
            return False
        if error.code == "not_entered":
            if not await self._has_seat(pending.conversation):
                error = Refused("no_longer_a_member", {"room": pending.conversation})
            elif not self._quiet and await self._is_entered(pending.conversation):
                return False
        pending.error, pending.facts = error.code, error.details
        apply.refuse_pending(self._state, pending.cid, pending.error, pending.facts)
        self._notes.show_refused(pending)
        return True

    async def _has_seat(self, name: str) -> bool:
        """Whether the user is a member of a room, or a friend. A room may have been renamed since the message
        was written: then the server knows its former name.
        """
        room = self._state.conversations.find(name)
        is_known = room is not None and room.room_id
        if not select.has_seat(self._state, name) and name.startswith("#") and not is_known:
            try:
                await self._requests.ask_with_retry(requests.ShowRoom(id=0, room=name))
            except Refused:
                return False
            except ConnectionLost:
                return True  # that is asked again
        return select.has_seat(self._state, name)

    async def _is_entered(self, name: str) -> bool:
        """Enter a conversation that the server has left because the client was away for too long."""
        try:
            await self._enter_again(name)
        except Refused:
            return False
        except ConnectionLost:
            self._ready.clear()
        return True

    def _frame(self, pending: PendingMessage) -> requests.Send:
        return requests.Send(
            id=0,
            to=pending.conversation,
            text=pending.text,
            cid=pending.cid,
            kind=UNSET if pending.kind == "text" else pending.kind,
            target=pending.target or UNSET,
            quiet=True if self._quiet and pending.conversation.startswith("#") else UNSET,
        )

    def _queue_changed(self) -> None:
        is_busy = bool(self._queue)
        (self._has_work.set if is_busy else self._has_work.clear)()
        (self._is_idle.clear if is_busy else self._is_idle.set)()
        (self._has_room.set if len(self._queue) < MAX_QUEUED else self._has_room.clear)()
