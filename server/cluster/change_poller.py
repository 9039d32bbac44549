"""Polls what other server processes on the same database have changed.

MySQL has no notifications, so each process reads, four times a second, the changes that the others have
published (``db.queries.changefeed``). A change names only what to look at: ``snapshot`` reads its state from
the database, in a job of the writer, and ``apply_changes`` applies it to the live state in commit order. A
lost change delays the update; no message is lost, because the next process that locks a conversation fetches
what is missing.

In a cluster the same changes arrive as hints (``hint_exchange``) at once, and polling is only the safety net:
it finds the changes whose hints were lost. It slows down while NATS is connected.

A process without peers publishes nothing, and only checks whether it still has none. With SQLite there are
never peers, and none of this runs.
"""

import asyncio
import logging
import time
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Set
from contextlib import suppress
from dataclasses import dataclass

from sqlalchemy import Connection

from chatroom.db.clock import elapsed_seconds
from chatroom.db.errors import DatabaseUnavailable
from chatroom.db.queries import changefeed, instances
from chatroom.db.queries.changefeed import ChangeSet, ClosedRoom, PublishedChange
from chatroom.db.queries.instances import DEAD_AFTER_SECONDS, alive_since
from chatroom.db.reader import DatabaseReader
from chatroom.db.records import SeatKey
from chatroom.db.writer.transaction import WriteTransaction
from chatroom.db.writer.writer import DatabaseWriter
from chatroom.server.cluster.apply_changes import ChangeApplier
from chatroom.server.cluster.change_publisher import ChangePublisher
from chatroom.server.cluster.snapshot import ChangedPlaces, ClusterSnapshot, read_snapshot
from chatroom.server.state.delivery import MessageDelivery
from chatroom.server.state.directory import LiveDirectory

log = logging.getLogger(__name__)

POLL_SECONDS = 0.25
"""Seconds between two polls with peers. An idle poll is one query without rows."""

HINTED_POLL_SECONDS = 2.0
"""The same while hints arrive."""

LONE_POLL_SECONDS = 1.0
"""Seconds between two polls without peers."""

HINT_SECONDS = 0.003
"""Time for which hints are collected before their changes are read together."""

JOIN_TIMEOUT_SECONDS = 3 * LONE_POLL_SECONDS
"""Seconds that a starting process waits until the others have noticed it. A dead one never does."""

KEEP_CHANGES_SECONDS = 60.0
"""Seconds for which published changes are stored, at least. A process that has not read them by then counts
as dead."""


@dataclass(frozen=True, slots=True)
class PolledChanges:
    """The numbers of the last change read, by live process, and the changes since the last poll."""

    numbers: dict[bytes, int]
    changes: list[PublishedChange]


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
        self._hinted = ChangeSet()  # to read
        self._hinted_numbers: dict[bytes, set[int]] = defaultdict(set)  # of changes that hints announced
        self._wakeup = asyncio.Event()
        self._poll_now = False
        self.hints_arrive: Callable[[], bool] = lambda: False

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
        """Poll, and read what hints announce, for as long as the server runs."""
        next_poll = time.monotonic() + self._poll_seconds()
        while True:
            with suppress(TimeoutError):
                async with asyncio.timeout(next_poll - time.monotonic()):
                    await self._wakeup.wait()
                    await asyncio.sleep(HINT_SECONDS)
            self._wakeup.clear()
            try:
                if self._hinted:
                    await self._read_hinted()
                if self._poll_now or time.monotonic() >= next_poll:
                    self._poll_now = False
                    next_poll = time.monotonic() + self._poll_seconds()
                    await self._poll_once()
                    next_poll = time.monotonic() + self._poll_seconds()
                    await self._delete_read_changes()
            except DatabaseUnavailable:
                pass  # the next poll reads from the same numbers
            except Exception as error:
                log.warning("could not read the changes of other server processes: %s", error)

    def _poll_seconds(self) -> float:
        if self.hints_arrive():
            return HINTED_POLL_SECONDS
        return POLL_SECONDS if self._numbers else LONE_POLL_SECONDS

    def poll_soon(self) -> None:
        """Poll now, not when it is time to."""
        self._poll_now = True
        self._wakeup.set()

    def look_at(self, conversation_ids: Set[int]) -> None:
        """Read what is missing of these conversations."""
        self._hinted.appended |= conversation_ids
        self._wakeup.set()

    def add_hint(self, server_id: bytes, number: int, changes: ChangeSet) -> None:
        """Take changes that another process announces; each is read once."""
        if server_id not in self._numbers:
            self.poll_soon()
        elif number > self._numbers[server_id] and number not in self._hinted_numbers[server_id]:
            self._hinted_numbers[server_id].add(number)
            self._hinted.add(changes)
            self._wakeup.set()

    async def _read_hinted(self) -> None:
        """Read the announced changes. If that fails, polling finds them."""
        changes, self._hinted = self._hinted, ChangeSet()
        announced, self._hinted_numbers = self._hinted_numbers, defaultdict(set)
        self._apply_at_once(changes)
        unsettled = self._delivery.take_unsettled()
        try:
            await self._apply_changes(changes, unsettled, greet=False)
        except Exception:
            self._delivery.unsettled |= unsettled
            raise
        for server_id, numbers in announced.items():
            self._hinted_numbers[server_id] |= numbers

    async def _poll_once(self) -> None:
        began = elapsed_seconds()
        polled = await self._poll_changes()
        new_instances = polled.numbers.keys() - self._numbers.keys()
        changes, unsettled = self._unannounced(polled.changes), self._delivery.take_unsettled()
        was_asleep = began - self._polled_at > DEAD_AFTER_SECONDS  # others may have deleted changes
        changes.everything |= was_asleep or polled.numbers.keys() != self._numbers.keys()
        self._publisher.has_readers = bool(polled.numbers)
        if changes or unsettled:
            self.hints += 1
            self._apply_at_once(changes)
            try:
                await self._apply_changes(changes, unsettled, greet=bool(new_instances))
            except Exception:
                self._delivery.unsettled |= unsettled
                raise
        self._numbers = polled.numbers
        self._hinted_numbers = defaultdict(
            set,
            {id: {n for n in self._hinted_numbers[id] if n > read} for id, read in polled.numbers.items()},
        )
        self._polled_at = began

    def _apply_at_once(self, changes: ChangeSet) -> None:
        """Apply the changes for which nothing is read."""
        for room in changes.closed:
            self._room_closed(room)
        self._applier.apply_announcements(changes.announcements)

    async def _poll_changes(self) -> PolledChanges:
        """Return the changes of other processes since the last poll; of a new process, only later ones."""
        others, changes = await self._reader.run_statement(_read_changes, self._id, self._numbers)
        numbers = {id: number for id, number in self._numbers.items() if id in others}
        numbers |= {change.server_id: change.number for change in changes if change.server_id in numbers}
        if new_instances := others - numbers.keys():
            numbers |= await self._reader.run(changefeed.newest_numbers, new_instances)
        return PolledChanges(numbers, changes)

    def _unannounced(self, published: Iterable[PublishedChange]) -> ChangeSet:
        """Merge changes, without those that were read already because of a hint, and without conversations
        whose messages were delivered already.
        """
        merged = ChangeSet()
        for server_id, number, changes in published:
            if number in self._hinted_numbers[server_id]:
                merged.add(ChangeSet(appended=changes.appended, heads=changes.heads))
            else:
                merged.add(changes)
        live = self._directory.conversations
        merged.appended -= {id for id, head in merged.heads.items() if id in live and head <= live[id].head}
        return merged

    async def _apply_changes(self, changes: ChangeSet, unsettled: Set[SeatKey], *, greet: bool) -> None:
        """Read the current state of the changes, and apply it.

        With ``greet`` there is a process that does not know this one, or its earlier changes, yet: publish
        that everything may have changed.
        """
        places = self._changed_places(changes, unsettled)

        def work(transaction: WriteTransaction) -> ClusterSnapshot:
            snapshot = read_snapshot(transaction, self._id, places)
            if greet:
                now = instances.database_now(transaction.connection)
                instances.record_heartbeat(transaction.connection, self._id, now)
                transaction.changes.everything = True
            return snapshot

        def then(snapshot: ClusterSnapshot) -> None:
            self._applier.apply_snapshot(
                snapshot, unsettled, changes.purged, hidden=changes.hidden, lost=changes.everything
            )

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
            moved={
                (account_id, id)
                for account_id, id in changes.read | unsettled | self._seats_behind(changes.purged)
                if account_id in accounts
            },
            accounts=account_ids,
            everything=changes.everything,
        )

    def _seats_behind(self, purged: Mapping[int, int]) -> set[SeatKey]:
        """Return the seats whose unread messages may have been removed."""
        return {
            (account.id, id)
            for id, first in purged.items()
            for account, seat in self._directory.seats_in(id)
            if seat.read < first - 1
        }

    async def _delete_read_changes(self) -> None:
        if time.monotonic() - self._deleted_at < KEEP_CHANGES_SECONDS:
            return
        self._deleted_at = time.monotonic()
        upto, self._deletable_number = self._deletable_number, self._publisher.last_number
        if upto:
            await self._writer.run_job(
                lambda transaction: changefeed.delete_changes(transaction.connection, self._id, upto)
            )


def _read_changes(
    connection: Connection, server_id: bytes, numbers: Mapping[bytes, int]
) -> tuple[set[bytes], list[PublishedChange]]:
    """Read the other live processes, and the changes of the known ones after these numbers."""
    return changefeed.changes_since(connection, server_id, alive_since(connection), numbers)
