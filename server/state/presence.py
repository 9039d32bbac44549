"""Presence of accounts: sessions start and end, and a grace time begins when the last one is lost.

An account stays in its conversations when its connection breaks. If no session returns within ``linger``
seconds, the server leaves them on its behalf. After a restart of the server the grace time of all accounts
begins anew. If an account has sessions on another server process, that process is responsible for it.
"""

import asyncio
import logging
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial

from sqlalchemy import Connection

from chatroom.db.errors import DatabaseUnavailable
from chatroom.db.queries import bans_and_invites, blocks, friends, instances, memberships, rooms
from chatroom.db.queries.accounts import EndedSessions
from chatroom.db.queries.instances import alive_since
from chatroom.db.queries.messages import KnownHead
from chatroom.db.records import AccountRecord, DirectRecord, RoomRecord
from chatroom.db.writer.operations import WriteJob
from chatroom.db.writer.transaction import WriteTransaction
from chatroom.db.writer.writer import DatabaseWriter
from chatroom.protocol import values
from chatroom.protocol.errors import AccountDisabled, ChatError, SessionEnded
from chatroom.server.state.directory import LiveAccount, LiveDirectory, Speaker
from chatroom.server.state.notifier import EventNotifier
from chatroom.server.state.serialize import friend_value
from chatroom.server.state.system_messages import leave_conversations

log = logging.getLogger(__name__)


LEAVES_PER_STEP = 200
"""Conversations that one job leaves: some ten milliseconds."""


@dataclass(frozen=True, slots=True)
class AccountSnapshot:
    """The conversations, invitations and blocks of an account, as of one commit."""

    rooms: list[RoomRecord]
    directs: list[DirectRecord]
    invited: set[int]
    blocked: set[int]

    @property
    def followed(self) -> list[RoomRecord | DirectRecord]:
        return [*self.rooms, *self.directs]

    @property
    def friends(self) -> list[DirectRecord]:
        return [direct for direct in self.directs if not direct.ended]


@dataclass(frozen=True, slots=True)
class AccountDeparture:
    """Conversations that an account has left, with their new rosters. With ``more``, another step must
    follow. ``elsewhere``: it has a session on another server process.
    """

    rosters: dict[int, int]
    more: bool = False
    elsewhere: bool = False


class PresenceTracker:
    def __init__(
        self,
        directory: LiveDirectory,
        announcer: EventNotifier,
        writer: DatabaseWriter,
        *,
        server_id: bytes,
        linger: float,
    ) -> None:
        self._directory = directory
        self._announcer = announcer
        self._writer = writer
        self._server_id = server_id
        self._closed = False
        self.linger = linger
        self._graces: dict[int, asyncio.TimerHandle] = {}

    # Within a transaction

    def record_attendance(self, transaction: WriteTransaction, account_id: int) -> AccountSnapshot:
        """Record that this process has a session of the account, and return what the session follows."""
        connection = transaction.connection
        if instances.add_attendance(
            connection, self._server_id, account_id, instances.database_now(connection)
        ):
            transaction.changes.accounts.add(account_id)
        snapshot = _read_snapshot(connection, account_id)
        transaction.note_heads(
            {record.conversation_id: KnownHead(record.head, record.roster) for record in snapshot.followed}
        )
        return snapshot

    def record_departure(self, transaction: WriteTransaction, account_id: int) -> AccountDeparture:
        """Leave the entered conversations, unless another server process has a session of the account.

        At most ``LEAVES_PER_STEP`` are left in one job, so that others do not wait.
        """
        connection = transaction.connection
        elsewhere = instances.attended_elsewhere(
            connection, self._server_id, account_id, alive_since(connection)
        )
        seats = [] if elsewhere else memberships.entered_seats(connection, account_id, LEAVES_PER_STEP + 1)
        transaction.lock_changing(seat.conversation_id for seat in seats[:LEAVES_PER_STEP])
        if seats:
            seats = memberships.entered_seats(connection, account_id, LEAVES_PER_STEP + 1)
        rosters = leave_conversations(transaction, seats[:LEAVES_PER_STEP])
        more = len(seats) > LEAVES_PER_STEP
        if not more:
            instances.remove_attendance(connection, self._server_id, account_id)
            transaction.changes.accounts.add(account_id)
        return AccountDeparture(rosters, more, elsewhere)

    # On the event loop

    def adopt_account(self, account_id: int, username: str) -> None:
        """Take over an orphaned account (its process died) and start its grace timer."""
        if account_id not in self._directory.accounts:
            self._start_grace_timer(self._directory.add_account(account_id, username))

    def end_sessions(self, ended: Mapping[int, EndedSessions]) -> None:
        """Disconnect the ended sessions of these accounts."""
        for account_id, end in ended.items():
            if account := self._directory.accounts.get(account_id):
                ended_speakers = [
                    speaker for speaker in account.speakers if speaker.session_epoch < end.epoch
                ]
                if ended_speakers:
                    self.dismiss_sessions(
                        account, ended_speakers, AccountDisabled() if end.disabled else SessionEnded()
                    )

    def session_started(self, speaker: Speaker, stored: AccountRecord, snapshot: AccountSnapshot) -> None:
        """Register a new session. ``snapshot`` is of the same commit, so the next events follow its heads."""
        is_new = not self._directory.is_online(stored.id)
        account = self._directory.add_account(stored.id, stored.username)
        self._refresh_seats(account, snapshot)
        self._directory.add_speaker(account, speaker)
        if grace := self._graces.pop(account.id, None):
            grace.cancel()
        if is_new:
            self._announcer.presence_changed(account, online=True)

    def session_lost(self, speaker: Speaker) -> None:
        """Drop a session whose connection is lost, and start the grace timer with the last one."""
        account = self._directory.drop_speaker(speaker)
        if account is not None and not account.speakers:
            self._start_grace_timer(account)

    def session_logged_out(
        self, speaker: Speaker, account: LiveAccount, departure: AccountDeparture | None
    ) -> None:
        """Drop a session that logged out. ``departure`` is given with the last one, after leaving
        everything."""
        self._directory.drop_speaker(speaker)
        if departure is not None:
            self._continue_departure(account, departure)
        elif not account.speakers:
            self._start_grace_timer(account)

    def dismiss_sessions(self, account: LiveAccount, speakers: Iterable[Speaker], reason: ChatError) -> None:
        """Disconnect sessions with a reason. With the last one the account leaves everything at once."""
        for speaker in list(speakers):
            self._directory.drop_speaker(speaker)
            speaker.close(reason)
        if not account.speakers and not self._closed:
            self._leave_everything(account)

    def friend_values(self, snapshot: AccountSnapshot) -> Iterator[values.Friend]:
        """Iterate over the friends in a snapshot as wire values for its account."""
        return (friend_value(direct, self._directory) for direct in snapshot.friends)

    async def leave_most(self, speaker: Speaker, account: LiveAccount) -> None:
        """Before the last session logs out: leave conversations until one job can leave the rest."""
        while account.speakers == {speaker} and account.count_entered() > LEAVES_PER_STEP:
            work = partial(self.record_departure, account_id=account.id)
            departure = await self._writer.run_job_then(work, partial(self._conversations_left, account))
            if not departure.rosters:
                break

    def _conversations_left(self, account: LiveAccount, departure: AccountDeparture) -> AccountDeparture:
        """Update the live seats after a step of a departure."""
        for id, roster in departure.rosters.items():
            self._directory.set_roster(id, roster)
            if seat := account.seats.get(id):
                seat.entered = False
        return departure

    def _continue_departure(self, account: LiveAccount, departure: AccountDeparture) -> None:
        """After a step: begin the next one, or drop the account, unless it has a new session."""
        self._conversations_left(account, departure)
        if account.speakers:
            return
        if departure.more:
            self._leave_everything(account)
            return
        if departure.elsewhere:
            self._directory.elsewhere.add(account.id)
        if account.id not in self._directory.elsewhere:
            self._announcer.presence_changed(account, online=False)
        self._directory.drop_account(account)

    def _refresh_seats(self, account: LiveAccount, snapshot: AccountSnapshot) -> None:
        """Update the live seats from the database."""
        for room in snapshot.rooms:
            self._directory.seat_in_room(account, room)
        for direct in snapshot.directs:
            self._directory.seat_in_direct(account, direct)
        followed = {record.conversation_id for record in snapshot.followed}
        for id in account.seats.keys() - followed:
            self._directory.drop_seat(account, id)
        account.invited, account.blocked = snapshot.invited, snapshot.blocked

    def _start_grace_timer(self, account: LiveAccount) -> None:
        if self._closed:
            return
        loop = asyncio.get_running_loop()
        self._graces[account.id] = loop.call_later(self.linger, self._leave_everything, account)

    def _leave_everything(self, account: LiveAccount) -> None:
        self._graces.pop(account.id, None)
        work = partial(self.record_departure, account_id=account.id)
        self._writer.add_operation(WriteJob(work, partial(self._after_leaving, account)))

    def _after_leaving(self, account: LiveAccount, departure: AccountDeparture | Exception) -> None:
        if isinstance(departure, AccountDeparture):
            self._continue_departure(account, departure)
        elif not account.speakers:
            if not isinstance(departure, DatabaseUnavailable):
                log.warning("could not leave on behalf of an account, will try again: %s", departure)
            self._start_grace_timer(account)

    def close(self) -> None:
        """Cancel all grace timers at shutdown; they begin anew at the next start."""
        self._closed = True
        for grace in self._graces.values():
            grace.cancel()


def _read_snapshot(connection: Connection, account_id: int) -> AccountSnapshot:
    return AccountSnapshot(
        rooms.list_rooms(connection, account_id, only_member=True),
        friends.list_directs(connection, account_id, include_ended=True),
        bans_and_invites.invited_room_ids(connection, account_id),
        blocks.blocked_ids(connection, account_id),
    )
