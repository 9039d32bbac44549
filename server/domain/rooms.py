"""Rooms: locked, read as an account sees them, and removed."""

from collections.abc import Callable

from sqlalchemy import Connection

from chatroom.db.queries import rooms
from chatroom.db.queries.changefeed import ClosedRoom, closed_room
from chatroom.db.records import RoomRecord
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
    return find(transaction.connection, account_id, name)


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
