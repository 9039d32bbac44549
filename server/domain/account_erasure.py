"""Erasing an account: the first step, the small steps that follow, and what the live state learns of each.

After the first step the account is gone for its user: it cannot log in, its sessions have ended, and it has a
neutral name. ``jobs.account_eraser`` then runs the other steps in the background.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple, Protocol

from sqlalchemy import Connection

from chatroom.db.account_erasure import erasure_queue, message_sweep
from chatroom.db.account_erasure.erasure_queue import AccountErasure
from chatroom.db.account_erasure.message_sweep import SweepSlice
from chatroom.db.queries import accounts, friends, memberships, rooms, tokens
from chatroom.db.queries.changefeed import ClosedRoom
from chatroom.db.records import AccountRecord, DirectRecord, RoomRecord
from chatroom.db.writer.transaction import WriteTransaction
from chatroom.protocol.errors import AccountDisabled, UnknownUser
from chatroom.server.domain.rooms import announce_room_closed, remove_room, remove_seat
from chatroom.server.state.directory import LiveDirectory, Speaker
from chatroom.server.state.notifier import EventNotifier
from chatroom.server.state.presence import PresenceTracker
from chatroom.server.state.system_messages import add_notice, leave_conversations

SEATS_PER_STEP = 50
"""Seats that one job gives up."""


class ErasureRunner(Protocol):
    """What continues erasures: ``jobs.account_eraser``."""

    def erasure_begun(self, erasure: AccountErasure, but: Speaker | None = None) -> None:
        """After the first step: end the account's sessions, and continue in the background. The connection
        of the session ``but`` stays open.
        """

    async def erase_pending(self) -> bool:
        """Complete all erasures. Returns ``False`` if another process is at one of them."""


class FriendSide(NamedTuple):
    """A private chat as the other account sees it, and whether the friendship had ended before."""

    account_id: int
    direct: DirectRecord
    was_ended: bool


@dataclass(frozen=True, slots=True)
class GivenUpSeats:
    """The rooms and private chats in which the account had its seats."""

    account_id: int
    rooms: list[RoomRecord]
    friends: list[FriendSide]


# In the transaction


def begin_erasure(transaction: WriteTransaction, account_id: int) -> AccountErasure:
    """End the account's sessions, delete its tokens, and give it a neutral name. Raises ``UnknownUser`` if it
    is erased already.
    """
    connection = transaction.connection
    transaction.end_sessions(account_id)
    account = accounts.find_account_by_id(connection, account_id)
    if account is None or account.erased:
        raise UnknownUser
    tokens.delete_account_tokens(connection, account_id)
    return erasure_queue.begin_erasure(connection, account_id, transaction.now)


def hand_over_room(
    transaction: WriteTransaction, account_id: int, conversation_id: int
) -> RoomRecord | ClosedRoom | None:
    """Make the longest-standing other member the owner of a room; without other members, remove the room."""
    connection = transaction.connection
    transaction.lock_changing([conversation_id])
    for room in rooms.list_rooms(connection, account_id, [conversation_id]):
        if room.owner_id != account_id:
            return None
        heir = _find_heir(connection, conversation_id, account_id)
        if heir is None:
            return remove_room(transaction, room, None)
        owner = accounts.find_account_by_id(connection, account_id)
        assert owner is not None
        rooms.set_owner(connection, conversation_id, heir.id)
        add_notice(transaction, room, owner, "transfer", heir.username)
        return rooms.read_room(connection, heir.id, conversation_id)
    return None


def give_up_seats(transaction: WriteTransaction, account_id: int) -> GivenUpSeats:
    """Give up some seats of the account; end its friendships there."""
    connection = transaction.connection
    ids = memberships.some_seated_conversations(connection, account_id, SEATS_PER_STEP)
    transaction.lock_changing(ids)
    directs = friends.list_directs(connection, account_id, ids, include_ended=True)
    seats = [seat for id in ids if (seat := memberships.find_seat(connection, id, account_id)) is not None]
    leave_conversations(transaction, [seat for seat in seats if seat.entered])
    for direct in directs:
        _end_direct(transaction, direct)
    for seat in seats:
        remove_seat(transaction, seat)
    return GivenUpSeats(
        account_id,
        rooms.list_rooms(connection, account_id, ids),
        [
            FriendSide(direct.friend_id, side, direct.ended)
            for direct in directs
            if (side := friends.find_direct(connection, direct.friend_id, account_id)) is not None
        ],
    )


def erase_messages(
    transaction: WriteTransaction, erasure: AccountErasure, slice: SweepSlice
) -> AccountErasure | None:
    """Erase a slice of messages. Returns how far the erasure is; ``None`` if another process is faster."""
    connection, id = transaction.connection, slice.conversation_id
    heads = transaction.lock_appending([id])
    further = message_sweep.position_after(erasure, slice)
    if not erasure_queue.advance_erasure(connection, erasure, further):
        return None
    if slice.seqs:
        message_sweep.erase_slice(connection, erasure, slice, heads[id], transaction.now)
    if slice.is_last and (notice := message_sweep.erase_notice(connection, erasure, id)) is not None:
        transaction.append_messages(heads, [notice])
    return further


def _find_heir(connection: Connection, conversation_id: int, account_id: int) -> AccountRecord | None:
    """Return the member with the oldest seat who may log in."""
    for heir_id in memberships.members_by_age(connection, conversation_id):
        heir = accounts.find_account_by_id(connection, heir_id) if heir_id != account_id else None
        if heir is not None and not heir.disabled:
            return heir
    return None


def _end_direct(transaction: WriteTransaction, direct: DirectRecord) -> None:
    """End a friendship; the friend leaves the private chat first."""
    if direct.ended:
        return
    friend = memberships.find_seat(transaction.connection, direct.conversation_id, direct.friend_id)
    if friend is not None and friend.entered:
        leave_conversations(transaction, [friend])
    friends.end_friendship(transaction.connection, direct.conversation_id, transaction.now)


# On the event loop


def announce_erasure(
    directory: LiveDirectory, presence: PresenceTracker, erasure: AccountErasure, but: Speaker | None
) -> None:
    """After the first step: end the account's sessions; the connection of ``but`` stays open."""
    if account := directory.find_account(erasure.account_id):
        if but is not None:
            directory.drop_speaker(but)
        presence.dismiss_sessions(account, account.speakers, AccountDisabled())


def announce_handover(
    directory: LiveDirectory, notifier: EventNotifier, room: RoomRecord | ClosedRoom | None
) -> None:
    if isinstance(room, ClosedRoom):
        announce_room_closed(directory, notifier, room)
    elif room is not None:
        directory.set_roster(room.conversation_id, room.roster)
        notifier.room_changed(room)


def announce_seats(directory: LiveDirectory, notifier: EventNotifier, given_up: GivenUpSeats) -> None:
    """After seats were given up: update the rooms, and the private chats of the friends."""
    if account := directory.find_account(given_up.account_id):
        _drop_seats(directory, account.id, given_up)
    for room in given_up.rooms:
        directory.set_roster(room.conversation_id, room.roster)
        notifier.room_changed(room)
    for friend_id, direct, was_ended in given_up.friends:
        friend = directory.find_account(friend_id)
        seat = None if friend is None else friend.seats.get(direct.conversation_id)
        if friend is not None and seat is not None:
            former = seat.label
            directory.seat_in_direct(friend, direct)
            notifier.friend_renamed(friend, direct, former, was_ended=was_ended)


def _drop_seats(directory: LiveDirectory, account_id: int, given_up: GivenUpSeats) -> None:
    ids: Sequence[int] = [
        *(room.conversation_id for room in given_up.rooms),
        *(side.direct.conversation_id for side in given_up.friends),
    ]
    for id in ids:
        directory.drop_seat(directory.accounts[account_id], id)
