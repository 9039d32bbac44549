"""The other server processes on the same database: what happens there is told here, and the other way round.

MySQL cannot call anybody, so each process looks, four times a second, what the others have noted down
(``db.news``). That says only where to look; what is told to clients is read from the database then, by a job
of the writer, in whose order it becomes live like everything else. Should a note get lost, the time until
somebody looks is lost, and never a message: whoever next locks a conversation finds what is missing.

A process that is alone notes nothing and asks for nothing but whether it still is. With SQLite it always is,
and none of this runs.
"""

import asyncio
import logging
import time
from collections import defaultdict
from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass, field
from functools import partial

from sqlalchemy import Connection

from db import accounts, blocks, friends, guests, memberships, messages, news, rooms, servers
from db.errors import Outage
from db.messages import Known
from db.news import Closed, News
from db.records import Direct, Room, SeatKey
from db.store import Store
from db.transaction import Transaction
from db.writer import Job, Writer
from server.announcer import Announcer
from server.delivery import Delivery
from server.live import Account, Directory
from server.presence import LOOK_BACK, Presence, alive_since

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
class Heard:
    """The living others, with the number of the last note that was read of each; and what they noted."""

    numbers: dict[bytes, int]
    told: News


@dataclass(frozen=True, slots=True)
class Person:
    """An account that came or went elsewhere, or of which something changed there."""

    id: int
    username: str
    elsewhere: bool  # it has a session on another process
    follows: set[int]
    invited: set[int]
    blocked: set[int]


@dataclass(slots=True)
class Found:
    """How what others have changed stands now."""

    rooms: list[Room] = field(default_factory=list)  # as nobody in particular sees them
    seats: list[tuple[int, Room | Direct]] = field(default_factory=list)  # by account
    people: list[Person] = field(default_factory=list)
    ended: dict[int, tuple[int, bool]] = field(default_factory=dict)  # as ``accounts.ended_sessions`` has it


class Peers:
    def __init__(
        self,
        store: Store,
        writer: Writer,
        directory: Directory,
        announcer: Announcer,
        delivery: Delivery,
        presence: Presence,
        closed: Callable[[Closed], None],
    ) -> None:
        self._store = store
        self._writer = writer
        self._directory = directory
        self._announcer = announcer
        self._delivery = delivery
        self._presence = presence
        self._closed = closed
        self._id = presence.server_id
        self._numbers: dict[bytes, int] = {}  # of the last note that was read of each of the others
        self._number = time.time_ns() // 1000  # of our own last one; never less than in an earlier life
        self._sweepable = 0  # up to this number of ours everybody has had the time to read
        self._swept = time.monotonic()

    # On the loop

    async def begin(self) -> None:
        """Find the others, and wait until they know of us, so that nobody here misses what is said there."""
        await self._look()
        strangers = await self._store.run(servers.seen, list(self._numbers))
        until = time.monotonic() + NOTICED
        while strangers and time.monotonic() < until:
            await asyncio.sleep(POLL / 4)
            await self._look()
            now = await self._store.run(servers.seen, list(strangers))
            strangers = {id: seen_at for id, seen_at in strangers.items() if now.get(id) == seen_at}

    async def run(self) -> None:
        """Look for as long as the server runs."""
        while True:
            await asyncio.sleep(POLL if self._numbers else ALONE)
            try:
                await self._look()
                await self._sweep()
            except Outage:
                pass  # it will be looked at again, from where we are
            except Exception as error:
                log.warning("could not look what other server processes do: %s", error)

    async def _look(self) -> None:
        heard = await self._store.run(_hear, self._id, self._numbers)
        strangers = heard.numbers.keys() - self._numbers.keys()
        told, unsettled = heard.told, self._delivery.unsettled
        told.everything |= heard.numbers.keys() != self._numbers.keys()
        self._writer.publish = self._publish if heard.numbers else None
        if told or unsettled:
            self._delivery.unsettled = set()
            for room in told.closed:
                self._closed(room)
            try:
                await self._catch_up(told, unsettled, greet=bool(strangers))
            except Exception:
                self._delivery.unsettled |= unsettled
                raise
        self._numbers = heard.numbers

    async def _catch_up(self, told: News, unsettled: set[SeatKey], *, greet: bool) -> None:
        here, live = self._directory.accounts, self._directory.conversations
        changed = told.changed | (live.keys() if told.everything else set())
        people = told.accounts
        if told.everything:
            people = people | here.keys() | self._directory.elsewhere
        work = partial(
            self._find,
            live=(told.said | changed) & live.keys(),
            changed=changed,
            seated={(account.id, id) for account in here.values() for id in account.seats.keys() & changed},
            moved={(account_id, id) for account_id, id in told.read | unsettled if account_id in here},
            people=people,
            everything=told.everything,
            greet=greet,
        )
        done = asyncio.get_running_loop().create_future()
        self._writer.add(Job(work, partial(self._settle, done, unsettled, told.everything)))
        await done

    def _settle(
        self,
        done: asyncio.Future[None],
        unsettled: set[SeatKey],
        everything: bool,
        found: Found | Exception,
    ) -> None:
        """The job is done, or failed."""
        if done.cancelled():
            return
        try:
            if isinstance(found, Exception):
                raise found
            self._take_over(found, unsettled, everything)
        except Exception as error:
            done.set_exception(error)
        else:
            done.set_result(None)

    def _take_over(self, found: Found, unsettled: set[SeatKey], everything: bool) -> None:
        """What was found is committed, and becomes live."""
        for account_id, followed in found.seats:
            if account := self._directory.accounts.get(account_id):
                self._seat(account, followed, (account_id, followed.conversation_id) in unsettled)
        for room in found.rooms:
            self._announcer.room_seen(room)
        for person in found.people:
            self._place(person, lost=everything)
            if account := self._directory.accounts.get(person.id):
                self._ask_in(account, person.invited, found.rooms)
                self._hide(account, person.blocked)
        self._presence.end_sessions(found.ended)

    def _seat(self, account: Account, followed: Room | Direct, changed: bool) -> None:
        """An account's seat as it is now; its sessions are told what is new about it."""
        before = account.seats.get(followed.conversation_id)
        read = 0 if before is None else before.read
        if isinstance(followed, Room):
            self._directory.seat_in_room(account, followed)
            account.invited.discard(followed.conversation_id)
            if before is None or changed:
                self._announcer.own_room_changed(account, followed)
        else:
            self._directory.seat_in_direct(account, followed)
            if before is None or changed:
                self._announcer.friend_changed(account, followed)
        if before is not None and before.read > read:
            self._announcer.read(account, before)

    def _place(self, person: Person, *, lost: bool) -> None:
        """An account is, or is no longer, on another process. One that went without leaving, because its
        process did, has its grace time here."""
        was_online = self._directory.is_online(person.id)
        if person.elsewhere:
            self._directory.elsewhere.add(person.id)
        elif person.id in self._directory.elsewhere:
            self._directory.elsewhere.discard(person.id)
            if lost:
                self._presence.adopt(person.id, person.username)
        online = self._directory.is_online(person.id)
        if online is not was_online:
            self._announcer.presence_elsewhere(person.username, person.follows, person.blocked, online=online)

    def _ask_in(self, account: Account, invited: set[int], changed: Iterable[Room]) -> None:
        """The rooms that an account is invited to, of which it is told those that are new."""
        new, account.invited = invited - account.invited, invited
        for room in changed:
            if room.conversation_id in new:
                self._announcer.invited(account, room, room.owner)

    def _hide(self, account: Account, blocked: set[int]) -> None:
        """The accounts for which this one is offline."""
        differs, account.blocked = account.blocked ^ blocked, blocked
        for other_id in differs:
            if other := self._directory.accounts.get(other_id):
                self._announcer.hide(account, other, hidden=other_id in blocked)

    async def _sweep(self) -> None:
        if time.monotonic() - self._swept < KEEP:
            return
        upto, self._sweepable, self._swept = self._sweepable, self._number, time.monotonic()
        if upto:
            await self._writer.run(lambda transaction: news.forget(transaction.connection, self._id, upto))

    # In the transaction

    def _publish(self, connection: Connection, told: News) -> None:
        self._number += 1
        news.publish(connection, self._id, self._number, told)

    def _find(
        self,
        transaction: Transaction,
        *,
        live: Collection[int],
        changed: Collection[int],
        seated: Collection[SeatKey],
        moved: Collection[SeatKey],
        people: Collection[int],
        everything: bool,
        greet: bool,
    ) -> Found:
        """Look at conversations that are ``live`` here, at those that were ``changed`` in some way, at seats
        that ``moved``, and at ``people``. With ``greet`` a process is new that does not know of us yet, or
        of what we did before we knew of it."""
        connection, found = transaction.connection, Found()
        if live:
            transaction.catch_up(messages.peek(connection, live))
        if changed:
            found.rooms = rooms.listing(connection, NOBODY, changed)
            moved = set(moved) | (memberships.attending(connection, changed, self._id) - set(seated))
        for account_id, ids in _by_account(moved).items():
            own: list[Room | Direct] = [
                *rooms.listing(connection, account_id, ids, only_member=True),
                *friends.listing(connection, account_id, ids, include_ended=True),
            ]
            transaction.catch_up({one.conversation_id: Known(one.head, one.roster) for one in own})
            found.seats += [(account_id, one) for one in own]
        if people or everything:
            found.people = self._look_at(transaction, people, everything)
            found.ended = accounts.ended_sessions(connection, transaction.now - round(LOOK_BACK * 1000))
        if greet:
            servers.beat(connection, self._id, transaction.now)
            transaction.news.everything = True
        return found

    def _look_at(self, transaction: Transaction, people: Collection[int], everything: bool) -> list[Person]:
        connection = transaction.connection
        among = None if everything else people
        elsewhere = servers.attending_elsewhere(connection, self._id, alive_since(transaction.now), among)
        ids = elsewhere | set(people)
        names, follows = accounts.usernames(connection, ids), memberships.followed(connection, ids)
        invited, blocked = (
            _by_account(guests.invited(connection, ids)),
            _by_account(blocks.pairs(connection, ids)),
        )
        return [
            Person(id, name, id in elsewhere, follows[id], invited.get(id, set()), blocked.get(id, set()))
            for id, name in names.items()
        ]


NOBODY = 0
"""No account's id."""


def _hear(connection: Connection, server_id: bytes, numbers: dict[bytes, int]) -> Heard:
    """What the others have noted behind these numbers. Of one that is new, only what it will."""
    others = servers.others(connection, server_id, alive_since(time.time_ns() // 1_000_000))
    if not others:
        return Heard({}, News())
    known = {id: number for id, number in numbers.items() if id in others}
    known |= news.newest(connection, others - known.keys())
    return Heard(*news.since(connection, known))


def _by_account(pairs: Iterable[tuple[int, int]]) -> dict[int, set[int]]:
    found: dict[int, set[int]] = defaultdict(set)
    for account_id, other in pairs:
        found[account_id].add(other)
    return found
