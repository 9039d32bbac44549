"""The other server processes on the same database: what happens there is told here, and the other way round.

MySQL cannot call anybody, so each process looks, four times a second, what the others have noted down
(``db.queries.changefeed``). That says only where to look: how things stand is read from the database then
(``findings``),
by a job of the writer, in whose order it becomes live like everything else (``takeover``). Should a note get
lost, the time until somebody looks is lost, and never a message: whoever next locks a conversation finds what
is missing.

A process that is alone notes nothing and asks for nothing but whether it still is. With SQLite it always is,
and none of this runs.
"""

import asyncio
import logging
import time
from collections.abc import Callable, Set
from dataclasses import dataclass

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
from sqlalchemy import Connection

log = logging.getLogger(__name__)

POLL = 0.25
"""Seconds between two looks at what other processes have noted: short enough for a conversation, and one
query, which finds nothing while nothing happens."""

ALONE = 1.0
"""Seconds between two looks whether there is another process."""

NOTICED = 3 * ALONE
"""Seconds that a process which starts waits for the others to notice it. One that is dead never will."""

KEEP = 60.0
"""Seconds for which what this process has noted is kept, at least. The others read it at once, or else they
count as dead before that."""


@dataclass(frozen=True, slots=True)
class PolledChanges:
    """The living others, with the number of the last note that was read of each; and what they noted."""

    numbers: dict[bytes, int]
    told: ChangeSet


class ChangePoller:
    """``closed`` is told of rooms that others have removed."""

    def __init__(
        self,
        server_id: bytes,
        reader: DatabaseReader,
        writer: DatabaseWriter,
        directory: LiveDirectory,
        delivery: MessageDelivery,
        takeover: ChangeApplier,
        publisher: ChangePublisher,
        closed: Callable[[ClosedRoom], None],
    ) -> None:
        self._id = server_id
        self._reader = reader
        self._writer = writer
        self._directory = directory
        self._delivery = delivery
        self._takeover = takeover
        self._publisher = publisher
        self._closed = closed
        self._numbers: dict[bytes, int] = {}  # of the last note that was read of each of the others
        self._sweepable = 0  # up to this number of ours everybody has had the time to read
        self._swept = time.monotonic()
        self._looked = _seconds()

    # On the loop

    async def join_peers(self) -> None:
        """Find the others, and wait until they know of us, so that nobody here misses what is said there."""
        await self._poll_once()
        new_instances = await self._reader.run(instances.last_heartbeats, list(self._numbers))
        until = time.monotonic() + NOTICED
        while new_instances and time.monotonic() < until:
            await asyncio.sleep(POLL / 4)
            await self._poll_once()
            now = await self._reader.run(instances.last_heartbeats, list(new_instances))
            new_instances = {id: seen_at for id, seen_at in new_instances.items() if now.get(id) == seen_at}

    async def run_polling(self) -> None:
        """Look for as long as the server runs."""
        while True:
            await asyncio.sleep(POLL if self._numbers else ALONE)
            try:
                await self._poll_once()
                await self._delete_read_changes()
            except DatabaseUnavailable:
                pass  # it will be looked at again, from where we are
            except Exception as error:
                log.warning("could not look what other server processes do: %s", error)

    async def _poll_once(self) -> None:
        began = _seconds()
        heard = await self._reader.run(_poll_changes, self._id, self._numbers)
        new_instances = heard.numbers.keys() - self._numbers.keys()
        told, unsettled = heard.told, self._delivery.take_unsettled()
        overslept = began - self._looked > DEAD_AFTER_SECONDS  # the others may have forgotten what they noted
        told.everything |= overslept or heard.numbers.keys() != self._numbers.keys()
        self._publisher.has_readers = bool(heard.numbers)
        if told or unsettled:
            for room in told.closed:
                self._closed(room)
            try:
                await self._apply_changes(told, unsettled, greet=bool(new_instances))
            except Exception:
                self._delivery.unsettled |= unsettled
                raise
        self._numbers = heard.numbers
        self._looked = began

    async def _apply_changes(self, told: ChangeSet, unsettled: Set[SeatKey], *, greet: bool) -> None:
        """Find out how all that stands, and take it over. With ``greet`` there is a process that does not
        know of us yet, or of what we did before we knew of it: it is told to look at everything.
        """
        places = self._changed_places(told, unsettled)

        def work(transaction: WriteTransaction) -> ClusterSnapshot:
            found = read_snapshot(transaction, self._id, places)
            if greet:
                instances.record_heartbeat(transaction.connection, self._id, transaction.now)
                transaction.changes.everything = True
            return found

        def then(found: ClusterSnapshot) -> None:
            self._takeover.apply_snapshot(found, unsettled, lost=told.everything)

        await self._writer.run_job_then(work, then)

    def _changed_places(self, told: ChangeSet, unsettled: Set[SeatKey]) -> ChangedPlaces:
        """Where to look for what was told, as far as it concerns anybody here."""
        here, live = self._directory.accounts, self._directory.conversations
        changed, people = told.changed, told.accounts
        if told.everything:
            changed = changed | live.keys()
            people = people | here.keys() | self._directory.elsewhere
        return ChangedPlaces(
            live=(told.appended | changed) & live.keys(),
            changed=changed,
            seated={(account.id, id) for account in here.values() for id in account.seats.keys() & changed},
            moved={(account_id, id) for account_id, id in told.read | unsettled if account_id in here},
            people=people,
            everything=told.everything,
        )

    async def _delete_read_changes(self) -> None:
        if time.monotonic() - self._swept < KEEP:
            return
        upto, self._sweepable, self._swept = self._sweepable, self._publisher.last_number, time.monotonic()
        if upto:
            await self._writer.run_job(
                lambda transaction: changefeed.delete_changes(transaction.connection, self._id, upto)
            )


def _seconds() -> float:
    """A clock that nobody sets and that goes on while the machine sleeps, where the system has one."""
    return time.clock_gettime(getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC))


def _poll_changes(connection: Connection, server_id: bytes, numbers: dict[bytes, int]) -> PolledChanges:
    """What the others have noted behind these numbers. Of one that is new, only what it will."""
    others = instances.other_instances(connection, server_id, alive_since(now_milliseconds()))
    if not others:
        return PolledChanges({}, ChangeSet())
    known = {id: number for id, number in numbers.items() if id in others}
    known |= changefeed.newest_numbers(connection, others - known.keys())
    return PolledChanges(*changefeed.changes_since(connection, known))
