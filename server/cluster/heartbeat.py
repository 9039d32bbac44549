"""The heartbeat of this process in the database.

Each beat takes over orphaned accounts: those that are inside a conversation, but whose process died or was
restarted; ``presence`` starts their grace time. It also ends sessions that another process has ended.
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
from chatroom.protocol.values import now_milliseconds
from chatroom.server.state.directory import LiveDirectory
from chatroom.server.state.presence import PresenceTracker

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class HeartbeatResult:
    """The orphaned accounts (id, username) that this beat took over, and ended sessions by account."""

    orphans: list[tuple[int, str]]
    ended: dict[int, EndedSessions]


class Heartbeat:
    def __init__(
        self,
        server_id: bytes,
        directory: LiveDirectory,
        writer: DatabaseWriter,
        presence: PresenceTracker,
        name: str = "",
    ) -> None:
        self._directory = directory
        self._writer = writer
        self._presence = presence
        self._id = server_id
        self._record = partial(
            _record_heartbeat, server_id=server_id, name=name, started_at=now_milliseconds()
        )

    async def take_over_earlier_life(self) -> None:
        """Take over the accounts of an earlier run of this process."""
        await self._writer.run_job(
            lambda transaction: instances.remove_instance(transaction.connection, self._id)
        )
        self._apply_result(await self._writer.run_job(partial(self._record, account_ids=[])))

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
        for account_id, username in result.orphans:
            self._presence.adopt_account(account_id, username)
        self._presence.end_sessions(result.ended)


def _record_heartbeat(
    transaction: WriteTransaction,
    *,
    server_id: bytes,
    name: str,
    started_at: int,
    account_ids: Collection[int],
) -> HeartbeatResult:
    """Record a heartbeat of a process that has these accounts, and take over orphaned ones."""
    connection, living = transaction.connection, alive_since(transaction.now)
    instances.remove_dead_instances(connection, living)
    if instances.record_heartbeat(connection, server_id, transaction.now):  # new, or removed as dead
        instances.describe_instance(connection, server_id, name, started_at)
        for account_id in account_ids:
            instances.add_attendance(connection, server_id, account_id, transaction.now)
    orphans = set(memberships.entered_accounts(connection)) - instances.attended_accounts(connection, living)
    for account_id in orphans:
        instances.add_attendance(connection, server_id, account_id, transaction.now)
    transaction.changes.accounts |= orphans
    names = list(accounts.usernames_by_id(connection, orphans).items())
    return HeartbeatResult(names, accounts.ended_sessions_on_server(connection, server_id))
