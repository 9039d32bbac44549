"""Who is here: sessions arrive and go, and an account stays for its grace time after the last one was lost.

An account that has entered something is left where it is when its connection breaks; ``linger`` seconds
later, if nobody has come back, the server leaves on its behalf. The same holds for those who were inside when
the server itself went down: their time is counted anew from its start. An account with sessions on another
server process is that one's to care for.
"""

import asyncio
import logging
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from functools import partial

from chatroom.db.errors import DatabaseUnavailable
from chatroom.db.queries import bans_and_invites, blocks, friends, instances, memberships, rooms
from chatroom.db.queries.accounts import EndedSessions
from chatroom.db.queries.instances import alive_since
from chatroom.db.queries.messages import KnownHead
from chatroom.db.records import AccountRecord as Kept
from chatroom.db.records import DirectRecord, RoomRecord
from chatroom.db.writer.operations import WriteJob
from chatroom.db.writer.transaction import WriteTransaction
from chatroom.db.writer.writer import DatabaseWriter
from chatroom.protocol import values
from chatroom.protocol.errors import AccountDisabled, ChatError, SessionEnded
from chatroom.server.state.directory import LiveAccount, LiveDirectory, Speaker
from chatroom.server.state.notifier import EventNotifier
from chatroom.server.state.serialize import friend_value
from chatroom.server.state.system_messages import leave_conversation
from sqlalchemy import Connection

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class AccountSnapshot:
    """All that an account follows, as of one moment: the rooms it is a member of, every private chat, its
    friends; the rooms that it is invited to, and the accounts that it has blocked; and, when it departs,
    whether it has a session on another server process.
    """

    rooms: list[RoomRecord]
    directs: list[DirectRecord]
    invited: set[int]
    blocked: set[int]
    elsewhere: bool = False

    @property
    def followed(self) -> list[RoomRecord | DirectRecord]:
        return [*self.rooms, *self.directs]

    @property
    def friends(self) -> list[DirectRecord]:
        return [direct for direct in self.directs if not direct.ended]


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
        self._linger = linger
        self._graces: dict[int, asyncio.TimerHandle] = {}

    # In the transaction

    def record_attendance(self, transaction: WriteTransaction, account_id: int) -> AccountSnapshot:
        """Note that this process has a session of the account, and take down what that session follows."""
        connection = transaction.connection
        if instances.add_attendance(connection, self._server_id, account_id):
            transaction.changes.accounts.add(account_id)
        found = _read_snapshot(connection, account_id)
        transaction.note_heads(
            {one.conversation_id: KnownHead(one.head, one.roster) for one in found.followed}
        )
        return found

    def record_departure(self, transaction: WriteTransaction, account_id: int) -> AccountSnapshot:
        """Leave all that the account has entered, unless another server process has a session of it."""
        connection = transaction.connection
        instances.remove_attendance(connection, self._server_id, account_id)
        transaction.changes.accounts.add(account_id)
        elsewhere = instances.attended_elsewhere(
            connection, self._server_id, account_id, alive_since(transaction.now)
        )
        if not elsewhere:
            transaction.lock_changing(
                seat.conversation_id for seat in memberships.entered_seats(connection, account_id)
            )
            for seat in memberships.entered_seats(connection, account_id):
                leave_conversation(transaction, seat)
        return replace(_read_snapshot(connection, account_id), elsewhere=elsewhere)

    # On the loop

    def adopt_account(self, account_id: int, username: str) -> None:
        """Nobody cares any more for an account that was here or on another process; its grace time begins."""
        if account_id not in self._directory.accounts:
            self._start_grace_timer(self._directory.add_account(account_id, username))

    def end_sessions(self, ended: Mapping[int, EndedSessions]) -> None:
        """Dismiss the sessions of these accounts that are over."""
        for account_id, end in ended.items():
            if account := self._directory.accounts.get(account_id):
                over = [speaker for speaker in account.speakers if speaker.session_epoch < end.epoch]
                if over:
                    self.dismiss_sessions(
                        account, over, AccountDisabled() if end.disabled else SessionEnded()
                    )

    def session_started(self, speaker: Speaker, kept: Kept, found: AccountSnapshot) -> None:
        """A session begins. ``found`` is of the same commit, so that the next event is the one behind its
        heads.
        """
        came = not self._directory.is_online(kept.id)
        account = self._directory.add_account(kept.id, kept.username)
        self._refresh_seats(account, found)
        self._directory.add_speaker(account, speaker)
        if grace := self._graces.pop(account.id, None):
            grace.cancel()
        if came:
            self._announcer.presence_changed(account, online=True)

    def session_lost(self, speaker: Speaker) -> None:
        """A session's connection is lost."""
        account = self._directory.drop_speaker(speaker)
        if account is not None and not account.speakers:
            self._start_grace_timer(account)

    def session_logged_out(
        self, speaker: Speaker, account: LiveAccount, found: AccountSnapshot | None
    ) -> None:
        """A session ends; with the last one (then ``found`` is there) the account has left everything."""
        self._directory.drop_speaker(speaker)
        if found is not None:
            self.account_departed(account, found)
        elif not account.speakers:
            self._start_grace_timer(account)

    def dismiss_sessions(self, account: LiveAccount, speakers: Iterable[Speaker], reason: ChatError) -> None:
        """End sessions of an account, and say why; with the last one the account leaves at once."""
        for speaker in list(speakers):
            self._directory.drop_speaker(speaker)
            speaker.close(reason)
        if not account.speakers and not self._closed:
            self._leave_everything(account)

    def friend_values(self, found: AccountSnapshot) -> list[values.Friend]:
        """The friends in a snapshot as they go over the wire to the account that it is of."""
        return [friend_value(direct, self._directory) for direct in found.friends]

    def account_departed(self, account: LiveAccount, found: AccountSnapshot) -> None:
        """An account has left everything. Unless somebody came back meanwhile, it is gone."""
        self._refresh_seats(account, found)
        if account.speakers:
            return
        if found.elsewhere:
            self._directory.elsewhere.add(account.id)
        if account.id not in self._directory.elsewhere:
            self._announcer.presence_changed(account, online=False)
        self._directory.drop_account(account)

    def _refresh_seats(self, account: LiveAccount, found: AccountSnapshot) -> None:
        """Make the live seats what the database says."""
        for room in found.rooms:
            self._directory.seat_in_room(account, room)
        for direct in found.directs:
            self._directory.seat_in_direct(account, direct)
        followed = {kept.conversation_id for kept in found.followed}
        for id in account.seats.keys() - followed:
            self._directory.drop_seat(account, id)
        account.invited, account.blocked = found.invited, found.blocked

    def _start_grace_timer(self, account: LiveAccount) -> None:
        if self._closed:
            return
        loop = asyncio.get_running_loop()
        self._graces[account.id] = loop.call_later(self._linger, self._leave_everything, account)

    def _leave_everything(self, account: LiveAccount) -> None:
        self._graces.pop(account.id, None)
        work = partial(self.record_departure, account_id=account.id)
        self._writer.add_operation(WriteJob(work, partial(self._after_leaving, account)))

    def _after_leaving(self, account: LiveAccount, found: AccountSnapshot | Exception) -> None:
        if isinstance(found, AccountSnapshot):
            self.account_departed(account, found)
        elif not account.speakers:
            if not isinstance(found, DatabaseUnavailable):
                log.warning("could not leave on behalf of an account, will try again: %s", found)
            self._start_grace_timer(account)

    def close(self) -> None:
        """The server ends: nobody is made to leave any more; their grace time begins when it is back."""
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
