"""Removes expired tokens and codes, and messages of closed rooms, from the database in small slices."""

import asyncio
import logging

from chatroom.db import erasures, purge
from chatroom.db.errors import DatabaseUnavailable
from chatroom.db.queries import invite_codes, tokens
from chatroom.db.writer.transaction import WriteTransaction
from chatroom.db.writer.writer import DatabaseWriter

log = logging.getLogger(__name__)

INTERVAL_SECONDS = 60.0
"""Seconds between two rounds."""

MAX_SLICE = 500
"""Messages that one transaction removes."""

SLICE_PAUSE_SECONDS = 0.1
"""Seconds between two slices."""


async def run_housekeeping(writer: DatabaseWriter) -> None:
    """Remove expired data for as long as the server runs."""
    while True:
        more = False
        try:
            more = await writer.run_job(_delete_expired)
        except DatabaseUnavailable:
            pass  # the next round tries again
        except Exception:
            log.exception("could not remove expired data")
        await asyncio.sleep(SLICE_PAUSE_SECONDS if more else INTERVAL_SECONDS)


def _delete_expired(transaction: WriteTransaction) -> bool:
    """Remove one slice. Returns whether there may be more."""
    tokens.delete_expired_tokens(transaction.connection, transaction.message_time)
    invite_codes.delete_expired_codes(transaction.connection, transaction.message_time)
    erasures.delete_old_digests(transaction.connection, transaction.message_time)
    return purge.purge_slice(transaction.connection, MAX_SLICE)
