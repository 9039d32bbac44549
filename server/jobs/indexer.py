"""Fills the index of search in the background. What it does there is in ``db.search.search_index``.

Nobody waits for it: what is not indexed yet is found all the same, only not as fast. So it makes way for
whoever speaks. While much is being said it takes small slices, and rests after each for so long that it
never has more than a thirtieth of the time, or a tenth once much is left; a slice takes longer then, and the
rests grow with it. When it has become quiet it takes most of the time, in slices that cost less for each
message, so that a burst is indexed in about the time that it took.

Who stores a slice depends on the engine. SQLite has one writer at a time, so it is ours, and whoever speaks
meanwhile waits some milliseconds. MySQL's index takes seconds for a COMMIT now and then, when it brings what
it gathered in memory to the disk; there a connection beside the writer's is in nobody's way.
"""

import asyncio
import logging
from typing import NamedTuple

from chatroom.db.engine import begin_write, is_sqlite
from chatroom.db.errors import AlreadyExists, is_outage, is_transient
from chatroom.db.reader import DatabaseReader
from chatroom.db.search import search_index
from chatroom.db.search.search_index import IndexSlice
from chatroom.db.writer.writer import DatabaseWriter
from sqlalchemy import Engine

log = logging.getLogger(__name__)

MUCH = 100
"""Messages a second, from here on much is being said: many would meet a slice that is being stored."""

MUCH_LEFT = 3000
"""Messages. To read fewer of them as they are takes a search some ten milliseconds."""


class IndexerPace(NamedTuple):
    slice: int
    """Messages that are indexed in one transaction."""
    rest: float
    """How long to rest after it, in times of what it took."""


BUSY = IndexerPace(slice=100, rest=29)
BEHIND = IndexerPace(slice=100, rest=9)
QUIET = IndexerPace(slice=400, rest=0.25)

IDLE = 1.0
"""Seconds until it looks again when everything is indexed, or the database is away."""


def pace_for(said: int, seconds: float, left: int) -> IndexerPace:
    """How to go on when so many messages were said in this time, and so many are left to be indexed."""
    if said <= MUCH * seconds:
        return QUIET
    return BUSY if left < MUCH_LEFT else BEHIND


class SearchIndexer:
    def __init__(self, engine: Engine, reader: DatabaseReader, writer: DatabaseWriter) -> None:
        self._engine = engine
        self._reader = reader
        self._writer = writer
        self._left = 0  # messages that the last slice left for another

    async def run_indexing(self) -> None:
        """Index for as long as the server runs."""
        loop = asyncio.get_running_loop()
        pace, last = BUSY, loop.time()
        while True:
            began = loop.time()
            try:
                said = await self.index_slice(pace.slice)
            except Exception as error:
                if not is_outage(error) and not is_transient(error):
                    log.warning("a slice could not be indexed, will try again: %s", type(error).__name__)
                said = None
            if said is None:
                await asyncio.sleep(IDLE)
            else:
                pace = pace_for(said, began - last, self._left)
                await asyncio.sleep((loop.time() - began) * pace.rest)
            last = began

    async def index_slice(self, most: int) -> int | None:
        """Index a slice of so many messages at most. ``None`` when there is nothing to index; otherwise how
        many were said since the last time."""
        slice = await self._reader.run(search_index.read_slice, most)
        if slice is None:
            self._left = 0
            return None
        said, self._left = slice.unindexed - self._left, slice.unindexed
        try:
            if is_sqlite(self._engine.url):
                await self._writer.run_job(
                    lambda transaction: search_index.store_slice(transaction.connection, slice)
                )
            else:
                await asyncio.to_thread(_store_slice, self._engine, slice)
            self._left -= slice.size
        except AlreadyExists:
            log.debug("another server process was faster to index this")
        return said


def _store_slice(engine: Engine, slice: IndexSlice) -> None:
    with begin_write(engine) as connection:
        search_index.store_slice(connection, slice)
