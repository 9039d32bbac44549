"""The table of requests: which handler answers each, which speakers may send it, and its rate limit."""

from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum, auto
from typing import Any

from chatroom.protocol import requests, responses
from chatroom.protocol.errors import AlreadyLoggedIn, NotLoggedIn
from chatroom.protocol.requests import Request
from chatroom.server.handlers.accounts import AccountHandlers
from chatroom.server.handlers.blocks import BlockHandlers
from chatroom.server.handlers.friends import FriendHandlers
from chatroom.server.handlers.history import HistoryHandlers
from chatroom.server.handlers.messages import MessageHandlers
from chatroom.server.handlers.moderation import ModerationHandlers
from chatroom.server.handlers.profile import ProfileHandlers
from chatroom.server.handlers.room_entry import RoomEntryHandlers
from chatroom.server.handlers.room_settings import RoomSettingsHandlers
from chatroom.server.handlers.rooms import RoomHandlers
from chatroom.server.handlers.search import SearchHandlers
from chatroom.server.handlers.sessions import SessionHandlers
from chatroom.server.handlers.typing import TypingHandlers
from chatroom.server.results import Handled
from chatroom.server.state.directory import Speaker


class Audience(Enum):
    """The speakers that may send a request: before login, after login, or both."""

    ALL = (True, True)
    ANONYMOUS = (True, False)
    USERS = (False, True)

    def __init__(self, anonymous: bool, users: bool) -> None:
        self.anonymous = anonymous
        self.users = users

    def check_speaker(self, speaker: Speaker) -> None:
        """Raises ``NotLoggedIn``, ``AlreadyLoggedIn``."""
        if speaker.account is None:
            if not self.anonymous:
                raise NotLoggedIn
        elif not self.users:
            raise AlreadyLoggedIn


class RateClass(Enum):
    """The rate limit of a session that a request counts against."""

    REQUESTS = auto()
    EXPORTS = auto()


@dataclass(frozen=True, slots=True)
class HandlerRow:
    """A handler and its preconditions.

    Without a ``rate_class`` the handler checks the rate itself. ``cost`` is what the account and the address
    are charged. With ``waits`` the request waits until the session's earlier sends are answered.
    """

    handle: Callable[[Speaker, Any], Handled]
    audience: Audience = Audience.USERS
    rate_class: RateClass | None = RateClass.REQUESTS
    waits: bool = True
    cost: float = 1.0


LIST_COST = 3.0
"""A list has up to thousands of entries."""

SEARCH_COST = 5.0
"""A search may use a third of a second of CPU time."""

CHANGE_COST = 5.0
"""A change is a job of the writer, and others are notified of it."""

ROOM_COST = 10.0
"""A new room is shown to all users."""

Table = dict[type[Request], HandlerRow]


@dataclass(frozen=True, slots=True, kw_only=True)
class Handlers:
    """One object for each group of requests; its methods are called as the requests are."""

    accounts: AccountHandlers
    sessions: SessionHandlers
    rooms: RoomHandlers
    room_entry: RoomEntryHandlers
    room_settings: RoomSettingsHandlers
    moderation: ModerationHandlers
    friends: FriendHandlers
    blocks: BlockHandlers
    messages: MessageHandlers
    history: HistoryHandlers
    search: SearchHandlers
    typing: TypingHandlers
    profile: ProfileHandlers


def build_table(handlers: Handlers) -> Table:
    return {
        requests.Ping: HandlerRow(_answer_ping, Audience.ALL, waits=False),
        requests.Register: HandlerRow(handlers.accounts.register, Audience.ANONYMOUS, cost=CHANGE_COST),
        requests.Login: HandlerRow(handlers.sessions.login, Audience.ANONYMOUS, cost=CHANGE_COST),
        requests.Resume: HandlerRow(handlers.sessions.resume, Audience.ANONYMOUS, cost=CHANGE_COST),
        requests.Logout: HandlerRow(handlers.sessions.logout, cost=CHANGE_COST),
        requests.ChangePassword: HandlerRow(handlers.accounts.change_password, cost=CHANGE_COST),
        requests.DeleteAccount: HandlerRow(handlers.accounts.delete_account, cost=CHANGE_COST),
        requests.ListRooms: HandlerRow(handlers.rooms.list_rooms, cost=LIST_COST),
        requests.CreateRoom: HandlerRow(handlers.rooms.create_room, cost=ROOM_COST),
        requests.EnterRoom: HandlerRow(handlers.room_entry.enter_room, cost=CHANGE_COST),
        requests.LeaveRoom: HandlerRow(handlers.rooms.leave_room, cost=CHANGE_COST),
        requests.ResignRoom: HandlerRow(handlers.rooms.resign_room, cost=CHANGE_COST),
        requests.ListMembers: HandlerRow(handlers.rooms.list_members, cost=LIST_COST),
        requests.ShowRoom: HandlerRow(handlers.room_settings.show_room),
        requests.SetRoom: HandlerRow(handlers.room_settings.set_room, cost=CHANGE_COST),
        requests.SetTopic: HandlerRow(handlers.moderation.set_topic, cost=CHANGE_COST),
        requests.Invite: HandlerRow(handlers.moderation.invite, cost=CHANGE_COST),
        requests.MakeInvitation: HandlerRow(handlers.moderation.make_invitation, cost=CHANGE_COST),
        requests.Kick: HandlerRow(handlers.moderation.kick, cost=CHANGE_COST),
        requests.Ban: HandlerRow(handlers.moderation.ban, cost=CHANGE_COST),
        requests.Unban: HandlerRow(handlers.moderation.unban, cost=CHANGE_COST),
        requests.ListBanned: HandlerRow(handlers.moderation.list_banned, cost=LIST_COST),
        requests.AddModerator: HandlerRow(handlers.moderation.add_moderator, cost=CHANGE_COST),
        requests.RemoveModerator: HandlerRow(handlers.moderation.remove_moderator, cost=CHANGE_COST),
        requests.TransferRoom: HandlerRow(handlers.moderation.transfer_room, cost=CHANGE_COST),
        requests.CloseRoom: HandlerRow(handlers.moderation.close_room, cost=CHANGE_COST),
        requests.ListFriends: HandlerRow(handlers.friends.list_friends, cost=LIST_COST),
        requests.AddFriend: HandlerRow(handlers.friends.add_friend, cost=CHANGE_COST),
        requests.RemoveFriend: HandlerRow(handlers.friends.remove_friend, cost=CHANGE_COST),
        requests.Block: HandlerRow(handlers.blocks.block, cost=CHANGE_COST),
        requests.Unblock: HandlerRow(handlers.blocks.unblock, cost=CHANGE_COST),
        requests.ListBlocked: HandlerRow(handlers.blocks.list_blocked, cost=LIST_COST),
        requests.EnterDirect: HandlerRow(handlers.friends.enter_direct, cost=CHANGE_COST),
        requests.LeaveDirect: HandlerRow(handlers.friends.leave_direct, cost=CHANGE_COST),
        # A resend must not be rate-limited, so the handler checks the rate.
        requests.Send: HandlerRow(handlers.messages.send, rate_class=None, waits=False),
        requests.History: HandlerRow(handlers.history.history),
        requests.Export: HandlerRow(handlers.history.export, rate_class=RateClass.EXPORTS),
        requests.Read: HandlerRow(handlers.history.read),
        requests.Typing: HandlerRow(handlers.typing.typing),
        requests.SetAway: HandlerRow(handlers.profile.set_away),
        requests.Whois: HandlerRow(handlers.profile.whois),
        requests.Search: HandlerRow(handlers.search.search, cost=SEARCH_COST),
    }


def _answer_ping(speaker: Speaker, request: requests.Ping) -> responses.Pong:
    return responses.Pong(id=request.id)
