"""What a job of the writer may touch: the connection, the time, and the one way to add messages.

Here it is found out what other server processes did since this one last looked: messages that were not handed
out yet, rosters of which it does not know. The counterpart is ``writer``, which tells the loop of them.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

from chatroom.db.errors import LockedElsewhere, is_lock_timeout
from chatroom.db.queries import accounts, memberships, messages, raw_insert
from chatroom.db.queries.accounts import EndedSessions
from chatroom.db.queries.changefeed import ChangeSet
from chatroom.db.queries.memberships import SeatStatus, seat_statuses
from chatroom.db.queries.messages import STORED, AppendOutcome, KnownHead, LockedHead, SeqRange
from chatroom.db.records import MessageDraft, StoredMessage
from chatroom.db.writer.foreign_locks import ForeignLocks
from sqlalchemy import Connection

MAX_MISSED = 1000
"""Messages of one conversation that are fetched to be handed out. Where others have stored more since this
process last looked, because it slept, or because nobody here has followed the conversation for a long time,
only the newest is, and ``delivery`` ends the connections that would have a gap.
"""


class RosterSeats(NamedTuple):
    """Who has a seat in a conversation, by account, under a number of its roster that others have made; and
    which sessions of these accounts are over."""

    conversation_id: int
    roster: int
    seats: dict[int, SeatStatus]
    ended: dict[int, EndedSessions]


class SavepointState(NamedTuple):
    """What of a transaction goes back with a savepoint."""

    new_heads: dict[int, KnownHead]
    locked_ids: set[int]
    changes: ChangeSet


class WriteTransaction:
    """What a job may touch: the connection, the time, and the one way to add messages."""

    def __init__(
        self,
        connection: Connection,
        now: int,
        cautious_now: int,
        known: dict[int, KnownHead],
        shared: bool,
        locks: ForeignLocks,
    ) -> None:
        self.connection = connection
        self.now = now
        self.message_time = cautious_now  # for what cannot be taken back (``clock``)
        self.changed_rosters: list[
            RosterSeats
        ] = []  # what others did to rosters, to be minded before ``missed``
        self.missed: list[
            StoredMessage
        ] = []  # what others stored, to be delivered before anything of this job
        self.stored: list[StoredMessage] = []
        self.new_heads: dict[int, KnownHead] = {}  # what ``known`` becomes when this is committed
        self.locked_ids: set[int] = set()
        self.changes = ChangeSet()  # what this changes
        self._known = known  # of each conversation, what was handed out last
        self._shared = shared  # others may write to this database
        self._locks = locks

    def lock_changing(self, conversation_ids: Iterable[int]) -> dict[int, LockedHead]:
        """Lock conversations, in the order of their ids, to change something there; and take along what
        others did there."""
        heads = self.lock_appending(conversation_ids)
        self.changes.changed |= heads.keys()
        return heads

    def lock_appending(self, conversation_ids: Iterable[int]) -> dict[int, LockedHead]:
        """``lock_changing`` for whoever only adds messages. Raises ``LockedElsewhere``."""
        heads, locked = self.lock_available(conversation_ids)
        if locked:
            raise LockedElsewhere(f"locked by another session of the database: {sorted(locked)}")
        return heads

    def lock_available(self, conversation_ids: Iterable[int]) -> tuple[dict[int, LockedHead], set[int]]:
        """``lock_appending`` those that nobody else keeps locked; the others."""
        wanted = set(conversation_ids)
        heads = self._lock_rows(wanted)
        locked: set[int] = set()
        if self._locks.ids & wanted:
            missing = wanted - heads.keys()
            locked = set(messages.read_heads(self.connection, missing)) if missing else set()
            self._locks.mark_free(wanted - locked)
        self.note_heads({id: KnownHead(head.head, head.roster) for id, head in heads.items()})
        self.locked_ids |= heads.keys()
        return heads, locked

    def _lock_rows(self, wanted: set[int]) -> dict[int, LockedHead]:
        """Those that were locked by others the last time are taken only if they are free, behind the rest."""
        avoided = self._locks.ids & wanted - self.locked_ids
        try:
            heads = messages.lock_heads(self.connection, wanted - avoided)
        except Exception as error:
            if not (
                self._shared and is_lock_timeout(error) and raw_insert.supports_skip_locked(self.connection)
            ):
                raise
            heads = messages.lock_heads(self.connection, wanted - avoided, skip_locked=True)
            self._locks.mark_locked(messages.read_heads(self.connection, wanted - avoided - heads.keys()))
        if avoided:
            heads |= messages.lock_heads(self.connection, avoided, skip_locked=True)
        return heads

    def append_messages(
        self, heads: dict[int, LockedHead], drafts: Sequence[MessageDraft]
    ) -> list[AppendOutcome]:
        """Store messages in conversations that ``lock_changing`` returned."""
        outcomes = messages.append_messages(self.connection, heads, drafts, self.message_time)
        self.stored += [outcome.stored for outcome in outcomes if outcome.verdict is STORED]
        for id in {draft.conversation_id for draft in drafts}:
            self.new_heads[id] = KnownHead(heads[id].head, self.new_heads[id].roster)
            self.changes.appended.add(id)
        return outcomes

    def note_heads(self, found: Mapping[int, KnownHead]) -> None:
        """Somebody learns how these conversations stand: from here on, nothing of them may be left out.

        What this transaction has locked is as it was found then, or as it has made it.
        """
        behind = []
        for id, now in found.items():
            if id in self.locked_ids:
                continue
            before = self.new_heads.get(id) or self._known.get(id, now)
            if before.head < now.head:
                first = before.head if now.head - before.head <= MAX_MISSED else now.head - 1
                behind.append(SeqRange(id, first, now.head))
            if self._shared and before.roster != now.roster:
                self.changed_rosters.append(self._seating(id, now.roster))
            self.new_heads[id] = now if before.head <= now.head else KnownHead(before.head, now.roster)
        if behind:
            self.missed += messages.messages_in_ranges(self.connection, behind)

    def _seating(self, id: int, roster: int) -> RosterSeats:
        return RosterSeats(
            id,
            roster,
            seat_statuses(self.connection, id),
            accounts.ended_sessions_of_members(self.connection, id),
        )

    def end_sessions(self, account_id: int) -> int:
        """The sessions that an account has are over; returns the epoch of those that begin from now on.

        As of this transaction they get nothing that is said where the account has a seat: like a seat that is
        taken, that changes the roster, so that every process looks before it delivers anything later.
        """
        accounts.lock_accounts(self.connection, [account_id])
        if self._shared:
            self.lock_appending(memberships.seated_conversation_ids(self.connection, account_id))
            memberships.increment_rosters_of(self.connection, account_id)
        self.changes.accounts.add(account_id)
        return accounts.end_sessions(self.connection, account_id, self.now)

    def save_state(self) -> SavepointState:
        """How everything stands before a job that may be undone."""
        return SavepointState(dict(self.new_heads), set(self.locked_ids), self.changes.copy())

    def restore_state(self, mark: SavepointState) -> None:
        """The job was undone, with whatever it had found."""
        self.new_heads, self.locked_ids, self.changes = mark
        self.changed_rosters, self.missed, self.stored = [], [], []

    def finish_rosters(self) -> None:
        """Before COMMIT: what jobs themselves did to rosters is known to whoever asked for it."""
        if self._shared and self.changes.changed:
            for id, now in messages.read_heads(self.connection, self.changes.changed).items():
                self.new_heads[id] = KnownHead(self.new_heads.get(id, now).head, now.roster)
