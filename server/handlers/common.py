"""What several handlers need: the speaker's account, nicknames, times, and pages."""

from msgspec.structs import replace

from db.records import Stored
from protocol import names, values
from protocol.errors import BadFrame, BadNickname
from protocol.frame import UNSET, Id
from protocol.values import format_time, parse_time
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


def time_of(id: Id, text: str) -> int:
    """The time that a request names, in milliseconds since 1970."""
    try:
        return parse_time(text)
    except ValueError as error:
        raise BadFrame(id=id, reason=f"no time of RFC 3339: {error}") from None


def page_values(page: list[Stored], label: str, account_id: int) -> list[values.Message]:
    return [shown_value(stored, label, own=stored.account_id == account_id) for stored in page]


def shown_value(stored: Stored, label: str, *, own: bool) -> values.Message:
    """A message of a page: with what became of it, where that was asked for."""
    value, revision = message_value(stored, label, own=own), stored.revision
    if revision is None:
        return value
    return replace(
        value,
        edited=UNSET if revision.edited_at is None else format_time(revision.edited_at),
        deleted=revision.deleted or UNSET,
        reactions=revision.reactions or UNSET,
    )
