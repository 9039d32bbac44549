"""Who somebody is, and whether they are there.

That somebody is away is known for as long as they are online, and then forgotten: it is kept in no database.
"""

from dataclasses import dataclass
from functools import partial

from sqlalchemy import Connection

from db import accounts, rooms
from db.records import Account as Kept
from protocol import labels, requests, responses, values
from protocol.errors import EmptyText, TextTooLong
from protocol.frame import UNSET
from protocol.values import format_time
from server import rights
from server.announcer import Announcer
from server.config import Limits
from server.handlers.common import account_of
from server.live import Directory, Speaker
from server.replies import Query, Reply


@dataclass(frozen=True, slots=True)
class Profile:
    """An account as another one sees it, which may, or may not, know whether it is online."""

    kept: Kept
    registered_at: int
    rooms: list[str]
    watched: bool


class Whereabouts:
    def __init__(self, limits: Limits, directory: Directory, announcer: Announcer) -> None:
        self._limits = limits
        self._directory = directory
        self._announcer = announcer

    def set_away(self, speaker: Speaker, request: requests.SetAway) -> Reply:
        account, text = account_of(speaker), request.text
        if text.isspace():
            raise EmptyText
        if 0 < self._limits.away < len(text):
            raise TextTooLong(limit=self._limits.away)
        if text != account.away:
            account.away = text
            self._announcer.away(account, but=speaker)
        return responses.Ok(id=request.id)

    def whois(self, speaker: Speaker, request: requests.Whois) -> Reply:
        def then(found: Profile) -> responses.Response:
            return responses.User(id=request.id, user=self._value(found))

        return Query(partial(_look_up, account_id=account_of(speaker).id, username=request.username), then)

    def _value(self, found: Profile) -> values.User:
        online = found.watched and self._directory.is_online(found.kept.id)
        return values.User(
            username=found.kept.username,
            registered=format_time(found.registered_at),
            online=online,
            away=self._directory.away(found.kept.id) or UNSET if online else UNSET,
            rooms=[labels.room(name) for name in found.rooms],
        )


def _look_up(connection: Connection, *, account_id: int, username: str) -> Profile:
    other = rights.find_user(connection, username)
    return Profile(
        kept=other,
        registered_at=accounts.registered_at(connection, other.id),
        rooms=rooms.common(connection, account_id, other.id),
        watched=rights.may_watch(connection, account_id, other.id),
    )
