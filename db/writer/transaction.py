"""The interface of the writer's jobs: the connection, the time, and the only way to append messages.

It also detects what other server processes changed since this one last looked: messages that were not
delivered here, and rosters that are out of date here. ``writer`` passes both to the loop.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

from sqlalchemy import Connection

from chatroom.db.errors import LockedElsewhere, is_lock_timeout
from chatroom.db.queries import accounts, memberships, messages, raw_insert, revisions
from chatroom.db.queries.accounts import EndedSessions
from chatroom.db.queries.changefeed import ChangeSet
from chatroom.db.queries.memberships import SeatStatus, seat_statuses
from chatroom.db.queries.messages import STORED, AppendOutcome, KnownHead, LockedHead, SeqRange
from chatroom.db.records import MessageDraft, StoredMessage
from chatroom.db.writer.foreign_locks import ForeignLocks

MAX_MISSED = 1000
"""Messages of one conversation that are fetched for delivery. If other processes stored more since this one
last looked, only the newest is fetched, and ``delivery`` closes the connections that would have a gap.
"""


class RosterSeats(NamedTuple):
    """The seats of a conversation by account, at a roster version made by another process; and the ended
    sessions of these accounts.
    """

    conversation_id: int
    roster: int
    seats: dict[int, SeatStatus]
    ended: dict[int, EndedSessions]


class SavepointState(NamedTuple):
    """The parts of a ``WriteTransaction`` that a savepoint rollback restores."""

    new_heads: dict[int, KnownHead]
    locked_ids: set[int]
    changes: ChangeSet


class WriteTransaction:
    """What a job may use: the connection, the time, and the only way to append messages."""

    def __init__(
        self,
        connection: Connection,
        now: int,
        message_time: int,
        known: dict[int, KnownHead],
        shared: bool,
        locks: ForeignLocks,
        waits_for_locks: bool = True,
    ) -> None:
        self.connection = connection
        self.now = now
        self.message_time = message_time  # from ``CautiousClock``
        self.changed_rosters: list[RosterSeats] = []  # by other processes; applied before ``missed``
        # Stored by other processes; delivered before the messages of this job.
        self.missed: list[StoredMessage] = []
        self.stored: list[StoredMessage] = []
        self.new_heads: dict[int, KnownHead] = {}  # added to ``known`` after COMMIT
        self.locked_ids: set[int] = set()
        self.changes = ChangeSet()  # for other processes
        self._known = known  # the head of each conversation up to which messages were delivered
        self._shared = shared  # other processes may use this database
        self._locks = locks
        self._waits_for_locks = waits_for_locks

    def lock_changing(self, conversation_ids: Iterable[int]) -> dict[int, LockedHead]:
        """Lock conversations, in the order of their ids, to change them; and collect the changes of other
        processes.
        """
        heads = self.lock_appending(conversation_ids)
        self.changes.changed |= heads.keys()
        return heads

    def lock_appending(self, conversation_ids: Iterable[int]) -> dict[int, LockedHead]:
        """Like ``lock_changing``, to append messages only. Raises ``LockedElsewhere``."""
        heads, locked = self.lock_available(conversation_ids)
        if locked:
            raise LockedElsewhere(f"locked by another session of the database: {sorted(locked)}")
        return heads

    def lock_available(self, conversation_ids: Iterable[int]) -> tuple[dict[int, LockedHead], set[int]]:
        """Lock the conversations that no other session has locked. Returns their heads, and the ids of the
        others.
        """
        ids = set(conversation_ids)
        heads = self._lock_rows(ids)
        missing = ids - heads.keys()
        locked = set(messages.read_heads(self.connection, missing)) if missing and self._shared else set()
        if self._locks.ids:
            self._locks.mark_free(ids - locked)
        self.note_heads({id: KnownHead(head.head, head.roster) for id, head in heads.items()})
        self.locked_ids |= heads.keys()
        return heads, locked

    def _lock_rows(self, ids: set[int]) -> dict[int, LockedHead]:
        """Lock rows. Unless this transaction waits for locks, rows that another session has locked are
        skipped, so that a busy conversation does not hold up the others. With waiting, those that were locked
        beyond the timeout last time are taken last and only if they are free.
        """
        if self._shared and not self._waits_for_locks and raw_insert.supports_skip_locked(self.connection):
            return messages.lock_heads(self.connection, ids, skip_locked=True)
        avoided = self._locks.ids & ids - self.locked_ids
        try:
            heads = messages.lock_heads(self.connection, ids - avoided)
        except Exception as error:
            if not (
                self._shared and is_lock_timeout(error) and raw_insert.supports_skip_locked(self.connection)
            ):
                raise
            heads = messages.lock_heads(self.connection, ids - avoided, skip_locked=True)
            self._locks.mark_locked(messages.read_heads(self.connection, ids - avoided - heads.keys()))
        if avoided:
            heads |= messages.lock_heads(self.connection, avoided, skip_locked=True)
        return heads

    def append_messages(
        self, heads: dict[int, LockedHead], drafts: Sequence[MessageDraft]
    ) -> list[AppendOutcome]:
        """Append messages to conversations that are locked."""
        outcomes = messages.append_messages(self.connection, heads, drafts, self.message_time)
        self.stored += [outcome.stored for outcome in outcomes if outcome.verdict is STORED]
        for id in {draft.conversation_id for draft in drafts}:
            self.new_heads[id] = KnownHead(heads[id].head, self.new_heads[id].roster)
            self.changes.appended.add(id)
        return outcomes

    def note_heads(self, heads: Mapping[int, KnownHead]) -> None:
        """Note the heads of conversations that are reported to a client: from here on, every message must be
        delivered.

        For a locked conversation, this transaction knows the head already.
        """
        behind = []
        for id, now in heads.items():
            if id in self.locked_ids:
                continue
            before = self.new_heads.get(id) or self._known.get(id, now)
            if before.head < now.head:
                first = before.head if now.head - before.head <= MAX_MISSED else now.head - 1
                behind.append(SeqRange(id, first, now.head))
            if self._shared and before.roster != now.roster:
                self.changed_rosters.append(self._read_roster(id, now.roster))
            self.new_heads[id] = now if before.head <= now.head else KnownHead(before.head, now.roster)
        if behind:
            missed = messages.messages_in_ranges(self.connection, behind)
            self.missed += revisions.readable_texts(self.connection, missed)

    def _read_roster(self, id: int, roster: int) -> RosterSeats:
        return RosterSeats(
            id,
            roster,
            seat_statuses(self.connection, id),
            accounts.ended_sessions_of_members(self.connection, id),
        )

    def end_sessions(self, account_id: int) -> int:
        """End all sessions of an account. Returns the epoch of later sessions.

        After this transaction these sessions receive no messages. Like a removed seat, this changes the
        rosters, so that every process checks before it delivers later messages.
        """
        accounts.lock_accounts(self.connection, [account_id])
        if self._shared:
            self.lock_appending(memberships.seated_conversation_ids(self.connection, account_id))
            memberships.increment_rosters_of(self.connection, account_id)
        self.changes.accounts.add(account_id)
        return accounts.end_sessions(self.connection, account_id, self.now)

    def save_state(self) -> SavepointState:
        """The state before a job that may be undone."""
        return SavepointState(dict(self.new_heads), set(self.locked_ids), self.changes.copy())

    def restore_state(self, state: SavepointState) -> None:
        """Undo what a job noted."""
        self.new_heads, self.locked_ids, self.changes = state
        self.changed_rosters, self.missed, self.stored = [], [], []

    def finish_rosters(self) -> None:
        """Before COMMIT: note the roster versions that the jobs of this transaction made."""
        if self._shared and self.changes.changed:
            for id, now in messages.read_heads(self.connection, self.changes.changed).items():
                self.new_heads[id] = KnownHead(self.new_heads.get(id, now).head, now.roster)
        if self._shared:
            self.changes.heads = {id: self.new_heads[id].head for id in self.changes.appended}
