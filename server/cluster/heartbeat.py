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

from chatroom.db.errors import DatabaseUnavailable
from chatroom.db.queries import accounts, instances, memberships
from chatroom.db.queries.accounts import EndedSessions
from chatroom.db.queries.instances import HEARTBEAT_SECONDS, alive_since
from chatroom.db.writer.operations import WriteJob
from chatroom.db.writer.transaction import WriteTransaction
from chatroom.db.writer.writer import DatabaseWriter
from chatroom.server.state.directory import LiveDirectory
from chatroom.server.state.presence import PresenceTracker

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class HeartbeatResult:
    """What a sign of life finds: accounts (id, name) that nobody cares for, and whose sessions are over."""

    orphans: list[tuple[int, str]]
    ended: dict[int, EndedSessions]


class Heartbeat:
    def __init__(
        self, server_id: bytes, directory: LiveDirectory, writer: DatabaseWriter, presence: PresenceTracker
    ) -> None:
        self._directory = directory
        self._writer = writer
        self._presence = presence
        self._id = server_id

    async def take_over_earlier_life(self) -> None:
        """Take over from an earlier life of this process."""
        await self._writer.run_job(
            lambda transaction: instances.remove_instance(transaction.connection, self._id)
        )
        self._apply_result(
            await self._writer.run_job(partial(_record_heartbeat, server_id=self._id, here=[]))
        )

    async def run_heartbeat(self) -> None:
        """Beat for as long as the server runs."""
        while True:
            await asyncio.sleep(HEARTBEAT_SECONDS)
            work = partial(_record_heartbeat, server_id=self._id, here=list(self._directory.accounts))
            self._writer.add_operation(WriteJob(work, self._apply_result))

    def _apply_result(self, pulse: HeartbeatResult | Exception) -> None:
        if isinstance(pulse, DatabaseUnavailable):
            return  # the writer has told so
        if isinstance(pulse, Exception):
            log.warning("no sign of life could be given: %s", pulse)
            return
        for account_id, username in pulse.orphans:
            self._presence.adopt_account(account_id, username)
        self._presence.end_sessions(pulse.ended)


def _record_heartbeat(
    transaction: WriteTransaction, *, server_id: bytes, here: Collection[int]
) -> HeartbeatResult:
    """Give a sign of life, for a process which cares for these accounts."""
    connection, living = transaction.connection, alive_since(transaction.now)
    instances.remove_dead_instances(connection, living)
    if instances.record_heartbeat(connection, server_id, transaction.now):  # we had been taken for dead
        for account_id in here:
            instances.add_attendance(connection, server_id, account_id)
    orphans = set(memberships.entered_accounts(connection)) - instances.attended_accounts(connection, living)
    for account_id in orphans:
        instances.add_attendance(connection, server_id, account_id)
    transaction.changes.accounts |= orphans
    names = list(accounts.usernames_by_id(connection, orphans).items())
    return HeartbeatResult(names, accounts.ended_sessions_on_server(connection, server_id))
