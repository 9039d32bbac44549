"""Fills the search index in the background, slice by slice (``db.search.search_index``).

Messages that are not indexed yet are found too, only more slowly. So indexing yields to senders. Under load
it takes small slices and pauses in proportion to their duration: it gets at most a thirtieth of the time, or
a tenth with a large backlog. Without load it takes most of the time, in larger slices that cost less for each
message, so that a burst is indexed in about as long as it lasted.

The words of erased messages are removed from the index in the same way (``db.search.index_erasure``).

Where a slice is stored depends on the engine. SQLite allows one writer at a time, so the slice is a job of
``DatabaseWriter``, and messages wait some milliseconds for it. A COMMIT of MySQL's index sometimes takes
seconds, when it flushes its cache; there the slice has its own connection, and no message waits.
"""

import asyncio
import logging
from collections.abc import Sequence
from functools import partial
from typing import NamedTuple

from sqlalchemy import Engine

from chatroom.db.engine import begin_write, is_sqlite
from chatroom.db.errors import AlreadyExists, DatabaseUnavailable, is_outage, is_transient
from chatroom.db.reader import DatabaseReader
from chatroom.db.search import index_erasure, search_index
from chatroom.db.search.index_erasure import PendingErasure
from chatroom.db.search.search_index import IndexSlice
from chatroom.db.writer.transaction import WriteTransaction
from chatroom.db.writer.writer import DatabaseWriter
from chatroom.server.state.disk_space import DiskSpace

log = logging.getLogger(__name__)

HIGH_LOAD = 100
"""Messages a second from which on many would wait for a slice that is being stored."""

LARGE_BACKLOG = 3000
"""Unindexed messages. A search reads fewer in some ten milliseconds."""


class IndexerPace(NamedTuple):
    slice: int
    """Messages in one transaction."""
    rest: float
    """The pause after a slice, as a multiple of its duration."""


BUSY = IndexerPace(slice=100, rest=29)
BEHIND = IndexerPace(slice=100, rest=9)
QUIET = IndexerPace(slice=400, rest=0.25)

ERASURES_PER_STEP = 50
"""Messages whose words are removed from the index in one transaction."""

MERGE_REST = 9.0
"""The pause after a step of a merge, as a multiple of its duration."""

IDLE_SECONDS = 1.0
"""Seconds until the next attempt when everything is indexed, or the database is unavailable."""

QUIET_INTERVALS = 15
"""As many of these intervals pass while this process stores no message."""


def choose_pace(appended: int, seconds: float, backlog: int) -> IndexerPace:
    """Return the pace for a number of messages appended within some seconds, and a backlog."""
    if appended <= HIGH_LOAD * seconds:
        return QUIET
    return BUSY if backlog < LARGE_BACKLOG else BEHIND


class SearchIndexer:
    def __init__(
        self, engine: Engine, reader: DatabaseReader, writer: DatabaseWriter, disk: DiskSpace | None = None
    ) -> None:
        self._disk = disk
        self._engine = engine
        self._reader = reader
        self._writer = writer
        self._backlog = 0  # messages that the last slice left unindexed
        self._merges = asyncio.Event()  # words were deleted since the last merge began

    @property
    def backlog(self) -> int:
        """Messages that the last slice left unindexed."""
        return self._backlog

    async def run_indexing(self) -> None:
        """Index for as long as the server runs."""
        loop = asyncio.get_running_loop()
        pace, last, erased_at = BUSY, loop.time(), -IDLE_SECONDS
        while True:
            began = loop.time()
            try:
                appended = await self.index_slice(pace.slice)
                if began - erased_at >= IDLE_SECONDS:
                    erased_at = began
                    while await self.erase_words() == ERASURES_PER_STEP:
                        await asyncio.sleep((loop.time() - began) * QUIET.rest)
                        began = loop.time()
            except Exception as error:
                if not is_outage(error) and not is_transient(error):
                    log.warning("a slice could not be indexed, will try again: %s", type(error).__name__)
                appended = None
            if appended is None:
                await self._rest()
            else:
                pace = choose_pace(appended, began - last, self._backlog)
                await asyncio.sleep((loop.time() - began) * pace.rest)
            last = began

    async def run_merging(self) -> None:
        """Remove deleted words from the pages of SQLite's index, for as long as the server runs."""
        loop = asyncio.get_running_loop()
        self._merges.set()  # a merge may have been interrupted by the end of the process
        while True:
            await self._merges.wait()
            self._merges.clear()
            began, begin, more = loop.time(), True, True
            while more:
                step_began = loop.time()
                try:
                    more = await self._writer.run_job(partial(_merge_step, begin=begin))
                    begin = False
                except DatabaseUnavailable:
                    await asyncio.sleep(IDLE_SECONDS)
                await asyncio.sleep((loop.time() - step_began) * MERGE_REST)
            await asyncio.to_thread(index_erasure.truncate_wal, self._engine)
            await asyncio.sleep((loop.time() - began) * MERGE_REST)

    async def erase_words(self) -> int:
        """Remove the words of some erased messages from the index. Return the number of these messages."""
        pending = await self._reader.run(index_erasure.pending_erasures, ERASURES_PER_STEP)
        if not pending:
            return 0
        if is_sqlite(self._engine.url):
            await self._writer.run_job(partial(_erase_words, pending=pending))
            self._merges.set()
        else:
            await asyncio.to_thread(_erase_words_apart, self._engine, pending)
        return len(pending)

    async def _rest(self) -> None:
        """Wait until there may be something to index."""
        before = self._writer.messages_stored
        for _ in range(QUIET_INTERVALS):
            await asyncio.sleep(IDLE_SECONDS)
            if self._writer.messages_stored != before:
                break

    async def index_slice(self, size: int) -> int | None:
        """Index at most ``size`` messages.

        Returns the number of messages that were appended since the last slice, or ``None`` if there is
        nothing to index.
        """
        if self._disk is not None and self._disk.is_low:
            return None  # the index takes several times the space of the messages
        slice = await self._reader.run(search_index.read_slice, size)
        if slice is None:
            self._backlog = 0
            return None
        appended, self._backlog = slice.unindexed - self._backlog, slice.unindexed
        try:
            if is_sqlite(self._engine.url):
                await self._writer.run_job(
                    lambda transaction: search_index.store_slice(transaction.connection, slice)
                )
            else:
                await asyncio.to_thread(_store_slice, self._engine, slice)
            self._backlog -= slice.size
        except AlreadyExists:
            log.debug("another server process has indexed this slice")
        return appended


def _store_slice(engine: Engine, slice: IndexSlice) -> None:
    with begin_write(engine) as connection:
        search_index.store_slice(connection, slice)


def _erase_words(transaction: WriteTransaction, *, pending: Sequence[PendingErasure]) -> None:
    index_erasure.replace_documents(transaction.connection, pending)
    index_erasure.mark_removed(transaction.connection, pending)


def _erase_words_apart(engine: Engine, pending: Sequence[PendingErasure]) -> None:
    """Remove words without the writer. The COMMIT of the index may take seconds; only then are the rows
    locked that a sender may wait for.
    """
    with begin_write(engine) as connection:
        index_erasure.replace_documents(connection, pending)
    with begin_write(engine) as connection:
        index_erasure.mark_removed(connection, pending)


def _merge_step(transaction: WriteTransaction, *, begin: bool) -> bool:
    return index_erasure.merge_step(transaction.connection, begin=begin)
