"""The heartbeat of this process in the database.

Each beat takes over orphaned accounts: those that are inside a conversation, but whose process died or was
restarted; ``presence`` starts their grace time. It also ends sessions that another process has ended.
"""

import asyncio
import logging
from collections.abc import Collection
from dataclasses import dataclass, replace
from functools import partial

from chatroom.db.errors import DatabaseUnavailable
from chatroom.db.queries import accounts, instances, memberships
from chatroom.db.queries.accounts import EndedSessions
from chatroom.db.queries.instances import DEAD_AFTER_SECONDS, HEARTBEAT_SECONDS, alive_since
from chatroom.db.writer.operations import WriteJob
from chatroom.db.writer.transaction import WriteTransaction
from chatroom.db.writer.writer import DatabaseWriter
from chatroom.protocol.values import now_milliseconds
from chatroom.server.cluster.identity import ServerIdentity
from chatroom.server.state.directory import LiveDirectory
from chatroom.server.state.presence import PresenceTracker

log = logging.getLogger(__name__)

MAX_CLOCK_LEAD_SECONDS = 5.0
"""A larger difference between the clocks of this machine and the database is logged."""


@dataclass(frozen=True, slots=True)
class HeartbeatResult:
    """The orphaned accounts (id, username) that this beat took over, and ended sessions by account."""

    orphans: list[tuple[int, str]]
    ended: dict[int, EndedSessions]
    was_missing: bool  # another process had removed this one
    clock_lead: float  # seconds by which this machine's clock is ahead of the database's


class Heartbeat:
    def __init__(
        self,
        identity: ServerIdentity,
        directory: LiveDirectory,
        writer: DatabaseWriter,
        presence: PresenceTracker,
        name: str = "",
    ) -> None:
        self._directory = directory
        self._writer = writer
        self._presence = presence
        self._identity = identity
        self._clock_differs = False
        self._record = partial(
            _record_heartbeat, server_id=identity.id, name=name, started_at=now_milliseconds()
        )

    async def take_over_earlier_life(self) -> None:
        """Take over the accounts of earlier runs of this process."""
        await self._writer.run_job(self._remove_earlier)
        first = await self._writer.run_job(partial(self._record, account_ids=[]))
        self._apply_result(replace(first, was_missing=False))

    def _remove_earlier(self, transaction: WriteTransaction) -> None:
        for server_id in self._identity.earlier:
            instances.remove_instance(transaction.connection, server_id)

    async def run_heartbeat(self) -> None:
        """Record a heartbeat regularly for as long as the server runs."""
        while True:
            await asyncio.sleep(HEARTBEAT_SECONDS)
            work = partial(self._record, account_ids=list(self._directory.accounts))
            self._writer.add_operation(WriteJob(work, self._apply_result))

    def _apply_result(self, result: HeartbeatResult | Exception) -> None:
        if isinstance(result, DatabaseUnavailable):
            return  # the writer logs this
        if isinstance(result, Exception):
            log.warning("could not record a heartbeat: %s", result)
            return
        if result.was_missing:
            log.warning(
                "the other server processes counted this one as dead: no heartbeat for %d s",
                DEAD_AFTER_SECONDS,
            )
        self._report_clock(result.clock_lead)
        for account_id, username in result.orphans:
            self._presence.adopt_account(account_id, username)
        self._presence.end_sessions(result.ended)

    def _report_clock(self, lead: float) -> None:
        """Log when this machine's clock begins to differ from the database's, and when that ends."""
        differs = abs(lead) > MAX_CLOCK_LEAD_SECONDS
        if differs is not self._clock_differs:
            self._clock_differs = differs
            now = f"differs from the database's by {lead:+.0f} s" if differs else "agrees with the database's"
            log.warning("the clock of this machine %s", now)


def _record_heartbeat(
    transaction: WriteTransaction,
    *,
    server_id: bytes,
    name: str,
    started_at: int,
    account_ids: Collection[int],
) -> HeartbeatResult:
    """Record a heartbeat of a process that has these accounts, and take over orphaned ones."""
    connection = transaction.connection
    living, now = alive_since(connection), instances.database_now(connection)
    if was_missing := instances.record_heartbeat(connection, server_id, now):  # new, or removed as dead
        instances.describe_instance(connection, server_id, name, started_at)
        for account_id in account_ids:
            instances.add_attendance(connection, server_id, account_id, now)
    instances.remove_dead_instances(connection, living)
    orphans = set(memberships.entered_accounts(connection)) - instances.attended_accounts(connection, living)
    for account_id in orphans:
        instances.add_attendance(connection, server_id, account_id, now)
    transaction.changes.accounts |= orphans
    names = list(accounts.usernames_by_id(connection, orphans).items())
    ended = accounts.ended_sessions_on_server(connection, server_id)
    return HeartbeatResult(names, ended, was_missing, instances.clock_lead(connection))
