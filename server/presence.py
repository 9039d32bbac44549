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

from sqlalchemy import Connection

from db import blocks, friends, guests, memberships, rooms, servers
from db.accounts import Ended
from db.errors import Outage
from db.messages import Known
from db.operations import Job
from db.records import Account as Kept
from db.records import Direct, Room
from db.servers import alive_since
from db.transaction import Transaction
from db.writer import Writer
from protocol import values
from protocol.errors import AccountDisabled, ChatError, SessionEnded
from server.announcer import Announcer
from server.live import Account, Directory, Speaker
from server.notices import leave
from server.values import friend_value

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Snapshot:
    """All that an account follows, as of one moment: the rooms it is a member of, every private chat, its
    friends; the rooms that it is invited to, and the accounts that it has blocked; and, when it departs,
    whether it has a session on another server process.
    """

    rooms: list[Room]
    directs: list[Direct]
    invited: set[int]
    blocked: set[int]
    elsewhere: bool = False

    @property
    def followed(self) -> list[Room | Direct]:
        return [*self.rooms, *self.directs]

    @property
    def friends(self) -> list[Direct]:
        return [direct for direct in self.directs if not direct.ended]


class Presence:
    def __init__(
        self, directory: Directory, announcer: Announcer, writer: Writer, *, server_id: bytes, linger: float
    ) -> None:
        self._directory = directory
        self._announcer = announcer
        self._writer = writer
        self.server_id = server_id
        self._closed = False
        self._linger = linger
        self._graces: dict[int, asyncio.TimerHandle] = {}

    # In the transaction

    def attend(self, transaction: Transaction, account_id: int) -> Snapshot:
        """Note that this process has a session of the account, and take down what that session follows."""
        connection = transaction.connection
        if servers.attend(connection, self.server_id, account_id):
            transaction.news.accounts.add(account_id)
        found = _snapshot(connection, account_id)
        transaction.catch_up({one.conversation_id: Known(one.head, one.roster) for one in found.followed})
        return found

    def depart(self, transaction: Transaction, account_id: int) -> Snapshot:
        """Leave all that the account has entered, unless another server process has a session of it."""
        connection = transaction.connection
        servers.depart(connection, self.server_id, account_id)
        transaction.news.accounts.add(account_id)
        elsewhere = servers.attended_elsewhere(
            connection, self.server_id, account_id, alive_since(transaction.now)
        )
        if not elsewhere:
            transaction.lock(seat.conversation_id for seat in memberships.entered(connection, account_id))
            for seat in memberships.entered(connection, account_id):
                leave(transaction, seat)
        return replace(_snapshot(connection, account_id), elsewhere=elsewhere)

    # On the loop

    def adopt(self, account_id: int, username: str) -> None:
        """Nobody cares any more for an account that was here or on another process; its grace time begins."""
        if account_id not in self._directory.accounts:
            self._wait_for(self._directory.add_account(account_id, username))

    def end_sessions(self, ended: Mapping[int, Ended]) -> None:
        """Dismiss the sessions of these accounts that are over."""
        for account_id, end in ended.items():
            if account := self._directory.accounts.get(account_id):
                over = [speaker for speaker in account.speakers if speaker.session_epoch < end.epoch]
                if over:
                    self.dismiss(account, over, AccountDisabled() if end.disabled else SessionEnded())

    def arrive(self, speaker: Speaker, kept: Kept, found: Snapshot) -> None:
        """A session begins. ``found`` is of the same commit, so that the next event is the one behind its
        heads.
        """
        came = not self._directory.is_online(kept.id)
        account = self._directory.add_account(kept.id, kept.username)
        self._refresh(account, found)
        self._directory.add_speaker(account, speaker)
        if grace := self._graces.pop(account.id, None):
            grace.cancel()
        if came:
            self._announcer.presence(account, online=True)

    def gone(self, speaker: Speaker) -> None:
        """A session's connection is lost."""
        account = self._directory.drop_speaker(speaker)
        if account is not None and not account.speakers:
            self._wait_for(account)

    def log_out(self, speaker: Speaker, account: Account, found: Snapshot | None) -> None:
        """A session ends; with the last one (then ``found`` is there) the account has left everything."""
        self._directory.drop_speaker(speaker)
        if found is not None:
            self.departed(account, found)
        elif not account.speakers:
            self._wait_for(account)

    def dismiss(self, account: Account, speakers: Iterable[Speaker], reason: ChatError) -> None:
        """End sessions of an account, and say why; with the last one the account leaves at once."""
        for speaker in list(speakers):
            self._directory.drop_speaker(speaker)
            speaker.close(reason)
        if not account.speakers and not self._closed:
            self._leave(account)

    def friend_values(self, found: Snapshot) -> list[values.Friend]:
        """The friends in a snapshot as they go over the wire to the account that it is of."""
        return [friend_value(direct, self._directory) for direct in found.friends]

    def departed(self, account: Account, found: Snapshot) -> None:
        """An account has left everything. Unless somebody came back meanwhile, it is gone."""
        self._refresh(account, found)
        if account.speakers:
            return
        if found.elsewhere:
            self._directory.elsewhere.add(account.id)
        if account.id not in self._directory.elsewhere:
            self._announcer.presence(account, online=False)
        self._directory.drop_account(account)

    def _refresh(self, account: Account, found: Snapshot) -> None:
        """Make the live seats what the database says."""
        for room in found.rooms:
            self._directory.seat_in_room(account, room)
        for direct in found.directs:
            self._directory.seat_in_direct(account, direct)
        followed = {kept.conversation_id for kept in found.followed}
        for id in account.seats.keys() - followed:
            self._directory.drop_seat(account, id)
        account.invited, account.blocked = found.invited, found.blocked

    def _wait_for(self, account: Account) -> None:
        if self._closed:
            return
        loop = asyncio.get_running_loop()
        self._graces[account.id] = loop.call_later(self._linger, self._leave, account)

    def _leave(self, account: Account) -> None:
        self._graces.pop(account.id, None)
        work = partial(self.depart, account_id=account.id)
        self._writer.add(Job(work, partial(self._left, account)))

    def _left(self, account: Account, found: Snapshot | Exception) -> None:
        if isinstance(found, Snapshot):
            self.departed(account, found)
        elif not account.speakers:
            if not isinstance(found, Outage):
                log.warning("could not leave on behalf of an account, will try again: %s", found)
            self._wait_for(account)

    def close(self) -> None:
        """The server ends: nobody is made to leave any more; their grace time begins when it is back."""
        self._closed = True
        for grace in self._graces.values():
            grace.cancel()


def _snapshot(connection: Connection, account_id: int) -> Snapshot:
    return Snapshot(
        rooms.listing(connection, account_id, only_member=True),
        friends.listing(connection, account_id, include_ended=True),
        guests.invited_to(connection, account_id),
        blocks.blocked_by(connection, account_id),
    )
