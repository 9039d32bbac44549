"""What nobody needs any more is removed from the database, a little at a time: tokens and codes that have
expired, and what was said in rooms that are closed. The counterpart is ``db.purge``.
"""

import asyncio
import logging

from chatroom.db import purge
from chatroom.db.errors import DatabaseUnavailable
from chatroom.db.queries import invite_codes, tokens
from chatroom.db.writer.transaction import WriteTransaction
from chatroom.db.writer.writer import DatabaseWriter

log = logging.getLogger(__name__)

INTERVAL = 60.0
"""Seconds between two rounds."""

AT_ONCE = 500
"""Messages that are removed in one go; ``BREATH`` seconds later come the next."""
BREATH = 0.1


async def run_housekeeping(writer: DatabaseWriter) -> None:
    """Tidy up for as long as the server runs."""
    while True:
        more = False
        try:
            more = await writer.run_job(_delete_expired)
        except DatabaseUnavailable:
            pass  # there is no hurry
        except Exception:
            log.exception("could not remove what nobody needs")
        await asyncio.sleep(BREATH if more else INTERVAL)


def _delete_expired(transaction: WriteTransaction) -> bool:
    """``True`` when there may be more."""
    tokens.delete_expired_tokens(transaction.connection, transaction.message_time)
    invite_codes.delete_expired_codes(transaction.connection, transaction.message_time)
    return purge.purge_slice(transaction.connection, AT_ONCE)
