"""Which request is answered by which handler, and who may ask. One table; nothing else decides it."""

from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum, auto
from typing import Any

from protocol import requests, responses
from protocol.errors import AlreadyLoggedIn, NotLoggedIn
from protocol.requests import Request
from server.handlers.accounts import Accounts
from server.handlers.entering import Entering
from server.handlers.friends import Friends
from server.handlers.history import History
from server.handlers.messages import Messages
from server.handlers.moderation import Moderation
from server.handlers.people import People
from server.handlers.rooms import Rooms
from server.handlers.search import Search
from server.handlers.sessions import Sessions
from server.handlers.typing import Typing
from server.handlers.whereabouts import Whereabouts
from server.live import Speaker
from server.replies import Handled


class Who(Enum):
    """Whom a request is for: strangers, who have not logged in on this connection yet, and users."""

    ANYBODY = (True, True)
    STRANGERS = (True, False)
    USERS = (False, True)

    def __init__(self, strangers: bool, users: bool) -> None:
        self.strangers = strangers
        self.users = users

    def admit(self, speaker: Speaker) -> None:
        """Raises ``NotLoggedIn``, ``AlreadyLoggedIn``."""
        if speaker.account is None:
            if not self.strangers:
                raise NotLoggedIn
        elif not self.users:
            raise AlreadyLoggedIn


class Pace(Enum):
    """Which of a session's limits says how often something may be asked."""

    REQUESTS = auto()
    EXPORTS = auto()


@dataclass(frozen=True, slots=True)
class Row:
    """A handler; whom it is for; how often it may be asked, unless that is the handler's to look at; and
    whether it waits for what the session asked before it.
    """

    handle: Callable[[Speaker, Any], Handled]
    who: Who = Who.USERS
    pace: Pace | None = Pace.REQUESTS
    waits: bool = True


Table = dict[type[Request], Row]


def table(
    accounts: Accounts,
    sessions: Sessions,
    rooms: Rooms,
    entering: Entering,
    moderation: Moderation,
    friends: Friends,
    people: People,
    messages: Messages,
    history: History,
    search: Search,
    typing: Typing,
    whereabouts: Whereabouts,
) -> Table:
    return {
        requests.Ping: Row(_pong, Who.ANYBODY, waits=False),
        requests.Register: Row(accounts.register, Who.STRANGERS),
        requests.Login: Row(sessions.login, Who.STRANGERS),
        requests.Resume: Row(sessions.resume, Who.STRANGERS),
        requests.Logout: Row(sessions.logout),
        requests.ChangePassword: Row(accounts.change_password),
        requests.ListRooms: Row(rooms.list_rooms),
        requests.CreateRoom: Row(rooms.create_room),
        requests.EnterRoom: Row(entering.enter_room),
        requests.LeaveRoom: Row(rooms.leave_room),
        requests.ResignRoom: Row(rooms.resign_room),
        requests.ListMembers: Row(rooms.list_members),
        requests.SetTopic: Row(moderation.set_topic),
        requests.Invite: Row(moderation.invite),
        requests.MakeInvitation: Row(moderation.make_invitation),
        requests.Kick: Row(moderation.kick),
        requests.Ban: Row(moderation.ban),
        requests.Unban: Row(moderation.unban),
        requests.ListBanned: Row(moderation.list_banned),
        requests.TransferRoom: Row(moderation.transfer_room),
        requests.CloseRoom: Row(moderation.close_room),
        requests.ListFriends: Row(friends.list_friends),
        requests.AddFriend: Row(friends.add_friend),
        requests.RemoveFriend: Row(friends.remove_friend),
        requests.Block: Row(people.block),
        requests.Unblock: Row(people.unblock),
        requests.ListBlocked: Row(people.list_blocked),
        requests.EnterDirect: Row(friends.enter_direct),
        requests.LeaveDirect: Row(friends.leave_direct),
        requests.Send: Row(messages.send, pace=None, waits=False),  # at any pace, if it was stored before
        requests.History: Row(history.history),
        requests.Export: Row(history.export, pace=Pace.EXPORTS),
        requests.Read: Row(history.read),
        requests.Typing: Row(typing.typing),
        requests.SetAway: Row(whereabouts.set_away),
        requests.Whois: Row(whereabouts.whois),
        requests.Search: Row(search.search),
    }


def _pong(speaker: Speaker, request: requests.Ping) -> responses.Pong:
    return responses.Pong(id=request.id)
