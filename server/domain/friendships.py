"""A friendship begins or ends: in the transaction, and in the live state of both accounts."""

from typing import NamedTuple

from chatroom.db.queries import friends, memberships
from chatroom.db.records import DirectRecord
from chatroom.db.writer.transaction import WriteTransaction
from chatroom.server.state.directory import LiveAccount, LiveDirectory, Speaker
from chatroom.server.state.notifier import EventNotifier
from chatroom.server.state.system_messages import leave_conversation


class FriendshipSides(NamedTuple):
    """The private chat of a friendship, as each of the two accounts sees it."""

    own: DirectRecord
    other: DirectRecord


def end_friendship(transaction: WriteTransaction, account_id: int, direct: DirectRecord) -> FriendshipSides:
    """End a friendship whose private chat is locked. Accounts that have entered the chat leave it first."""
    for seat in memberships.list_roster(transaction.connection, direct.conversation_id):
        if seat.entered:
            leave_conversation(transaction, seat)
    friends.end_friendship(transaction.connection, direct.conversation_id, transaction.now)
    return read_friendship(transaction, account_id, direct.friend_id)


def read_friendship(transaction: WriteTransaction, account_id: int, other_id: int) -> FriendshipSides:
    """Read and lock a private chat in which something was changed."""
    own = friends.find_direct(transaction.connection, account_id, other_id)
    other = friends.find_direct(transaction.connection, other_id, account_id)
    assert own is not None
    assert other is not None
    transaction.lock_changing([own.conversation_id])
    return FriendshipSides(own, other)


def announce_friendship(
    directory: LiveDirectory,
    notifier: EventNotifier,
    account: LiveAccount,
    sides: FriendshipSides,
    *,
    but: Speaker,
) -> None:
    """After a friendship began or ended: update both accounts' seats and notify their sessions."""
    directory.seat_in_direct(account, sides.own)
    notifier.friend_changed(account, sides.own, but=but)
    friend = directory.find_account(sides.own.friend_id)
    if friend is not None:
        directory.seat_in_direct(friend, sides.other)
        notifier.friend_changed(friend, sides.other)
