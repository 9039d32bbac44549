"""Refusals and failures: each has a code for programs, details, and an English message.

::

    ChatError
    ├── WireError            the line is not a valid request
    │   ├── BadEncoding  BadJson  BadFrame  UnknownType
    │   └── LineTooLong                                     (closes)
    ├── Refusal              the request is valid and refused; nothing was stored
    │   ├── NotLoggedIn  AlreadyLoggedIn
    │   ├── BadUsername  BadPassword  UsernameTaken
    │   ├── UnknownUser  WrongPassword  BadToken  NotYourself
    │   ├── AccountDisabled                                 (closes the account's sessions)
    │   ├── UnknownRoom  BadRoom  RoomExists  RoomFull  BadCapacity  TooManyRooms  BadNickname
    │   ├── CapacityTooSmall  TooManyNames
    │   ├── RegistrationClosed  BadInvitation
    │   ├── InvitationNeeded  WrongRoomPassword  Banned
    │   ├── NotAMember  NotEntered  NotOwner  NoSuchMember  RoomNotEmpty
    │   ├── NotFriends  AlreadyFriends  SelfFriend  Blocked  Declined
    │   ├── EmptyText  TextTooLong  CidReused
    │   ├── BadTarget  NotYours  BadReaction  TooManyReactions
    │   └── TooManyAttempts  RateLimited  TooManyConnections    (try again later)
    ├── Disconnection        why the server ends a connection
    │   └── SlowConsumer  LoginTimeout  SessionEnded  GoingAway
    └── Failure              not the client's fault; a ``send`` may have been stored or not
        └── Unavailable  Internal

The client translates codes with its own catalogue; ``wording`` is for users of ``nc`` and for the log.
"""

from typing import Any, ClassVar


class ChatError(Exception):
    """``code`` is for programs, ``details`` holds JSON values by name, ``str`` gives the English message."""

    code: ClassVar[str]
    wording: ClassVar[str]

    def __init__(self, **details: Any) -> None:
        self.details = details
        super().__init__(self.wording.format_map(details))

    @property
    def message(self) -> str:
        return str(self)


class WireError(ChatError):
    """A line that is not a request. ``id`` is the request's id, or ``None`` if it could not be read."""

    def __init__(self, id: int | str | None = None, **details: Any) -> None:
        super().__init__(**details)
        self.id = id


class BadEncoding(WireError):
    code = "bad_encoding"
    wording = "the line is not valid UTF-8: {reason}"


class BadJson(WireError):
    code = "bad_json"
    wording = "the line is not valid JSON: {reason}"


class BadFrame(WireError):
    code = "bad_frame"
    wording = "invalid frame: {reason}"


class UnknownType(WireError):
    code = "unknown_type"
    wording = "unknown request type"


class LineTooLong(WireError):
    code = "line_too_long"
    wording = "lines are limited to {limit} bytes"


class Refusal(ChatError):
    """A valid request that is refused. Nothing was stored."""


class NotLoggedIn(Refusal):
    code = "not_logged_in"
    wording = "log in first"


class AlreadyLoggedIn(Refusal):
    code = "already_logged_in"
    wording = "this connection is already logged in"


class BadUsername(Refusal):
    """Details: ``least``, ``most`` (code points)."""

    code = "bad_username"
    wording = "user names have {least} to {most} characters, without spaces or invisible characters"


class BadPassword(Refusal):
    """Details: ``least`` (code points), ``most`` (bytes)."""

    code = "bad_password"
    wording = "passwords need at least {least} characters and at most {most} bytes"


class UsernameTaken(Refusal):
    code = "username_taken"
    wording = "that user name (or a look-alike) is taken"


class UnknownUser(Refusal):
    code = "unknown_user"
    wording = "no such user"


class WrongPassword(Refusal):
    code = "wrong_password"
    wording = "wrong password"


class BadToken(Refusal):
    code = "bad_token"
    wording = "this token is invalid or has expired; log in with the password"


class AccountDisabled(Refusal):
    code = "account_disabled"
    wording = "this account has been disabled by an administrator"


class NotYourself(Refusal):
    code = "not_yourself"
    wording = "you can't do that to yourself"


class UnknownRoom(Refusal):
    """Details: ``room``."""

    code = "unknown_room"
    wording = "no such room: {room}"


class BadRoom(Refusal):
    """Details: ``least``, ``most`` (code points)."""

    code = "bad_room"
    wording = "room names have {least} to {most} characters, without spaces or invisible characters"


class RoomExists(Refusal):
    """Details: ``room``."""

    code = "room_exists"
    wording = "{room} (or a look-alike) already exists"


class RoomFull(Refusal):
    """Details: ``room``, ``members``, ``capacity``."""

    code = "room_full"
    wording = "room {room} is full ({members} of {capacity})"


class BadCapacity(Refusal):
    """Details: ``least``, ``most``."""

    code = "bad_capacity"
    wording = "rooms have {least} to {most} seats"


class CapacityTooSmall(Refusal):
    """Details: ``room``, ``members``."""

    code = "capacity_too_small"
    wording = "{room} has {members} members; its capacity cannot be smaller"


class TooManyNames(Refusal):
    """Details: ``room``, ``limit``."""

    code = "too_many_names"
    wording = "{room} has had {limit} other names lately; rename it later"


class TooManyRooms(Refusal):
    """Details: ``username``, ``limit``."""

    code = "too_many_rooms"
    wording = "{username} already owns {limit} rooms, the maximum"


class TooManyFriends(Refusal):
    """Details: ``limit``."""

    code = "too_many_friends"
    wording = "you have {limit} friends already, the maximum"


class BadNickname(Refusal):
    """Details: ``least``, ``most`` (code points)."""

    code = "bad_nickname"
    wording = "nicknames have {least} to {most} printable characters and no space at either end"


class RegistrationClosed(Refusal):
    code = "registration_closed"
    wording = "this server is invite-only"


class BadInvitation(Refusal):
    """Unknown, used up, expired or revoked. The four cases are not distinguished, so guesses learn
    nothing."""

    code = "bad_invitation"
    wording = "this invitation is invalid, expired, used up or revoked"


class InvitationNeeded(Refusal):
    """Details: ``room``."""

    code = "invitation_needed"
    wording = "{room} is invite-only"


class WrongRoomPassword(Refusal):
    """Details: ``room``."""

    code = "wrong_room_password"
    wording = "wrong password for {room}"


class Banned(Refusal):
    """Details: ``room``, ``username``."""

    code = "banned"
    wording = "{username} is banned from {room}"


class NotAMember(Refusal):
    """Details: ``room``."""

    code = "not_a_member"
    wording = "you are not a member of {room}"


class NotEntered(Refusal):
    """Details: ``conversation``."""

    code = "not_entered"
    wording = "join {conversation} first"


class NotOwner(Refusal):
    """Details: ``room``."""

    code = "not_owner"
    wording = "only the owner of {room} may do that"


class NoSuchMember(Refusal):
    """Details: ``room``, ``username``."""

    code = "no_such_member"
    wording = "{username} is not a member of {room}"


class RoomNotEmpty(Refusal):
    """Details: ``room``, ``members`` (without the owner)."""

    code = "room_not_empty"
    wording = "{room} still has {members} other members"


class NotFriends(Refusal):
    """Details: ``username``."""

    code = "not_friends"
    wording = "you and {username} are not friends"


class AlreadyFriends(Refusal):
    """Details: ``username``."""

    code = "already_friends"
    wording = "you and {username} are already friends"


class SelfFriend(Refusal):
    code = "self_friend"
    wording = "you can't befriend yourself"


class Blocked(Refusal):
    """Details: ``username``."""

    code = "blocked"
    wording = "you have blocked {username}"


class Declined(Refusal):
    """Details: ``username``."""

    code = "declined"
    wording = "{username} declined"


class EmptyText(Refusal):
    code = "empty_text"
    wording = "the text is empty"


class TextTooLong(Refusal):
    """Details: ``limit`` (code points)."""

    code = "text_too_long"
    wording = "texts are limited to {limit} characters"


class CidReused(Refusal):
    """Details: ``cid``."""

    code = "cid_reused"
    wording = "this cid belongs to another message of yours"


class BadTarget(Refusal):
    """Details: ``target``."""

    code = "bad_target"
    wording = "there is no message {target} here, or it was deleted"


class NotYours(Refusal):
    """Details: ``target``."""

    code = "not_yours"
    wording = "you can't change message {target}"


class BadReaction(Refusal):
    """Details: ``most`` (code points)."""

    code = "bad_reaction"
    wording = "a reaction is an emoji or one word of at most {most} characters"


class TooManyReactions(Refusal):
    """Details: ``limit``."""

    code = "too_many_reactions"
    wording = "you can add at most {limit} reactions to a message"


class TooManyAttempts(Refusal):
    """Details: ``retry_after`` (seconds)."""

    code = "too_many_attempts"
    wording = "too many wrong passwords; wait {retry_after:g} s"


class RateLimited(Refusal):
    """Details: ``retry_after`` (seconds)."""

    code = "rate_limited"
    wording = "too fast; wait {retry_after:g} s"


class TooManyConnections(Refusal):
    """Details: ``retry_after`` (seconds)."""

    code = "too_many_connections"
    wording = "too many connections from this address; try again in {retry_after:g} s"


class Disconnection(ChatError):
    """Why the server ends a connection."""


class SlowConsumer(Disconnection):
    code = "slow_consumer"
    wording = "the connection is too slow; resume and fetch the missing messages"


class LoginTimeout(Disconnection):
    """Details: ``seconds``."""

    code = "login_timeout"
    wording = "no login within {seconds:g} s"


class SessionEnded(Disconnection):
    code = "session_ended"
    wording = "this session has ended; log in again"


class GoingAway(Disconnection):
    code = "going_away"
    wording = "the server is shutting down"


class Failure(ChatError):
    """Not the client's fault. A ``send`` may have been stored or not: send it again with the same cid."""


class Unavailable(Failure):
    """Details: ``retry_after`` (seconds)."""

    code = "unavailable"
    wording = "temporarily unavailable; try again in {retry_after:g} s"


class Internal(Failure):
    code = "internal"
    wording = "internal server error"


def _codes_below(base: type[ChatError]) -> dict[str, type[ChatError]]:
    codes = {base.code: base} if "code" in vars(base) else {}
    for child in base.__subclasses__():
        codes |= _codes_below(child)
    return codes


CODES = _codes_below(ChatError)
"""All codes and their classes."""
