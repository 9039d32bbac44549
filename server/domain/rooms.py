"""Rooms: locked, read as an account sees them, and removed."""

from collections.abc import Callable

from sqlalchemy import Connection

from chatroom.db.queries import invite_codes, memberships, rooms
from chatroom.db.queries.changefeed import ClosedRoom, closed_room
from chatroom.db.records import RoomRecord, SeatRecord
from chatroom.db.writer.transaction import WriteTransaction
from chatroom.protocol import labels, names
from chatroom.server.auth import permissions
from chatroom.server.state.directory import LiveDirectory
from chatroom.server.state.notifier import EventNotifier

FindRoom = Callable[[Connection, int, str], RoomRecord]


def lock_room(
    transaction: WriteTransaction, account_id: int, name: str, find: FindRoom = permissions.find_room
) -> RoomRecord:
    """Lock a room until COMMIT, and return it as the account sees it."""
    id = rooms.room_id(transaction.connection, names.name_key(labels.room_name(name)))
    if id is not None:
        transaction.lock_changing([id])
    record = find(transaction.connection, account_id, name)
    if record.conversation_id != id:  # meanwhile, another room has taken the name
        transaction.lock_changing([record.conversation_id])
        record = find(transaction.connection, account_id, name)
    return record


def lock_own_room(transaction: WriteTransaction, account_id: int, name: str) -> RoomRecord:
    """Lock a room that the account owns, and return it. Raises ``UnknownRoom``, ``NotOwner``."""
    own = lock_room(transaction, account_id, name)
    permissions.check_owner(account_id, own)
    return own


def lock_moderated_room(transaction: WriteTransaction, account_id: int, name: str) -> RoomRecord:
    """Lock a room that the account owns or moderates. Raises ``UnknownRoom``, ``NotOwner``."""
    room = lock_room(transaction, account_id, name)
    permissions.check_moderator(account_id, room)
    return room


def remove_seat(transaction: WriteTransaction, seat: SeatRecord) -> None:
    """Take a seat in a locked room away. With it, the rights of a moderator end."""
    end_moderation(transaction, seat)
    memberships.give_up_seat(transaction.connection, seat.conversation_id, seat.account_id)


def end_moderation(transaction: WriteTransaction, seat: SeatRecord) -> None:
    """End the rights of a moderator, if the member is one, with the codes that the moderator has made."""
    if seat.moderator:
        memberships.set_moderator(transaction.connection, seat.conversation_id, seat.account_id, False)
        invite_codes.delete_codes_by(transaction.connection, seat.conversation_id, seat.account_id)


def remove_room(transaction: WriteTransaction, room: RoomRecord, by: str | None) -> ClosedRoom:
    """Remove a locked room, with all of its seats."""
    rooms.remove_room(transaction.connection, room.conversation_id)
    closed = closed_room(room, by)
    transaction.changes.closed.append(closed)
    return closed


def announce_room_closed(directory: LiveDirectory, notifier: EventNotifier, room: ClosedRoom) -> None:
    """After a room was removed from the database: notify its members and drop their live seats."""
    notifier.room_closed(room)
    for account in directory.accounts.values():
        directory.drop_seat(account, room.conversation_id)
        account.invited.discard(room.conversation_id)
