"""Which request is answered by which handler, and who may ask. One table; nothing else decides it."""

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
from chatroom.server.handlers.rooms import RoomHandlers
from chatroom.server.handlers.search import SearchHandlers
from chatroom.server.handlers.sessions import SessionHandlers
from chatroom.server.handlers.typing import TypingHandlers
from chatroom.server.results import Handled
from chatroom.server.state.directory import Speaker


class Audience(Enum):
    """Whom a request is for: strangers, who have not logged in on this connection yet, and users."""

    ANYBODY = (True, True)
    STRANGERS = (True, False)
    USERS = (False, True)

    def __init__(self, strangers: bool, users: bool) -> None:
        self.strangers = strangers
        self.users = users

    def check_speaker(self, speaker: Speaker) -> None:
        """Raises ``NotLoggedIn``, ``AlreadyLoggedIn``."""
        if speaker.account is None:
            if not self.strangers:
                raise NotLoggedIn
        elif not self.users:
            raise AlreadyLoggedIn


class RateClass(Enum):
    """Which of a session's limits says how often something may be asked."""

    REQUESTS = auto()
    EXPORTS = auto()


@dataclass(frozen=True, slots=True)
class HandlerRow:
    """A handler; whom it is for; how often it may be asked, unless that is the handler's to look at; and
    whether it waits for what the session asked before it.
    """

    handle: Callable[[Speaker, Any], Handled]
    who: Audience = Audience.USERS
    pace: RateClass | None = RateClass.REQUESTS
    waits: bool = True


Table = dict[type[Request], HandlerRow]


def build_table(
    accounts: AccountHandlers,
    sessions: SessionHandlers,
    rooms: RoomHandlers,
    entering: RoomEntryHandlers,
    moderation: ModerationHandlers,
    friends: FriendHandlers,
    people: BlockHandlers,
    messages: MessageHandlers,
    history: HistoryHandlers,
    search: SearchHandlers,
    typing: TypingHandlers,
    whereabouts: ProfileHandlers,
) -> Table:
    return {
        requests.Ping: HandlerRow(_answer_ping, Audience.ANYBODY, waits=False),
        requests.Register: HandlerRow(accounts.register, Audience.STRANGERS),
        requests.Login: HandlerRow(sessions.login, Audience.STRANGERS),
        requests.Resume: HandlerRow(sessions.resume, Audience.STRANGERS),
        requests.Logout: HandlerRow(sessions.logout),
        requests.ChangePassword: HandlerRow(accounts.change_password),
        requests.ListRooms: HandlerRow(rooms.list_rooms),
        requests.CreateRoom: HandlerRow(rooms.create_room),
        requests.EnterRoom: HandlerRow(entering.enter_room),
        requests.LeaveRoom: HandlerRow(rooms.leave_room),
        requests.ResignRoom: HandlerRow(rooms.resign_room),
        requests.ListMembers: HandlerRow(rooms.list_members),
        requests.SetTopic: HandlerRow(moderation.set_topic),
        requests.Invite: HandlerRow(moderation.invite),
        requests.MakeInvitation: HandlerRow(moderation.make_invitation),
        requests.Kick: HandlerRow(moderation.kick),
        requests.Ban: HandlerRow(moderation.ban),
        requests.Unban: HandlerRow(moderation.unban),
        requests.ListBanned: HandlerRow(moderation.list_banned),
        requests.TransferRoom: HandlerRow(moderation.transfer_room),
        requests.CloseRoom: HandlerRow(moderation.close_room),
        requests.ListFriends: HandlerRow(friends.list_friends),
        requests.AddFriend: HandlerRow(friends.add_friend),
        requests.RemoveFriend: HandlerRow(friends.remove_friend),
        requests.Block: HandlerRow(people.block),
        requests.Unblock: HandlerRow(people.unblock),
        requests.ListBlocked: HandlerRow(people.list_blocked),
        requests.EnterDirect: HandlerRow(friends.enter_direct),
        requests.LeaveDirect: HandlerRow(friends.leave_direct),
        requests.Send: HandlerRow(
            messages.send, pace=None, waits=False
        ),  # at any pace, if it was stored before
        requests.History: HandlerRow(history.history),
        requests.Export: HandlerRow(history.export, pace=RateClass.EXPORTS),
        requests.Read: HandlerRow(history.read),
        requests.Typing: HandlerRow(typing.typing),
        requests.SetAway: HandlerRow(whereabouts.set_away),
        requests.Whois: HandlerRow(whereabouts.whois),
        requests.Search: HandlerRow(search.search),
    }


def _answer_ping(speaker: Speaker, request: requests.Ping) -> responses.Pong:
    return responses.Pong(id=request.id)
