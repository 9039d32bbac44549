"""The notices of entering, leaving and a new nickname, stored together with the change that they tell of."""

from typing import Protocol

from db import memberships
from db.records import Draft, Seat
from db.writer import Transaction


class Named(Protocol):
    @property
    def id(self) -> int: ...
    @property
    def username(self) -> str: ...


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
