"""What a client asks. Each request gets exactly one response with the same ``id``.

The counterpart is ``responses``. A field that is not listed here is refused; a class's name in snake case
is its tag.
"""

from typing import Annotated, Literal

from chatroom.protocol.cids import LONGEST, is_cid
from chatroom.protocol.frame import Frame, Id, Natural, Positive, Whole, snake_case
from msgspec import UNSET, Meta, UnsetType

Cid = Annotated[str, Meta(description=f"1 to {LONGEST} printable ASCII characters without a space")]
"""A client's own id of a message, unique per account for ever."""

SentKind = Literal["text", "action", "edit", "delete", "react", "unreact"]
"""The kinds of messages that a person makes."""


class Request(Frame, frozen=True, kw_only=True, forbid_unknown_fields=True, tag=snake_case):
    """A line from a client."""

    id: Id


class Register(Request, frozen=True, kw_only=True):
    """Make an account. -> ``ok``

    ``invitation`` is the code of one; it is looked at only where an account takes one.
    """

    username: str
    password: str
    invitation: str | UnsetType = UNSET


class Login(Request, frozen=True, kw_only=True):
    """Say who speaks on this connection. -> ``session``"""

    username: str
    password: str


class Resume(Request, frozen=True, kw_only=True):
    """Go on with an earlier session. -> ``session`` with a fresh token"""

    token: str


class Logout(Request, frozen=True, kw_only=True):
    """End the session and void its token; with the account's last session, leave everything. -> ``ok``"""


class ChangePassword(Request, frozen=True, kw_only=True):
    """Take a new password; every other session of mine ends, and its token is void. -> ``ok``"""

    password: str
    new_password: str


class ListRooms(Request, frozen=True, kw_only=True):
    """Every room that I may see. -> ``rooms``"""


class CreateRoom(Request, frozen=True, kw_only=True):
    """Make a room with so many seats, and own it; that takes none of them. -> ``room``

    A ``private`` room is seen by its members and the invited alone; ``password`` is what a seat takes.
    """

    room: str
    capacity: Whole
    private: bool | UnsetType = UNSET
    password: str | UnsetType = UNSET


class EnterRoom(Request, frozen=True, kw_only=True):
    """Enter a room under a nickname; the first entry takes a seat for good. -> ``entered``

    ``password`` is the room's, ``invitation`` the code of one; they are looked at where a seat takes them.
    """

    room: str
    nickname: str
    password: str | UnsetType = UNSET
    invitation: str | UnsetType = UNSET


class LeaveRoom(Request, frozen=True, kw_only=True):
    """Leave a room and keep the seat. -> ``ok``"""

    room: str


class ResignRoom(Request, frozen=True, kw_only=True):
    """Give the seat up; the history is no longer mine to read. -> ``ok``"""

    room: str


class ListMembers(Request, frozen=True, kw_only=True):
    """Who holds the seats of a room that I am a member of. -> ``members``"""

    room: str


class SetTopic(Request, frozen=True, kw_only=True):
    """Say what my room is about; an empty topic is none. -> ``ok``"""

    room: str
    topic: str


class Invite(Request, frozen=True, kw_only=True):
    """Ask somebody into my room; they need neither its password nor anybody else's leave. -> ``ok``"""

    room: str
    username: str


class MakeInvitation(Request, frozen=True, kw_only=True):
    """Make a code that invites whoever shows it into my room, one person, for some days. -> ``invitation``"""

    room: str


class Kick(Request, frozen=True, kw_only=True):
    """Take a member's seat in my room away. -> ``ok``"""

    room: str
    username: str


class Ban(Request, frozen=True, kw_only=True):
    """Take somebody's seat in my room away, if there is one, and let them in no more. -> ``ok``"""

    room: str
    username: str


class Unban(Request, frozen=True, kw_only=True):
    """Let somebody in again. -> ``ok``"""

    room: str
    username: str


class ListBanned(Request, frozen=True, kw_only=True):
    """Whom my room lets in no more. -> ``banned``"""

    room: str


class TransferRoom(Request, frozen=True, kw_only=True):
    """Make a member the owner of my room. -> ``ok``"""

    room: str
    username: str


class CloseRoom(Request, frozen=True, kw_only=True):
    """End my room, in which nobody else has a seat, and all that was said there. -> ``ok``"""

    room: str


class AddFriend(Request, frozen=True, kw_only=True):
    """Become friends, both at once. -> ``friend``"""

    username: str


class RemoveFriend(Request, frozen=True, kw_only=True):
    """End a friendship; both may still read what was said. -> ``ok``"""

    username: str


class ListFriends(Request, frozen=True, kw_only=True):
    """-> ``friends``"""


class Block(Request, frozen=True, kw_only=True):
    """Hear nothing more from somebody, who does not learn of it; a friendship ends. -> ``ok``"""

    username: str


class Unblock(Request, frozen=True, kw_only=True):
    """Take a block back; a friendship that it ended stays ended. -> ``ok``"""

    username: str


class ListBlocked(Request, frozen=True, kw_only=True):
    """Whom I have blocked. -> ``blocked``"""


class EnterDirect(Request, frozen=True, kw_only=True):
    """Enter the private chat with a friend under a nickname. -> ``entered``"""

    username: str
    nickname: str


class LeaveDirect(Request, frozen=True, kw_only=True):
    """Leave the private chat with a friend. -> ``ok``"""

    username: str


class Send(Request, frozen=True, kw_only=True):
    """Say something in a conversation, or change what was said there. -> ``sent``

    The same ``cid`` with the same content gets the first answer again; without one the server makes one.
    ``kind`` is ``text`` unless it says ``action`` (what ``/me`` sends), or ``edit`` (``text`` is the new
    one), ``delete`` (``text`` is empty), ``react`` or ``unreact`` (``text`` is the reaction). These four
    change the message whose seq is ``target``; a ``text`` or ``action`` with a ``target`` answers it.
    ``quiet``: to a room of mine also without having entered it, so that no notice is made.
    """

    to: str
    text: str
    cid: Cid | UnsetType = UNSET
    kind: SentKind | UnsetType = UNSET
    target: Positive | UnsetType = UNSET
    quiet: bool | UnsetType = UNSET

    def __post_init__(self) -> None:
        """A pattern in the cid's type would take three times as long as all the rest of the frame."""
        if self.cid is not UNSET and not is_cid(self.cid):
            raise ValueError(f"a cid is 1 to {LONGEST} printable ASCII characters without a space")


class History(Request, frozen=True, kw_only=True):
    """A page of a conversation: before or after a seq (exclusive), or from a time on, or the newest. ->
    ``history``

    ``at`` is a time: the page begins with the first message that is not older.
    """

    conversation: str
    before: Natural | UnsetType = UNSET
    after: Natural | UnsetType = UNSET
    at: str | UnsetType = UNSET
    limit: Positive | UnsetType = UNSET


class Export(Request, frozen=True, kw_only=True):
    """A long page of a conversation, for whoever keeps a copy of all of it. -> ``history``

    It begins behind the seq ``after``, or with the first message; and ends early when its texts are long.
    """

    conversation: str
    after: Natural | UnsetType = UNSET
    limit: Positive | UnsetType = UNSET


class Read(Request, frozen=True, kw_only=True):
    """I have read up to here; only ever moves forward. -> ``ok``"""

    conversation: str
    seq: Natural


class Typing(Request, frozen=True, kw_only=True):
    """I am writing something there: to be said every few seconds, and kept nowhere. -> ``ok``"""

    conversation: str


class SetAway(Request, frozen=True, kw_only=True):
    """Let others know that I am away, and why; an empty text: I am back. -> ``ok``"""

    text: str


class Whois(Request, frozen=True, kw_only=True):
    """Who somebody is. -> ``user``"""

    username: str


class Search(Request, frozen=True, kw_only=True):
    """Messages with every word of the query, in what I may read, newest first. -> ``found``

    ``before`` is a time: only what is older. ``cursor`` is from an answer to the same search: only what comes
    behind that.
    """

    query: str
    conversation: str | UnsetType = UNSET
    before: str | UnsetType = UNSET
    cursor: str | UnsetType = UNSET
    limit: Positive | UnsetType = UNSET


class Ping(Request, frozen=True, kw_only=True):
    """-> ``pong``"""


AnyRequest = (
    Register
    | Login
    | Resume
    | Logout
    | ChangePassword
    | ListRooms
    | CreateRoom
    | EnterRoom
    | LeaveRoom
    | ResignRoom
    | ListMembers
    | SetTopic
    | Invite
    | MakeInvitation
    | Kick
    | Ban
    | Unban
    | ListBanned
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
