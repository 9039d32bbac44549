"""The signs of life that this process gives in the database, and what it finds there each time.

Whoever is inside somewhere while no living process cares for them is taken over: from a process that died, or
from an earlier life of this one. And sessions that were ended through another process end here as well. The
counterpart is ``presence``, which looks after those who are found.
"""

import asyncio
import logging
from collections.abc import Collection
from dataclasses import dataclass
from functools import partial

from db import accounts, memberships, servers
from db.accounts import Ended
from db.errors import Outage
from db.operations import Job
from db.servers import BEAT, alive_since
from db.transaction import Transaction
from db.writer import Writer
from server.live import Directory
from server.presence import Presence

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Pulse:
    """What a sign of life finds: accounts (id, name) that nobody cares for, and whose sessions are over."""

    orphans: list[tuple[int, str]]
    ended: dict[int, Ended]


class Heartbeat:
    def __init__(self, directory: Directory, writer: Writer, presence: Presence) -> None:
        self._directory = directory
        self._writer = writer
        self._presence = presence
        self._id = presence.server_id

    async def begin(self) -> None:
        """Take over from an earlier life of this process."""
        await self._writer.run(lambda transaction: servers.forget(transaction.connection, self._id))
        self._feel(await self._writer.run(partial(_beat, server_id=self._id, here=[])))

    async def run(self) -> None:
        """Beat for as long as the server runs."""
        while True:
            await asyncio.sleep(BEAT)
            work = partial(_beat, server_id=self._id, here=list(self._directory.accounts))
            self._writer.add(Job(work, self._feel))

    def _feel(self, pulse: Pulse | Exception) -> None:
        if isinstance(pulse, Outage):
            return  # the writer has told so
        if isinstance(pulse, Exception):
            log.warning("no sign of life could be given: %s", pulse)
            return
        for account_id, username in pulse.orphans:
            self._presence.adopt(account_id, username)
        self._presence.end_sessions(pulse.ended)


def _beat(transaction: Transaction, *, server_id: bytes, here: Collection[int]) -> Pulse:
    """Give a sign of life, for a process which cares for these accounts."""
    connection, living = transaction.connection, alive_since(transaction.now)
    servers.forget_dead(connection, living)
    if servers.beat(connection, server_id, transaction.now):  # we had been taken for dead
        for account_id in here:
            servers.attend(connection, server_id, account_id)
    orphans = set(memberships.entered_accounts(connection)) - servers.attended(connection, living)
    for account_id in orphans:
        servers.attend(connection, server_id, account_id)
    transaction.news.accounts |= orphans
    names = list(accounts.usernames(connection, orphans).items())
    return Pulse(names, accounts.ended_on(connection, server_id))
