"""What several handlers need: the speaker's account, nicknames, pages, and the notices of entering and
leaving.
"""

from db.records import Stored
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
