"""Fills the index of search in the background. What it does there is in ``db.documents``.

Nobody waits for it: what is not indexed yet is found all the same, only not as fast. So it takes a small
slice at a time, and rests after each for so long that it never has more than a tenth of the time; when much
is being said a slice takes longer, and the rests grow with it.
"""

import asyncio
import logging

from db import documents
from db.documents import Slice
from db.errors import Outage, Taken
from db.store import Store
from db.writer import Transaction, Writer

log = logging.getLogger(__name__)

SLICE = 100
"""Messages. Storing their documents takes some milliseconds, in which no other message is stored."""

SHARE = 10
"""One part in so many of the time is for indexing."""

IDLE = 1.0
"""Seconds until it looks again when everything is indexed, or the database is away."""


class Indexer:
    def __init__(self, store: Store, writer: Writer) -> None:
        self._store = store
        self._writer = writer

    async def run(self) -> None:
        """Index for as long as the server runs."""
        loop = asyncio.get_running_loop()
        while True:
            began = loop.time()
            try:
                busy = await self.step()
            except Outage:
                busy = False
            except Exception as error:
                log.warning("a slice could not be indexed, will try again: %s", error)
                busy = False
            await asyncio.sleep((loop.time() - began) * (SHARE - 1) if busy else IDLE)

    async def step(self) -> bool:
        """Index one slice. ``False`` when there is nothing to index."""
        slice = await self._store.run(documents.gather, SLICE)
        if slice is None:
            return False
        try:
            await self._writer.run(lambda transaction: _store(transaction, slice))
        except Taken:
            log.debug("another server process was faster to index this")
        return True


def _store(transaction: Transaction, slice: Slice) -> None:
    documents.store(transaction.connection, slice)
