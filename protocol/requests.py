"""Requests from the client. Each gets exactly one response (``responses``) with the same ``id``.

The server refuses a field that is not listed here. The tag is the class name in snake case.
"""

from typing import Annotated, Literal

from msgspec import UNSET, Meta, UnsetType

from chatroom.protocol.cids import MAX_CID_LENGTH, is_cid
from chatroom.protocol.frame import Days, Frame, Id, Natural, Positive, Whole, snake_case

Cid = Annotated[str, Meta(description=f"1 to {MAX_CID_LENGTH} printable ASCII characters without a space")]
"""A client's own id of a message, unique per account for ever."""

SentKind = Literal["text", "action", "edit", "delete", "react", "unreact"]
"""The kinds of messages that a client may send."""


class Request(Frame, frozen=True, kw_only=True, forbid_unknown_fields=True, tag=snake_case):
    """A line from a client."""

    id: Id


class Register(Request, frozen=True, kw_only=True):
    """Create an account. -> ``ok``

    ``invitation`` is an invite code; it is checked only if the server is invite-only.
    """

    username: str
    password: str
    invitation: str | UnsetType = UNSET


class Login(Request, frozen=True, kw_only=True):
    """Log in on this connection. -> ``session``"""

    username: str
    password: str


class Resume(Request, frozen=True, kw_only=True):
    """Continue an earlier session. -> ``session`` with a fresh token"""

    token: str


class Logout(Request, frozen=True, kw_only=True):
    """End the session and void its token; the account's last session leaves every conversation. -> ``ok``"""


class ChangePassword(Request, frozen=True, kw_only=True):
    """Change the password. Every other session of the account ends, and its token is void. -> ``ok``"""

    password: str
    new_password: str


class DeleteAccount(Request, frozen=True, kw_only=True):
    """Erase the account of this session, for good. Its sessions end; this connection may log in again."""

    password: str


class ListRequest(Request, frozen=True, kw_only=True):
    """A list in pages: ``cursor`` from an answer continues it, ``limit`` is the maximum number of entries."""

    cursor: str | UnsetType = UNSET
    limit: Positive | UnsetType = UNSET


class ListRooms(ListRequest, frozen=True, kw_only=True):
    """List the rooms that are visible to the account, or with ``member`` those in which it has a seat. ->
    ``rooms``
    """

    member: bool | UnsetType = UNSET


class CreateRoom(Request, frozen=True, kw_only=True):
    """Create a room with ``capacity`` seats and own it, without taking a seat. -> ``room``

    A ``private`` room is visible only to its members and to invited users; ``password`` is needed for a seat.
    """

    room: str
    capacity: Whole
    private: bool | UnsetType = UNSET
    password: str | UnsetType = UNSET


class EnterRoom(Request, frozen=True, kw_only=True):
    """Enter a room under a nickname; the first entry takes a permanent seat. -> ``entered``

    ``password`` is the room's, ``invitation`` an invite code; they are checked only if a seat needs them.
    With ``member_only`` no seat is taken: a user without one gets ``not_a_member``.
    """

    room: str
    nickname: str
    password: str | UnsetType = UNSET
    invitation: str | UnsetType = UNSET
    member_only: bool | UnsetType = UNSET


class LeaveRoom(Request, frozen=True, kw_only=True):
    """Leave a room and keep the seat. -> ``ok``"""

    room: str


class ResignRoom(Request, frozen=True, kw_only=True):
    """Give up the seat; the history can no longer be read. -> ``ok``"""

    room: str


class ListMembers(ListRequest, frozen=True, kw_only=True):
    """List the members of a room that the user is a member of. -> ``members``"""

    room: str


class ShowRoom(Request, frozen=True, kw_only=True):
    """Return a visible room with its details. -> ``room_details``"""

    room: str


class SetTopic(Request, frozen=True, kw_only=True):
    """Set the topic of a room; an empty topic removes it. -> ``ok``"""

    room: str
    topic: str


class SetRoom(Request, frozen=True, kw_only=True):
    """Change an own room; a field that is left out stays as it is. -> ``room``

    After a change of the ``name``, requests with the former one still reach the room. ``password`` is needed
    for a seat from now on; an empty one removes it. Messages older than ``retention`` days are removed, or
    earlier if the server keeps them for fewer days; 0 leaves it to the server.
    """

    room: str
    name: str | UnsetType = UNSET
    capacity: Whole | UnsetType = UNSET
    private: bool | UnsetType = UNSET
    password: str | UnsetType = UNSET
    retention: Days | UnsetType = UNSET


class Invite(Request, frozen=True, kw_only=True):
    """Invite a user to a room; an invited user needs no password. -> ``ok``"""

    room: str
    username: str


class MakeInvitation(Request, frozen=True, kw_only=True):
    """Create an invite code to a room, for one user and some days. -> ``invitation``"""

    room: str


class Kick(Request, frozen=True, kw_only=True):
    """Remove a member from a room. -> ``ok``"""

    room: str
    username: str


class Ban(Request, frozen=True, kw_only=True):
    """Ban a user from a room, and remove the user's seat if there is one. -> ``ok``"""

    room: str
    username: str


class Unban(Request, frozen=True, kw_only=True):
    """Lift a ban. -> ``ok``"""

    room: str
    username: str


class ListBanned(ListRequest, frozen=True, kw_only=True):
    """List the users who are banned from a room. -> ``banned``"""

    room: str


class AddModerator(Request, frozen=True, kw_only=True):
    """Make a member a moderator of an own room. -> ``ok``"""

    room: str
    username: str


class RemoveModerator(Request, frozen=True, kw_only=True):
    """End that a member is a moderator of an own room; a moderator may also resign. -> ``ok``"""

    room: str
    username: str


class TransferRoom(Request, frozen=True, kw_only=True):
    """Make a member the owner of an own room. -> ``ok``"""

    room: str
    username: str


class CloseRoom(Request, frozen=True, kw_only=True):
    """Delete an own room that has no other members, with its messages. -> ``ok``"""

    room: str


class AddFriend(Request, frozen=True, kw_only=True):
    """Become friends; no confirmation is needed. -> ``friend``"""

    username: str


class RemoveFriend(Request, frozen=True, kw_only=True):
    """End a friendship; both can still read their messages. -> ``ok``"""

    username: str


class ListFriends(ListRequest, frozen=True, kw_only=True):
    """List the account's friends. -> ``friends``"""


class Block(Request, frozen=True, kw_only=True):
    """Block a user, who is not notified; a friendship ends. -> ``ok``"""

    username: str


class Unblock(Request, frozen=True, kw_only=True):
    """Unblock a user; a friendship that the block ended stays ended. -> ``ok``"""

    username: str


class ListBlocked(ListRequest, frozen=True, kw_only=True):
    """List the users whom the account has blocked. -> ``blocked``"""


class EnterDirect(Request, frozen=True, kw_only=True):
    """Enter the private chat with a friend under a nickname. -> ``entered``"""

    username: str
    nickname: str


class LeaveDirect(Request, frozen=True, kw_only=True):
    """Leave the private chat with a friend. -> ``ok``"""

    username: str


class Send(Request, frozen=True, kw_only=True):
    """Send a message to a conversation, or change a message there. -> ``sent``

    The same ``cid`` with the same content gets the first answer again. Without a cid the server makes one.
    ``kind`` is ``text`` (the default), ``action`` (``/me``), ``edit`` (``text`` is the new text), ``delete``
    (``text`` is empty), ``react`` or ``unreact`` (``text`` is the reaction). The last four change the message
    whose seq is ``target``; a ``text`` or ``action`` with a ``target`` is a reply to it. ``quiet`` allows a
    member to send without having entered the room, so that no notice is stored.
    """

    to: str
    text: str
    cid: Cid | UnsetType = UNSET
    kind: SentKind | UnsetType = UNSET
    target: Positive | UnsetType = UNSET
    quiet: bool | UnsetType = UNSET

    def __post_init__(self) -> None:
        """Check the cid here: a pattern in its type takes three times as long as the rest of the frame."""
        if self.cid is not UNSET and not is_cid(self.cid):
            raise ValueError(f"a cid is 1 to {MAX_CID_LENGTH} printable ASCII characters without a space")


class History(Request, frozen=True, kw_only=True):
    """Return a page of a conversation: before or after a seq (exclusive), from a time on, or the newest. ->
    ``history``

    ``at`` is a time: the page begins with the first message that is not older.
    """

    conversation: str
    before: Natural | UnsetType = UNSET
    after: Natural | UnsetType = UNSET
    at: str | UnsetType = UNSET
    limit: Positive | UnsetType = UNSET


class Export(Request, frozen=True, kw_only=True):
    """Return a long page of a conversation, to export all of it. -> ``history``

    It begins after the seq ``after``, or with the first message. It ends early if its texts are long.
    """

    conversation: str
    after: Natural | UnsetType = UNSET
    limit: Positive | UnsetType = UNSET


class Read(Request, frozen=True, kw_only=True):
    """Set the last read seq, which only moves forward. -> ``ok``"""

    conversation: str
    seq: Natural


class Typing(Request, frozen=True, kw_only=True):
    """Report that the user is typing; repeated every few seconds, never stored. -> ``ok``"""

    conversation: str


class SetAway(Request, frozen=True, kw_only=True):
    """Set the away message; an empty text ends being away. -> ``ok``"""

    text: str


class Whois(Request, frozen=True, kw_only=True):
    """Return a user's profile. -> ``user``"""

    username: str


class Search(Request, frozen=True, kw_only=True):
    """Find messages with every word of the query in readable conversations, newest first. -> ``found``

    ``before`` is a time: only older messages match. ``cursor`` from an answer continues the same search.
    """

    query: str
    conversation: str | UnsetType = UNSET
    before: str | UnsetType = UNSET
    cursor: str | UnsetType = UNSET
    limit: Positive | UnsetType = UNSET


class Ping(Request, frozen=True, kw_only=True):
    """-> ``pong``"""


AnyListRequest = ListRooms | ListMembers | ListBanned | ListFriends | ListBlocked

AnyRequest = (
    Register
    | Login
    | Resume
    | Logout
    | ChangePassword
    | DeleteAccount
    | ListRooms
    | CreateRoom
    | EnterRoom
    | LeaveRoom
    | ResignRoom
    | ListMembers
    | ShowRoom
    | SetRoom
    | SetTopic
    | Invite
    | MakeInvitation
    | Kick
    | Ban
    | Unban
    | ListBanned
    | AddModerator
    | RemoveModerator
    | TransferRoom
    | CloseRoom
    | AddFriend
    | RemoveFriend
    | ListFriends
    | Block
    | Unblock
    | ListBlocked
    | EnterDirect
    | LeaveDirect
    | Send
    | History
    | Export
    | Read
    | Typing
    | SetAway
    | Whois
    | Search
    | Ping
)
