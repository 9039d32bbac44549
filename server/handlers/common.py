"""What several handlers need: the speaker's account, times, pages, and rooms under their lock."""

from collections.abc import Callable

from sqlalchemy import Connection

from db import rooms
from db.records import Room
from db.transaction import Transaction
from protocol.errors import BadFrame, NotLoggedIn
from protocol.frame import UNSET, Id, UnsetType
from protocol.values import parse_time
from server import rights
from server.config import bound
from server.live import Account, Speaker


def account_of(speaker: Speaker) -> Account:
    """Who speaks. Raises ``NotLoggedIn`` when the session was ended while its request waited."""
    if speaker.account is None:
        raise NotLoggedIn
    return speaker.account


def time_of(id: Id, text: str) -> int:
    """The time that a request names, in milliseconds since 1970."""
    try:
        return parse_time(text)
    except ValueError as error:
        raise BadFrame(id=id, reason=f"no time of RFC 3339: {error}") from None


USUAL_PAGE = 100
"""Messages that are shown where nobody said how many, and a page has no limit."""


def page_size(wanted: int | UnsetType, most: int) -> int:
    """How many messages to show: as many as are wanted, but ``most`` at most, which is a limit."""
    return most or USUAL_PAGE if wanted is UNSET else min(wanted, bound(most))


FindRoom = Callable[[Connection, int, str], Room]


def lock_room(
    transaction: Transaction, account_id: int, room: str, find: FindRoom = rights.find_room
) -> Room:
    """A room as the account sees it, which nobody else changes until COMMIT."""
    found = find(transaction.connection, account_id, room)
    transaction.lock([found.conversation_id])
    return find(transaction.connection, account_id, room)


def room_as(connection: Connection, account_id: int, conversation_id: int) -> Room:
    """A room that is there, as the account sees it, whether or not it may."""
    [room] = rooms.listing(connection, account_id, [conversation_id])
    return room
