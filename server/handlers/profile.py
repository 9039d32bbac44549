"""Profiles of accounts, and the away status.

The away status is kept in memory only, while the account is online.
"""

from dataclasses import dataclass
from functools import partial

from sqlalchemy import Connection

from chatroom.db.queries import accounts, rooms
from chatroom.db.queries.rooms import CommonRoom
from chatroom.db.records import AccountRecord
from chatroom.protocol import labels, requests, responses, values
from chatroom.protocol.errors import EmptyText, TextTooLong
from chatroom.protocol.frame import UNSET
from chatroom.protocol.values import format_time
from chatroom.server.auth import permissions
from chatroom.server.config.settings import LimitSettings
from chatroom.server.domain.request_checks import speaker_account
from chatroom.server.results import ReadWork, Reply
from chatroom.server.state.directory import LiveDirectory, Speaker
from chatroom.server.state.notifier import EventNotifier

MAX_COMMON_ROOMS = 100
"""Common rooms that a profile lists."""


@dataclass(frozen=True, slots=True)
class AccountProfile:
    """An account as another one sees it."""

    account: AccountRecord
    registered_at: int
    rooms: list[CommonRoom]
    presence_visible: bool


class ProfileHandlers:
    def __init__(self, limits: LimitSettings, directory: LiveDirectory, notifier: EventNotifier) -> None:
        self._limits = limits
        self._directory = directory
        self._notifier = notifier

    def set_away(self, speaker: Speaker, request: requests.SetAway) -> Reply:
        account, text = speaker_account(speaker), request.text
        if text.isspace():
            raise EmptyText
        if 0 < self._limits.away < len(text):
            raise TextTooLong(limit=self._limits.away)
        if text != account.away:
            account.away = text
            self._notifier.away_changed(account, but=speaker)
        return responses.Ok(id=request.id)

    def whois(self, speaker: Speaker, request: requests.Whois) -> Reply:
        def then(profile: AccountProfile) -> responses.Response:
            return responses.User(id=request.id, user=self._user_value(profile))

        return ReadWork(
            partial(_read_profile, account_id=speaker_account(speaker).id, username=request.username), then
        )

    def _user_value(self, profile: AccountProfile) -> values.User:
        online = profile.presence_visible and self._directory.is_online(profile.account.id)
        return values.User(
            username=profile.account.username,
            registered=format_time(profile.registered_at),
            online=online,
            away=self._directory.away_text(profile.account.id) or UNSET if online else UNSET,
            rooms=[labels.room_label(room.name) for room in profile.rooms],
            owns=[labels.room_label(room.name) for room in profile.rooms if room.owned] or UNSET,
            moderates=[labels.room_label(room.name) for room in profile.rooms if room.moderated] or UNSET,
        )


def _read_profile(connection: Connection, *, account_id: int, username: str) -> AccountProfile:
    other = permissions.find_user(connection, username)
    return AccountProfile(
        account=other,
        registered_at=accounts.registration_time(connection, other.id),
        rooms=rooms.common_rooms(connection, account_id, other.id, MAX_COMMON_ROOMS),
        presence_visible=permissions.may_see_presence(connection, account_id, other.id),
    )
