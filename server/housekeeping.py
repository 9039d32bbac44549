"""What nobody needs any more is removed from the database, a little at a time: tokens and codes that have
expired, and what was said in rooms that are closed. The counterpart is ``db.removed``.
"""

import asyncio
import logging

from db import passes, removed, tokens
from db.errors import Outage
from db.transaction import Transaction
from db.writer import Writer

log = logging.getLogger(__name__)

INTERVAL = 60.0
"""Seconds between two rounds."""

AT_ONCE = 500
"""Messages that are removed in one go; ``BREATH`` seconds later come the next."""
BREATH = 0.1


async def keep_house(writer: Writer) -> None:
    """Tidy up for as long as the server runs."""
    while True:
        more = False
        try:
            more = await writer.run(_tidy)
        except Outage:
            pass  # there is no hurry
        except Exception:
            log.exception("could not remove what nobody needs")
        await asyncio.sleep(BREATH if more else INTERVAL)


def _tidy(transaction: Transaction) -> bool:
    """``True`` when there may be more."""
    tokens.drop_expired(transaction.connection, transaction.cautious_now)
    passes.drop_expired(transaction.connection, transaction.cautious_now)
    return removed.sweep(transaction.connection, AT_ONCE)
