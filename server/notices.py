"""Notices, stored together with the change that they tell of: who entered, left or took a new nickname, and
what the owner of a room did.
"""

from db import memberships
from db.records import Draft, Room, Seat
from db.transaction import Transaction
from server.rights import Named


def enter(transaction: Transaction, seat: Seat, account: Named, nickname: str) -> None:
    """Enter a locked conversation under a nickname; nothing happens to whoever is inside under it already."""
    id = seat.conversation_id
    if not seat.entered:
        notice = Draft(id, account.id, account.username, nickname, "enter", "")
    elif seat.nickname != nickname:
        notice = Draft(id, account.id, account.username, nickname, "nick", seat.nickname or "")
    else:
        return
    memberships.set_entered(transaction.connection, id, account.id, True, nickname)
    transaction.append(transaction.lock([id]), [notice])


def leave(transaction: Transaction, seat: Seat) -> None:
    """Leave a conversation that was entered."""
    id = seat.conversation_id
    memberships.set_entered(transaction.connection, id, seat.account_id, False)
    notice = Draft(id, seat.account_id, seat.username, seat.nickname or seat.username, "leave", "")
    transaction.append(transaction.lock([id]), [notice])


def tell(transaction: Transaction, room: Room, account: Named, kind: str, text: str) -> None:
    """Let a locked room's history tell what an account, by whose eyes the room is, did to it."""
    id = room.conversation_id
    nickname = room.seat.nickname if room.seat is not None else None
    notice = Draft(id, account.id, account.username, nickname or account.username, kind, text)
    transaction.append(transaction.lock([id]), [notice])
