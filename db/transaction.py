"""What a job of the writer may touch: the connection, the time, and the one way to add messages.

Here it is found out what other server processes did since this one last looked: messages that were not handed
out yet, rosters of which it does not know. The counterpart is ``writer``, which tells the loop of them.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

from sqlalchemy import Connection

from db import accounts, bulk, memberships, messages
from db.accounts import Ended
from db.errors import LockedElsewhere, is_lock_timeout
from db.locks import ForeignLocks
from db.memberships import Standing, standings
from db.messages import STORED, Head, Known, Outcome, Stretch
from db.news import News
from db.records import Draft, Stored

MOST_MISSED = 1000
"""Messages of one conversation that are fetched to be handed out. Where others have stored more since this
process last looked, because it slept, or because nobody here has followed the conversation for a long time,
only the newest is, and ``delivery`` ends the connections that would have a gap.
"""


class Seating(NamedTuple):
    """Who has a seat in a conversation, by account, under a number of its roster that others have made; and
    which sessions of these accounts are over."""

    conversation_id: int
    roster: int
    seats: dict[int, Standing]
    ended: dict[int, Ended]


class Mark(NamedTuple):
    """What of a transaction goes back with a savepoint."""

    moved: dict[int, Known]
    locked: set[int]
    news: News


class Transaction:
    """What a job may touch: the connection, the time, and the one way to add messages."""

    def __init__(
        self,
        connection: Connection,
        now: int,
        cautious_now: int,
        known: dict[int, Known],
        shared: bool,
        locks: ForeignLocks,
    ) -> None:
        self.connection = connection
        self.now = now
        self.cautious_now = cautious_now  # for what cannot be taken back (``clock``)
        self.reseated: list[Seating] = []  # what others did to rosters, to be minded before ``missed``
        self.missed: list[Stored] = []  # what others stored, to be delivered before anything of this job
        self.stored: list[Stored] = []
        self.moved: dict[int, Known] = {}  # what ``known`` becomes when this is committed
        self.locked: set[int] = set()
        self.news = News()  # what this changes
        self._known = known  # of each conversation, what was handed out last
        self._shared = shared  # others may write to this database
        self._locks = locks

    def lock(self, conversation_ids: Iterable[int]) -> dict[int, Head]:
        """Lock conversations, in the order of their ids, to change something there; and take along what
        others did there."""
        heads = self.hold(conversation_ids)
        self.news.changed |= heads.keys()
        return heads

    def hold(self, conversation_ids: Iterable[int]) -> dict[int, Head]:
        """``lock`` for whoever only adds messages. Raises ``LockedElsewhere``."""
        heads, locked = self.hold_free(conversation_ids)
        if locked:
            raise LockedElsewhere(f"locked by another session of the database: {sorted(locked)}")
        return heads

    def hold_free(self, conversation_ids: Iterable[int]) -> tuple[dict[int, Head], set[int]]:
        """``hold`` those that nobody else keeps locked; the others."""
        wanted = set(conversation_ids)
        heads = self._lock_rows(wanted)
        locked: set[int] = set()
        if self._locks.ids & wanted:
            missing = wanted - heads.keys()
            locked = set(messages.peek(self.connection, missing)) if missing else set()
            self._locks.freed(wanted - locked)
        self.catch_up({id: Known(head.head, head.roster) for id, head in heads.items()})
        self.locked |= heads.keys()
        return heads, locked

    def _lock_rows(self, wanted: set[int]) -> dict[int, Head]:
        """Those that were locked by others the last time are taken only if they are free, behind the rest."""
        avoided = self._locks.ids & wanted - self.locked
        try:
            heads = messages.lock(self.connection, wanted - avoided)
        except Exception as error:
            if not (self._shared and is_lock_timeout(error) and bulk.skips_locked(self.connection)):
                raise
            heads = messages.lock(self.connection, wanted - avoided, only_free=True)
            self._locks.found(messages.peek(self.connection, wanted - avoided - heads.keys()))
        if avoided:
            heads |= messages.lock(self.connection, avoided, only_free=True)
        return heads

    def append(self, heads: dict[int, Head], drafts: Sequence[Draft]) -> list[Outcome]:
        """Store messages in conversations that ``lock`` returned."""
        outcomes = messages.append(self.connection, heads, drafts, self.cautious_now)
        self.stored += [outcome.stored for outcome in outcomes if outcome.verdict is STORED]
        for id in {draft.conversation_id for draft in drafts}:
            self.moved[id] = Known(heads[id].head, self.moved[id].roster)
            self.news.said.add(id)
        return outcomes

    def catch_up(self, found: Mapping[int, Known]) -> None:
        """Somebody learns how these conversations stand: from here on, nothing of them may be left out.

        What this transaction has locked is as it was found then, or as it has made it.
        """
        behind = []
        for id, now in found.items():
            if id in self.locked:
                continue
            before = self.moved.get(id) or self._known.get(id, now)
            if before.head < now.head:
                first = before.head if now.head - before.head <= MOST_MISSED else now.head - 1
                behind.append(Stretch(id, first, now.head))
            if self._shared and before.roster != now.roster:
                self.reseated.append(self._seating(id, now.roster))
            self.moved[id] = now if before.head <= now.head else Known(before.head, now.roster)
        if behind:
            self.missed += messages.between(self.connection, behind)

    def _seating(self, id: int, roster: int) -> Seating:
        return Seating(id, roster, standings(self.connection, id), accounts.ended_in(self.connection, id))

    def end_sessions(self, account_id: int) -> int:
        """The sessions that an account has are over; returns the epoch of those that begin from now on.

        As of this transaction they get nothing that is said where the account has a seat: like a seat that is
        taken, that changes the roster, so that every process looks before it delivers anything later.
        """
        accounts.lock(self.connection, [account_id])
        if self._shared:
            self.hold(memberships.seated(self.connection, account_id))
            memberships.renew_rosters(self.connection, account_id)
        self.news.accounts.add(account_id)
        return accounts.end_sessions(self.connection, account_id, self.now)

    def mark(self) -> Mark:
        """How everything stands before a job that may be undone."""
        return Mark(dict(self.moved), set(self.locked), self.news.copy())

    def go_back(self, mark: Mark) -> None:
        """The job was undone, with whatever it had found."""
        self.moved, self.locked, self.news = mark
        self.reseated, self.missed, self.stored = [], [], []

    def finish(self) -> None:
        """Before COMMIT: what jobs themselves did to rosters is known to whoever asked for it."""
        if self._shared and self.news.changed:
            for id, now in messages.peek(self.connection, self.news.changed).items():
                self.moved[id] = Known(self.moved.get(id, now).head, now.roster)
