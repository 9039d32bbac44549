"""Polls what other server processes on the same database have changed.

MySQL has no notifications, so each process reads, four times a second, the changes that the others have
published (``db.queries.changefeed``). A change names only what to look at: ``snapshot`` reads its state from
the database, in a job of the writer, and ``apply_changes`` applies it to the live state in commit order. A
lost change delays the update; no message is lost, because the next process that locks a conversation fetches
what is missing.

A process without peers publishes nothing, and only checks whether it still has none. With SQLite there are
never peers, and none of this runs.
"""

import asyncio
import logging
import time
from collections.abc import Callable, Set
from dataclasses import dataclass

from sqlalchemy import Connection

from chatroom.db.clock import elapsed_seconds
from chatroom.db.errors import DatabaseUnavailable
from chatroom.db.queries import changefeed, instances
from chatroom.db.queries.changefeed import ChangeSet, ClosedRoom
from chatroom.db.queries.instances import DEAD_AFTER_SECONDS, alive_since
from chatroom.db.reader import DatabaseReader
from chatroom.db.records import SeatKey
from chatroom.db.writer.transaction import WriteTransaction
from chatroom.db.writer.writer import DatabaseWriter
from chatroom.protocol.values import now_milliseconds
from chatroom.server.cluster.apply_changes import ChangeApplier
from chatroom.server.cluster.change_publisher import ChangePublisher
from chatroom.server.cluster.snapshot import ChangedPlaces, ClusterSnapshot, read_snapshot
from chatroom.server.state.delivery import MessageDelivery
from chatroom.server.state.directory import LiveDirectory

log = logging.getLogger(__name__)

POLL_SECONDS = 0.25
"""Seconds between two polls with peers. An idle poll is one query without rows."""

LONE_POLL_SECONDS = 1.0
"""Seconds between two polls without peers."""

JOIN_TIMEOUT_SECONDS = 3 * LONE_POLL_SECONDS
"""Seconds that a starting process waits until the others have noticed it. A dead one never does."""

KEEP_CHANGES_SECONDS = 60.0
"""Seconds for which published changes are stored, at least. A process that has not read them by then counts
as dead."""


@dataclass(frozen=True, slots=True)
class PolledChanges:
    """The numbers of the last change read, by live process, and all changes since the last poll."""

    numbers: dict[bytes, int]
    changes: ChangeSet


class ChangePoller:
    """``room_closed`` is called with rooms that other processes have removed."""

    def __init__(
        self,
        server_id: bytes,
        reader: DatabaseReader,
        writer: DatabaseWriter,
        directory: LiveDirectory,
        delivery: MessageDelivery,
        applier: ChangeApplier,
        publisher: ChangePublisher,
        room_closed: Callable[[ClosedRoom], None],
    ) -> None:
        self._id = server_id
        self._reader = reader
        self._writer = writer
        self._directory = directory
        self._delivery = delivery
        self._applier = applier
        self._publisher = publisher
        self._room_closed = room_closed
        self._numbers: dict[bytes, int] = {}  # of the last change read, by process
        self._deletable_number = 0  # own changes up to this number are old enough to delete
        self._deleted_at = time.monotonic()
        self._polled_at = elapsed_seconds()
        self.hints = 0  # polls that found changes

    @property
    def peers(self) -> int:
        """The number of other live processes."""
        return len(self._numbers)

    def lag_seconds(self) -> float:
        """Return the seconds since the last successful poll. Callable on any thread."""
        return elapsed_seconds() - self._polled_at

    # On the loop

    async def join_peers(self) -> None:
        """Find the other processes, and wait until they publish their changes to this one."""
        await self._poll_once()
        new_instances = await self._reader.run(instances.last_heartbeats, list(self._numbers))
        deadline = time.monotonic() + JOIN_TIMEOUT_SECONDS
        while new_instances and time.monotonic() < deadline:
            await asyncio.sleep(POLL_SECONDS / 4)
            await self._poll_once()
            now = await self._reader.run(instances.last_heartbeats, list(new_instances))
            new_instances = {id: seen_at for id, seen_at in new_instances.items() if now.get(id) == seen_at}

    async def run_polling(self) -> None:
        """Poll for as long as the server runs."""
        while True:
            await asyncio.sleep(POLL_SECONDS if self._numbers else LONE_POLL_SECONDS)
            try:
                await self._poll_once()
                await self._delete_read_changes()
            except DatabaseUnavailable:
                pass  # the next poll reads from the same numbers
            except Exception as error:
                log.warning("could not read the changes of other server processes: %s", error)

    async def _poll_once(self) -> None:
        began = elapsed_seconds()
        polled = await self._reader.run(_poll_changes, self._id, self._numbers)
        new_instances = polled.numbers.keys() - self._numbers.keys()
        changes, unsettled = polled.changes, self._delivery.take_unsettled()
        was_asleep = began - self._polled_at > DEAD_AFTER_SECONDS  # others may have deleted changes
        changes.everything |= was_asleep or polled.numbers.keys() != self._numbers.keys()
        self._publisher.has_readers = bool(polled.numbers)
        if changes or unsettled:
            self.hints += 1
            for room in changes.closed:
                self._room_closed(room)
            try:
                await self._apply_changes(changes, unsettled, greet=bool(new_instances))
            except Exception:
                self._delivery.unsettled |= unsettled
                raise
        self._numbers = polled.numbers
        self._polled_at = began

    async def _apply_changes(self, changes: ChangeSet, unsettled: Set[SeatKey], *, greet: bool) -> None:
        """Read the current state of the changes, and apply it.

        With ``greet`` there is a process that does not know this one, or its earlier changes, yet: publish
        that everything may have changed.
        """
        places = self._changed_places(changes, unsettled)

        def work(transaction: WriteTransaction) -> ClusterSnapshot:
            snapshot = read_snapshot(transaction, self._id, places)
            if greet:
                instances.record_heartbeat(transaction.connection, self._id, transaction.now)
                transaction.changes.everything = True
            return snapshot

        def then(snapshot: ClusterSnapshot) -> None:
            self._applier.apply_snapshot(snapshot, unsettled, lost=changes.everything)

        await self._writer.run_job_then(work, then)

    def _changed_places(self, changes: ChangeSet, unsettled: Set[SeatKey]) -> ChangedPlaces:
        """Return what to read for changes, as far as accounts of this process are concerned."""
        accounts, live = self._directory.accounts, self._directory.conversations
        changed, account_ids = changes.changed, changes.accounts
        if changes.everything:
            changed = changed | live.keys()
            account_ids = account_ids | accounts.keys() | self._directory.elsewhere
        return ChangedPlaces(
            live=(changes.appended | changed) & live.keys(),
            changed=changed,
            seated={
                (account.id, id) for account in accounts.values() for id in account.seats.keys() & changed
            },
            moved={(account_id, id) for account_id, id in changes.read | unsettled if account_id in accounts},
            accounts=account_ids,
            everything=changes.everything,
        )

    async def _delete_read_changes(self) -> None:
        if time.monotonic() - self._deleted_at < KEEP_CHANGES_SECONDS:
            return
        self._deleted_at = time.monotonic()
        upto, self._deletable_number = self._deletable_number, self._publisher.last_number
        if upto:
            await self._writer.run_job(
                lambda transaction: changefeed.delete_changes(transaction.connection, self._id, upto)
            )


def _poll_changes(connection: Connection, server_id: bytes, numbers: dict[bytes, int]) -> PolledChanges:
    """Return the changes of other processes after these numbers; of a new process, only its later ones."""
    others = instances.other_instances(connection, server_id, alive_since(now_milliseconds()))
    if not others:
        return PolledChanges({}, ChangeSet())
    known = {id: number for id, number in numbers.items() if id in others}
    known |= changefeed.newest_numbers(connection, others - known.keys())
    return PolledChanges(*changefeed.changes_since(connection, known))
