"""What several handlers need: the speaker's account, times, pages, and rooms under their lock."""

from collections.abc import Callable

from chatroom.db.queries import rooms
from chatroom.db.records import RoomRecord
from chatroom.db.writer.transaction import WriteTransaction
from chatroom.protocol.errors import BadFrame, NotLoggedIn
from chatroom.protocol.frame import UNSET, Id, UnsetType
from chatroom.protocol.values import parse_time
from chatroom.server.auth import permissions
from chatroom.server.config.settings import effective_limit
from chatroom.server.state.directory import LiveAccount, Speaker
from sqlalchemy import Connection


def speaker_account(speaker: Speaker) -> LiveAccount:
    """Who speaks. Raises ``NotLoggedIn`` when the session was ended while its request waited."""
    if speaker.account is None:
        raise NotLoggedIn
    return speaker.account


def parse_request_time(id: Id, text: str) -> int:
    """The time that a request names, in milliseconds since 1970."""
    try:
        return parse_time(text)
    except ValueError as error:
        raise BadFrame(id=id, reason=f"no time of RFC 3339: {error}") from None


USUAL_PAGE = 100
"""Messages that are shown where nobody said how many, and a page has no limit."""


def page_size(wanted: int | UnsetType, most: int) -> int:
    """How many messages to show: as many as are wanted, but ``most`` at most, which is a limit."""
    return most or USUAL_PAGE if wanted is UNSET else min(wanted, effective_limit(most))


FindRoom = Callable[[Connection, int, str], RoomRecord]


def lock_room(
    transaction: WriteTransaction, account_id: int, room: str, find: FindRoom = permissions.find_room
) -> RoomRecord:
    """A room as the account sees it, which nobody else changes until COMMIT."""
    found = find(transaction.connection, account_id, room)
    transaction.lock_changing([found.conversation_id])
    return find(transaction.connection, account_id, room)


def find_room_by_id(connection: Connection, account_id: int, conversation_id: int) -> RoomRecord:
    """A room that is there, as the account sees it, whether or not it may."""
    [room] = rooms.list_rooms(connection, account_id, [conversation_id])
    return room
