"""Fills the index of search in the background. What it does there is in ``db.documents``.

Nobody waits for it: what is not indexed yet is found all the same, only not as fast. So it takes a small
slice at a time, and rests after each for so long that it never has more than a tenth of the time; when much
is being said a slice takes longer, and the rests grow with it.

Who stores a slice depends on the engine. SQLite has one writer at a time, so it is ours, and whoever speaks
meanwhile waits some milliseconds. MySQL's index takes seconds for a COMMIT now and then, when it brings what
it gathered in memory to the disk; there a connection beside the writer's is in nobody's way.
"""

import asyncio
import logging

from sqlalchemy import Engine

from db import documents
from db.documents import Slice
from db.engine import begin_write, is_sqlite
from db.errors import Taken, is_outage, is_transient
from db.store import Store
from db.writer import Writer

log = logging.getLogger(__name__)

SLICE = 100
"""Messages that are indexed in one transaction."""

SHARE = 10
"""One part in so many of the time is for indexing."""

IDLE = 1.0
"""Seconds until it looks again when everything is indexed, or the database is away."""


class Indexer:
    def __init__(self, engine: Engine, store: Store, writer: Writer) -> None:
        self._engine = engine
        self._store = store
        self._writer = writer

    async def run(self) -> None:
        """Index for as long as the server runs."""
        loop = asyncio.get_running_loop()
        while True:
            began = loop.time()
            try:
                busy = await self.step()
            except Exception as error:
                if not is_outage(error) and not is_transient(error):
                    log.warning("a slice could not be indexed, will try again: %s", type(error).__name__)
                busy = False
            await asyncio.sleep((loop.time() - began) * (SHARE - 1) if busy else IDLE)

    async def step(self) -> bool:
        """Index one slice. ``False`` when there is nothing to index."""
        slice = await self._store.run(documents.gather, SLICE)
        if slice is None:
            return False
        try:
            if is_sqlite(self._engine.url):
                await self._writer.run(lambda transaction: documents.store(transaction.connection, slice))
            else:
                await asyncio.to_thread(_store, self._engine, slice)
        except Taken:
            log.debug("another server process was faster to index this")
        return True


def _store(engine: Engine, slice: Slice) -> None:
    with begin_write(engine) as connection:
        documents.store(connection, slice)
