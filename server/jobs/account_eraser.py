"""Erases accounts in the background: rooms, seats and messages, in small steps that yield to senders.

Each step stores how far it is, so that the work continues after a restart. On a shared database any process
continues it; a process that finds that another one has made the same step pauses.
"""

import asyncio
import logging
import time
from collections.abc import Callable
from functools import partial
from typing import TypeVar

from sqlalchemy import Connection

from chatroom.db.account_erasure import erasure_queue, message_sweep
from chatroom.db.account_erasure.erasure_queue import AccountErasure
from chatroom.db.errors import DatabaseUnavailable
from chatroom.db.queries import memberships, rooms
from chatroom.db.reader import DatabaseReader
from chatroom.db.writer.transaction import WriteTransaction
from chatroom.db.writer.writer import DatabaseWriter
from chatroom.server.domain import account_erasure
from chatroom.server.net.event_log import log_event
from chatroom.server.state.directory import LiveDirectory, Speaker
from chatroom.server.state.notifier import EventNotifier
from chatroom.server.state.presence import PresenceTracker

log = logging.getLogger(__name__)

T = TypeVar("T")

INTERVAL_SECONDS = 30.0
"""Seconds until the next look for erasures of other processes."""

MESSAGES_PER_STEP = 200
"""Messages that one job erases: some ten milliseconds."""

REST = 2.0
"""The pause after a step, as a multiple of its duration."""

CONFLICT_SECONDS = 2.0
"""Seconds to wait for another process that erases the same account."""


class AccountEraser:
    """Begins erasures, and runs their steps."""

    def __init__(
        self,
        reader: DatabaseReader,
        writer: DatabaseWriter,
        directory: LiveDirectory,
        notifier: EventNotifier,
        presence: PresenceTracker,
    ) -> None:
        self._reader = reader
        self._writer = writer
        self._directory = directory
        self._notifier = notifier
        self._presence = presence
        self._begun = asyncio.Event()  # an erasure has begun here
        self.completed = 0

    def erasure_begun(self, erasure: AccountErasure, but: Speaker | None = None) -> None:
        """After the first step of an erasure: end the sessions, and continue soon. The connection of the
        session ``but`` stays open.
        """
        account_erasure.announce_erasure(self._directory, self._presence, erasure, but)
        self._begun.set()

    async def run_erasing(self) -> None:
        """Erase for as long as the server runs."""
        while True:
            self._begun.clear()
            pause = INTERVAL_SECONDS
            try:
                if not await self.erase_pending():
                    pause = CONFLICT_SECONDS
            except DatabaseUnavailable:
                pass  # the next round tries again
            except Exception:
                log.exception("could not erase an account")
            try:
                async with asyncio.timeout(pause):
                    await self._begun.wait()
            except TimeoutError:
                pass

    async def erase_pending(self) -> bool:
        """Complete all erasures. Returns ``False`` if another process is at one of them."""
        results = [
            await self._erase(erasure) for erasure in await self._reader.run(erasure_queue.list_erasures)
        ]
        return all(results)

    async def _erase(self, erasure: AccountErasure) -> bool:
        id = erasure.account_id
        await self._give_up_rooms_and_seats(id)
        while slice := await self._reader.run(message_sweep.next_slice, erasure, MESSAGES_PER_STEP):
            work = partial(account_erasure.erase_messages, erasure=erasure, slice=slice)
            further = await self._step(work, lambda further: further)
            if further is None:
                return False
            erasure = further
        await self._give_up_rooms_and_seats(id)  # of sessions that another process ended a little later
        if await self._writer.run_job(lambda step: erasure_queue.finish_erasure(step.connection, id)):
            self.completed += 1
            fields: dict[str, str | int] = {"account": erasure.neutral_name, "messages": erasure.messages}
            log_event(logging.INFO, "account_erased", fields)
        return True

    async def _give_up_rooms_and_seats(self, account_id: int) -> None:
        directory, notifier = self._directory, self._notifier
        while owned := await self._reader.run(rooms.some_owned_rooms, account_id, 1):
            hand_over = partial(
                account_erasure.hand_over_room, account_id=account_id, conversation_id=owned[0]
            )
            await self._step(hand_over, partial(account_erasure.announce_handover, directory, notifier))
        while await self._reader.run(_has_seats, account_id):
            give_up = partial(account_erasure.give_up_seats, account_id=account_id)
            await self._step(give_up, partial(account_erasure.announce_seats, directory, notifier))

    async def _step(self, work: Callable[[WriteTransaction], T], then: "Callable[[T], T | None]") -> T | None:
        """Run a job, and pause so that senders wait little."""
        began = time.monotonic()
        result = await self._writer.run_job_then(work, then)
        await asyncio.sleep(REST * (time.monotonic() - began))
        return result


def _has_seats(connection: Connection, account_id: int) -> bool:
    return bool(memberships.some_seated_conversations(connection, account_id, 1))
