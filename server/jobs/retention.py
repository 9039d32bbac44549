"""Removes messages that are older than the retention (``db.purge``), in small steps.

A step takes some milliseconds of the writer, and the pause after it is a multiple of the time that it took:
under load the steps take longer, and the pauses too. So senders hardly wait longer while a million messages
are removed. A reader's connection reads which messages a step removes. Their documents are deleted first, so
that none remains if the process dies: on SQLite in the step's own transaction, on MySQL on another
connection, because a COMMIT of its full-text index may take long.
"""

import asyncio
import logging
import time
from contextlib import suppress
from functools import partial

from sqlalchemy import Engine

from chatroom.db import purge
from chatroom.db.engine import begin_write, is_sqlite
from chatroom.db.errors import is_outage, is_transient
from chatroom.db.purge import PurgeStep
from chatroom.db.reader import DatabaseReader
from chatroom.db.search import search_index
from chatroom.db.statistics import DatabaseStatistics
from chatroom.db.writer.transaction import WriteTransaction
from chatroom.db.writer.writer import DatabaseWriter
from chatroom.server.state.directory import LiveDirectory
from chatroom.server.state.notifier import EventNotifier

log = logging.getLogger(__name__)

INTERVAL_SECONDS = 60.0
"""Seconds between two rounds."""

STEP_MESSAGES = 100
"""Messages that one transaction removes; it takes about 5 ms."""

STEP_REST = 9.0
"""The pause after a step, as a multiple of its duration."""

MIN_PAUSE_SECONDS = 0.02
"""The shortest pause after a step."""

CONVERSATIONS_PER_QUERY = 10_000
"""Conversations that one query checks."""


class MessageRetention:
    """``days`` is the server's number of days, 0 for none: then only rooms with their own number count."""

    def __init__(
        self,
        engine: Engine,
        reader: DatabaseReader,
        writer: DatabaseWriter,
        directory: LiveDirectory,
        notifier: EventNotifier,
        statistics: DatabaseStatistics,
        days: int,
    ) -> None:
        self._engine = engine
        self._reader = reader
        self._writer = writer
        self._directory = directory
        self._notifier = notifier
        self._statistics = statistics
        self._days = days
        self._wakeup = asyncio.Event()

    def purge_soon(self) -> None:
        """The retention of a room has changed: begin the next round."""
        self._wakeup.set()

    async def run_purging(self) -> None:
        """Remove old messages for as long as the server runs."""
        while True:
            self._wakeup.clear()
            try:
                await self.purge_expired()
            except Exception as error:
                if not is_outage(error) and not is_transient(error):
                    log.exception("could not remove old messages")
            with suppress(TimeoutError):
                await asyncio.wait_for(self._wakeup.wait(), INTERVAL_SECONDS)

    async def purge_expired(self) -> None:
        """Remove all messages that are older than the retention of their conversations."""
        last = await self._reader.run(purge.last_conversation)
        for after in range(0, last, CONVERSATIONS_PER_QUERY):
            expired = await self._reader.run(
                purge.expired_conversations,
                _now(),
                self._days,
                after=after,
                upto=after + CONVERSATIONS_PER_QUERY,
            )
            for conversation in expired:
                while await self._purge_step(conversation.id):
                    pass

    async def _purge_step(self, conversation_id: int) -> bool:
        """Remove some messages. Returns whether there may be more."""
        began = time.monotonic()
        step = await self._reader.run(
            purge.next_step, conversation_id, _now(), self._days, limit=STEP_MESSAGES
        )
        if step is None:
            return False
        if not is_sqlite(self._engine.url):
            await asyncio.to_thread(_delete_documents, self._engine, step)
        is_done = await self._writer.run_job_then(
            partial(self._delete_step, step), partial(self._after_step, step)
        )
        await asyncio.sleep(max(MIN_PAUSE_SECONDS, STEP_REST * (time.monotonic() - began)))
        return is_done

    def _delete_step(self, step: PurgeStep, transaction: WriteTransaction) -> bool:
        """Runs in the transaction."""
        transaction.lock_appending([step.conversation_id])
        if is_sqlite(self._engine.url):
            search_index.delete_documents(transaction.connection, step.conversation_id, step.messages)
        if not purge.delete_step(transaction.connection, step, transaction.message_time):
            return False
        transaction.changes.purged[step.conversation_id] = step.last + 1
        return True

    def _after_step(self, step: PurgeStep, is_done: bool) -> bool:
        """Update the live state."""
        if is_done:
            self._statistics.purged += len(step.messages)
            for account, seat in self._directory.seats_in(step.conversation_id):
                if seat.read < step.last:
                    seat.set_unread(max(0, seat.unread - step.count_unread(account.id, seat.read)))
            self._notifier.messages_purged(step.conversation_id, step.last + 1)
        return is_done


def _delete_documents(engine: Engine, step: PurgeStep) -> None:
    with begin_write(engine) as connection:
        search_index.delete_documents(connection, step.conversation_id, step.messages)


def _now() -> int:
    return time.time_ns() // 1_000_000
