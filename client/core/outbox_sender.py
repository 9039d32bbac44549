"""Carries what is in the outbox to the server: in order, one at a time, until each has a definite answer.

One at a time, because a message that was refused for haste must not be overtaken by the next; the disk and
the network of a chat take longer than that costs. The counterpart of its rules is the delivery contract: a
refusal means "never stored", and no answer, or a failure that is not ours, means "unknown", so the same cid
is sent again.
"""

import asyncio
from collections.abc import Awaitable, Callable

from chatroom.client.core.outbox import Outbox
from chatroom.client.model import apply, select
from chatroom.client.model.state import ClientState, PendingMessage
from chatroom.client.net.connection import ConnectionLost, Refused
from chatroom.client.net.reconnect import ReconnectingConnection
from chatroom.protocol import requests, responses
from chatroom.protocol.frame import UNSET

UNKNOWN = frozenset(
    {"unavailable", "internal", "going_away", "slow_consumer", "bad_answer", "answer_too_long"}
)
"""After these nobody knows whether a message was stored."""

MOST_WAITING = 100
"""With so many waiting messages, the rest of a long input is not read."""

Ask = Callable[[requests.AnyRequest], Awaitable[responses.AnyResponse]]
"""Asks the server; raises ``Refused`` or ``ConnectionLost``."""


class OutboxSender:
    """The way of my messages out.

    ``ask`` asks the server, ``enter`` enters a conversation under its last nickname; ``quiet``: never do.
    ``refused`` is told each message that will never be stored.
    """

    def __init__(
        self,
        state: ClientState,
        link: ReconnectingConnection,
        outbox: Outbox,
        ask: Ask,
        enter: Callable[[str], Awaitable[object]],
        changed: Callable[[], None],
        refused: Callable[[PendingMessage], None],
        *,
        quiet: bool = False,
    ) -> None:
        self._state = state
        self._link = link
        self._outbox = outbox
        self._ask = ask
        self._enter = enter
        self._changed = changed
        self._told_refused = refused
        self._quiet = quiet
        self._queue = outbox.load_messages()
        self._ready = asyncio.Event()  # somebody is logged in on a connection that works
        self._work = asyncio.Event()
        self._idle = asyncio.Event()
        self._has_room = asyncio.Event()
        for pending in self._queue:
            apply.add_pending(state, pending)
        self._wait_for_work()

    def keep(self, pending: PendingMessage) -> None:
        """Keep a message in the outbox. It is sent once it is taken, or at the next login."""
        self._outbox.add_message(pending)

    def forget(self, pending: PendingMessage) -> None:
        """A message that was kept is not to be sent."""
        self._outbox.remove_message(pending.cid)

    def add_message(self, pending: PendingMessage) -> None:
        """One more. When this returns, it is in the outbox."""
        self._outbox.add_message(pending)
        self._queue.append(pending)
        apply.add_pending(self._state, pending)
        self._wait_for_work()

    def session_started(self) -> None:
        """There is a session to send in."""
        self._ready.set()

    async def wait_until_answered(self) -> None:
        """Wait until everything has its answer."""
        await self._idle.wait()

    async def has_room(self) -> None:
        """Wait until few messages wait."""
        await self._has_room.wait()

    async def run_sending(self) -> None:
        """Send for ever."""
        while True:
            await self._work.wait()
            await self._ready.wait()
            pending = self._queue[0]
            if await self._send_once(pending):
                self._queue.pop(0)
                self._outbox.remove_message(pending.cid)
                self._wait_for_work()
            self._changed()

    async def _send_once(self, pending: PendingMessage) -> bool:
        """Send one message once. Says whether its answer was definite."""
        try:
            async with asyncio.timeout(self._link.pace.answer):
                await self._ask(self._frame(pending))
            return True
        except TimeoutError:
            self._ready.clear()
            self._link.drop_connection()
        except ConnectionLost:
            self._ready.clear()
        except Refused as error:
            return await self._handle_refusal(pending, error)
        return False

    async def _handle_refusal(self, pending: PendingMessage, error: Refused) -> bool:
        """Say whether that was the last word."""
        if error.code == "rate_limited":
            await asyncio.sleep(retry_delay(error))
            return False
        if error.code in UNKNOWN:
            self._ready.clear()
            self._link.delay_reconnect(error)
            self._link.connection_failed()
            return False
        if error.code == "not_entered":
            if not select.has_seat(self._state, pending.conversation):
                error = Refused("no_longer_a_member", {"room": pending.conversation})
            elif not self._quiet and await self._entered(pending.conversation):
                return False
        pending.error, pending.facts = error.code, error.details
        self._told_refused(pending)
        return True

    async def _entered(self, name: str) -> bool:
        """We were away for so long that the server left the room for us: back in."""
        try:
            await self._enter(name)
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

    def _wait_for_work(self) -> None:
        busy = bool(self._queue)
        (self._work.set if busy else self._work.clear)()
        (self._idle.clear if busy else self._idle.set)()
        (self._has_room.set if len(self._queue) < MOST_WAITING else self._has_room.clear)()


def retry_delay(error: Refused, otherwise: float = 1.0) -> float:
    """How long the server asks us to wait."""
    wait = error.details.get("retry_after")
    return float(wait) if isinstance(wait, int | float) and 0 <= wait < 3600 else otherwise
