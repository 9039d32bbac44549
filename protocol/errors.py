"""Every refusal and failure: a code for programs, facts, and English for a person.

::

    ChatError
    ├── WireError            the line itself is wrong
    │   ├── BadEncoding  BadJson  BadFrame  UnknownType
    │   └── LineTooLong                                     (closes)
    ├── Refusal              the request is understood and refused; nothing was stored
    │   ├── NotLoggedIn  AlreadyLoggedIn
    │   ├── BadUsername  BadPassword  UsernameTaken
    │   ├── UnknownUser  WrongPassword  BadToken  NotYourself
    │   ├── AccountDisabled                                 (closes the sessions that there are)
    │   ├── UnknownRoom  BadRoom  RoomExists  RoomFull  BadCapacity  TooManyRooms  BadNickname
    │   ├── RegistrationClosed  BadInvitation
    │   ├── InvitationNeeded  WrongRoomPassword  Banned
    │   ├── NotAMember  NotEntered  NotOwner  NoSuchMember  RoomNotEmpty
    │   ├── NotFriends  AlreadyFriends  SelfFriend  Blocked  Declined
    │   ├── EmptyText  TextTooLong  CidReused
    │   ├── BadTarget  NotYours  BadReaction  TooManyReactions
    │   └── TooManyAttempts  RateLimited  TooManyConnections    (try again later)
    ├── Disconnection        why the server ends a connection
    │   └── SlowConsumer  LoginTimeout  SessionEnded  GoingAway
    └── Failure              not the client's fault; of a ``send`` nobody knows whether it was stored
        └── Unavailable  Internal

The client words a code in the user's language from its own catalogue; ``wording`` here is for a person at
``nc`` and for the log.
"""

from typing import Any, ClassVar


class ChatError(Exception):
    """``code`` for programs, ``details`` (the facts, JSON values by name), and itself in words."""

    code: ClassVar[str]
    wording: ClassVar[str]

    def __init__(self, **details: Any) -> None:
        self.details = details
        super().__init__(self.wording.format_map(details))

    @property
    def message(self) -> str:
        return str(self)


class WireError(ChatError):
    """A line that is no request. ``id`` is the request's, as far as it could be read."""

    def __init__(self, id: int | str | None = None, **details: Any) -> None:
        super().__init__(**details)
        self.id = id


class BadEncoding(WireError):
    code = "bad_encoding"
    wording = "the line is not clean UTF-8: {reason}"


class BadJson(WireError):
    code = "bad_json"
    wording = "the line is not JSON that can be trusted: {reason}"


class BadFrame(WireError):
    code = "bad_frame"
    wording = "this is no frame of the protocol: {reason}"


class UnknownType(WireError):
    code = "unknown_type"
    wording = "there is no such request"


class LineTooLong(WireError):
    code = "line_too_long"
    wording = "a line may hold at most {limit} bytes"


class Refusal(ChatError):
    """Understood and refused. Nothing was stored."""


class NotLoggedIn(Refusal):
    code = "not_logged_in"
    wording = "log in first"


class AlreadyLoggedIn(Refusal):
    code = "already_logged_in"
    wording = "this connection is logged in already"


class BadUsername(Refusal):
    """Facts: ``least``, ``most`` (code points)."""

    code = "bad_username"
    wording = "a user name has {least} to {most} characters, none of them blank or invisible"


class BadPassword(Refusal):
    """Facts: ``least`` (code points), ``most`` (bytes)."""

    code = "bad_password"
    wording = "a password has at least {least} characters and at most {most} bytes"


class UsernameTaken(Refusal):
    code = "username_taken"
    wording = "this user name, or one that looks like it, is taken"


class UnknownUser(Refusal):
    code = "unknown_user"
    wording = "there is no such user"


class WrongPassword(Refusal):
    code = "wrong_password"
    wording = "the password is wrong"


class BadToken(Refusal):
    code = "bad_token"
    wording = "this token is not, or no longer, good; log in with the password"


class AccountDisabled(Refusal):
    code = "account_disabled"
    wording = "this account has been disabled by whoever runs the server"


class NotYourself(Refusal):
    code = "not_yourself"
    wording = "that cannot be done to oneself"


class UnknownRoom(Refusal):
    """Facts: ``room``."""

    code = "unknown_room"
    wording = "there is no room {room}"


class BadRoom(Refusal):
    """Facts: ``least``, ``most`` (code points)."""

    code = "bad_room"
    wording = "a room's name has {least} to {most} characters, none of them blank or invisible"


class RoomExists(Refusal):
    """Facts: ``room``."""

    code = "room_exists"
    wording = "there is a room {room}, or one that looks like it, already"


class RoomFull(Refusal):
    """Facts: ``room``, ``members``, ``capacity``."""

    code = "room_full"
    wording = "room {room} is full ({members} of {capacity})"


class BadCapacity(Refusal):
    """Facts: ``least``, ``most``."""

    code = "bad_capacity"
    wording = "a room has {least} to {most} seats"


class TooManyRooms(Refusal):
    """Facts: ``username``, ``limit``."""

    code = "too_many_rooms"
    wording = "{username} owns {limit} rooms already, and may own no more"


class BadNickname(Refusal):
    """Facts: ``least``, ``most`` (code points)."""

    code = "bad_nickname"
    wording = "a nickname has {least} to {most} printable characters and does not begin or end with a blank"


class RegistrationClosed(Refusal):
    code = "registration_closed"
    wording = "making an account here takes an invitation"


class BadInvitation(Refusal):
    """Never was one, used up, or too old: which of them is nobody's business."""

    code = "bad_invitation"
    wording = "this invitation is not good any more"


class InvitationNeeded(Refusal):
    """Facts: ``room``."""

    code = "invitation_needed"
    wording = "only those who are invited may enter {room}"


class WrongRoomPassword(Refusal):
    """Facts: ``room``."""

    code = "wrong_room_password"
    wording = "a seat in {room} takes a password, and this is not it"


class Banned(Refusal):
    """Facts: ``room``, ``username``."""

    code = "banned"
    wording = "{username} is banned from {room}"


class NotAMember(Refusal):
    """Facts: ``room``."""

    code = "not_a_member"
    wording = "only members may do that in {room}"


class NotEntered(Refusal):
    """Facts: ``conversation``."""

    code = "not_entered"
    wording = "enter {conversation} first"


class NotOwner(Refusal):
    """Facts: ``room``."""

    code = "not_owner"
    wording = "only the owner of {room} may do that"


class NoSuchMember(Refusal):
    """Facts: ``room``, ``username``."""

    code = "no_such_member"
    wording = "{username} is not a member of {room}"


class RoomNotEmpty(Refusal):
    """Facts: ``room``, ``members`` (others than the owner)."""

    code = "room_not_empty"
    wording = "{members} others have a seat in {room}"


class NotFriends(Refusal):
    """Facts: ``username``."""

    code = "not_friends"
    wording = "you and {username} are not friends"


class AlreadyFriends(Refusal):
    """Facts: ``username``."""

    code = "already_friends"
    wording = "you and {username} are friends already"


class SelfFriend(Refusal):
    code = "self_friend"
    wording = "nobody can be their own friend here"


class Blocked(Refusal):
    """Facts: ``username``."""

    code = "blocked"
    wording = "you have blocked {username}"


class Declined(Refusal):
    """Facts: ``username``."""

    code = "declined"
    wording = "{username} does not want that"


class EmptyText(Refusal):
    code = "empty_text"
    wording = "there is nothing in this text"


class TextTooLong(Refusal):
    """Facts: ``limit`` (code points)."""

    code = "text_too_long"
    wording = "a text has at most {limit} characters"


class CidReused(Refusal):
    """Facts: ``cid``."""

    code = "cid_reused"
    wording = "another message of yours has this cid"


class BadTarget(Refusal):
    """Facts: ``target``."""

    code = "bad_target"
    wording = "there is nothing said at {target} here, or it was deleted"


class NotYours(Refusal):
    """Facts: ``target``."""

    code = "not_yours"
    wording = "what was said at {target} is not yours to change"


class BadReaction(Refusal):
    """Facts: ``most`` (code points)."""

    code = "bad_reaction"
    wording = "a reaction is an emoji or one word, of at most {most} characters"


class TooManyReactions(Refusal):
    """Facts: ``limit``."""

    code = "too_many_reactions"
    wording = "one may react to a message in at most {limit} ways"


class TooManyAttempts(Refusal):
    """Facts: ``retry_after`` (seconds)."""

    code = "too_many_attempts"
    wording = "too many wrong passwords; wait {retry_after:g} s"


class RateLimited(Refusal):
    """Facts: ``retry_after`` (seconds)."""

    code = "rate_limited"
    wording = "too fast; wait {retry_after:g} s"


class TooManyConnections(Refusal):
    """Facts: ``retry_after`` (seconds)."""

    code = "too_many_connections"
    wording = "too many connections from this address; try again in {retry_after:g} s"


class Disconnection(ChatError):
    """Why the server ends a connection."""


class SlowConsumer(Disconnection):
    code = "slow_consumer"
    wording = "this connection does not read fast enough; resume and fetch what is missing"


class LoginTimeout(Disconnection):
    """Facts: ``seconds``."""

    code = "login_timeout"
    wording = "nobody logged in within {seconds:g} s"


class SessionEnded(Disconnection):
    code = "session_ended"
    wording = "this session was ended; log in again"


class GoingAway(Disconnection):
    code = "going_away"
    wording = "the server is shutting down"


class Failure(ChatError):
    """Not the client's fault. Of a ``send`` nobody knows whether it was stored: send it again, same cid."""


class Unavailable(Failure):
    """Facts: ``retry_after`` (seconds)."""

    code = "unavailable"
    wording = "this cannot be done right now; try again in {retry_after:g} s"


class Internal(Failure):
    code = "internal"
    wording = "something went wrong on the server"


def _codes_below(base: type[ChatError]) -> dict[str, type[ChatError]]:
    found = {base.code: base} if "code" in vars(base) else {}
    for child in base.__subclasses__():
        found |= _codes_below(child)
    return found


CODES = _codes_below(ChatError)
"""Every code there is, and its class."""
