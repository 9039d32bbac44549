"""What several handlers need: the speaker's account, nicknames, pages, and the notices of entering and
leaving.
"""

from typing import Protocol

from db import memberships
from db.records import Draft, Seat, Stored
from db.writer import Transaction
from protocol import names, values
from protocol.errors import BadNickname
from server.config import Limits
from server.delivery import message_value
from server.live import Account, Speaker


def account_of(speaker: Speaker) -> Account:
    """Who speaks; the table in ``dispatch`` lets nobody in who has not logged in."""
    assert speaker.account is not None
    return speaker.account


def check_nickname(nickname: str, limits: Limits) -> None:
    if not names.is_nickname(nickname, limits.nickname_min, limits.nickname_max):
        raise BadNickname(least=limits.nickname_min, most=limits.nickname_max)


def page_values(page: list[Stored], label: str, account_id: int) -> list[values.Message]:
    return [message_value(stored, label, own=stored.account_id == account_id) for stored in page]


class Named(Protocol):
    @property
    def id(self) -> int: ...
    @property
    def username(self) -> str: ...


def notice(seat: Seat, account: Named, nickname: str) -> Draft | None:
    """What entering under a nickname has to tell: that somebody entered, changed the nickname, or nothing."""
    id = seat.conversation_id
    if not seat.entered:
        return Draft(id, account.id, account.username, nickname, "enter", "")
    if seat.nickname != nickname:
        return Draft(id, account.id, account.username, nickname, "nick", seat.nickname or "")
    return None


def leave(transaction: Transaction, seat: Seat) -> None:
    """Leave what was entered, with the notice that says so."""
    id = seat.conversation_id
    memberships.set_entered(transaction.connection, id, seat.account_id, False)
    words = Draft(id, seat.account_id, seat.username, seat.nickname or seat.username, "leave", "")
    transaction.append(transaction.lock([id]), [words])
