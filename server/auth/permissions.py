"""Authorization: all decisions about who may see, read, send and moderate.

* Only members may read a room's messages, and only the two users a private chat's, also after their
  friendship.
* Sending to a room requires having entered it; sending to a friend requires the friendship. The same holds
  for changes of messages: authors may edit their own messages, a room's owner may delete all messages there,
  its moderators those of ordinary members, and all may react. Authors may delete their own messages at any
  time, also after they have left.
* A private room is visible only to its owner, its members and invited users. Others learn that it exists when
  they try to enter it, which creating a room of the same name would tell them too.
* A banned user gets no seat. A private room requires an invitation; a room with a password, private or not,
  requires an invitation or the password. A member may enter and leave freely.
* The owner and the moderators of a room set its topic, invite, kick and ban. Moderators do not act on the
  owner or on each other. Only the owner changes the room itself and appoints moderators, who are members and
  lose their rights with the seat. The number of rooms per owner is limited.
* A user who has blocked another one appears offline to that user, and cannot be befriended or invited by that
  user.

All functions query the database within the caller's transaction: the committed state decides, not the state
in memory.
"""

from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Protocol

from sqlalchemy import Connection

from chatroom.db.queries import accounts, bans_and_invites, blocks, friends, memberships, messages, rooms
from chatroom.db.records import (
    AccountRecord,
    DirectRecord,
    MessageDraft,
    RoomRecord,
    SeatRecord,
    StoredMessage,
)
from chatroom.protocol import labels, names
from chatroom.protocol.errors import (
    AccountDisabled,
    Banned,
    Blocked,
    Declined,
    InvitationNeeded,
    NotAMember,
    NotEntered,
    NotFriends,
    NotOwner,
    NotYours,
    Refusal,
    SessionEnded,
    TooManyFriends,
    TooManyRooms,
    UnknownRoom,
    UnknownUser,
    WrongRoomPassword,
)
from chatroom.protocol.frame import UnsetType

Proof = str | None | UnsetType
"""The result of checking a room password: the hash that it matches, ``None`` if it matches none, ``UNSET`` if
no password was given."""


class NamedAccount(Protocol):
    """An account, from the database or live."""

    @property
    def id(self) -> int: ...
    @property
    def username(self) -> str: ...


@dataclass(frozen=True, slots=True)
class RequestedConversation:
    """A requested conversation and the requesting account's label for it."""

    id: int
    label: str


def find_room(connection: Connection, account_id: int, room: str) -> RoomRecord:
    """Return a room by any spelling of its name, with or without ``#``, as the account sees it.

    Raises ``UnknownRoom``, also for a room that the account may not see.
    """
    record = find_enterable_room(connection, account_id, room)
    if not sees_room(account_id, record):
        raise UnknownRoom(room=labels.room_label(room))
    return record


def find_enterable_room(connection: Connection, account_id: int, room: str) -> RoomRecord:
    """Return a room like ``find_room``, but also one that is not visible to the account, which may try to
    enter it. Raises ``UnknownRoom``.

    A room that is not visible has the requested name, so that a former name does not reveal the current one.
    """
    record = rooms.find_room_as(connection, names.name_key(labels.room_name(room)), account_id)
    if record is None:
        raise UnknownRoom(room=labels.room_label(room))
    return record if sees_room(account_id, record) else replace(record, name=labels.room_name(room))


def sees_room(account_id: int, room: RoomRecord) -> bool:
    """Whether the account may see a room; ``room`` is the account's view of it."""
    return not room.private or room.seat is not None or room.invited or room.owner_id == account_id


def check_member(account_id: int, room: RoomRecord) -> None:
    """Check that the account has a seat; ``room`` is its view of the room. Raises ``UnknownRoom``,
    ``NotAMember``.
    """
    if not sees_room(account_id, room):
        raise UnknownRoom(room=labels.room_label(room.name))
    if room.seat is None:
        raise NotAMember(room=labels.room_label(room.name))


def check_owner(account_id: int, room: RoomRecord) -> None:
    """Raises ``NotOwner``."""
    if room.owner_id != account_id:
        raise NotOwner(room=labels.room_label(room.name))


def check_moderator(account_id: int, room: RoomRecord) -> None:
    """Check that an account is the owner or a moderator; ``room`` is its view. Raises ``NotOwner``."""
    if room.owner_id != account_id and not (room.seat is not None and room.seat.moderator):
        raise NotOwner(room=labels.room_label(room.name), moderators=True)


def check_may_moderate(account_id: int, room: RoomRecord, other_id: int, other: SeatRecord | None) -> None:
    """Check that an account may kick or ban another one; ``other`` is the seat of that one. Raises
    ``NotOwner``."""
    check_moderator(account_id, room)
    if _has_role(room, other_id, other):
        check_owner(account_id, room)


def _has_role(room: RoomRecord, account_id: int, seat: SeatRecord | None) -> bool:
    """Whether an account with this seat is the owner or a moderator."""
    return room.owner_id == account_id or (seat is not None and seat.moderator)


def check_may_own_more(connection: Connection, account: NamedAccount, limit: int) -> None:
    """Check that an account may own one more room, and lock the account until COMMIT.

    Raises ``TooManyRooms``. It is not called for an account that inherits a room.
    """
    if limit:
        accounts.lock_accounts(connection, [account.id])
        if rooms.count_owned(connection, account.id) >= limit:
            raise TooManyRooms(username=account.username, limit=limit)


def check_may_take_seat(
    connection: Connection, account: NamedAccount, room: RoomRecord, proof: Proof
) -> None:
    """Check that an account may take a free seat. Raises ``Banned``, ``InvitationNeeded``,
    ``WrongRoomPassword``.
    """
    if bans_and_invites.is_banned(connection, room.conversation_id, account.id):
        raise Banned(room=labels.room_label(room.name), username=account.username)
    if room.invited or room.owner_id == account.id:
        return
    if room.password_hash is not None and room.password_hash == proof:
        return
    if room.private:  # also for a wrong password: whether the room has one is not revealed
        raise InvitationNeeded(room=labels.room_label(room.name))
    if room.password_hash is not None:
        raise WrongRoomPassword(room=labels.room_label(room.name))


def needs_invitation(account_id: int, room: RoomRecord) -> bool:
    """Whether an account needs an invitation for a seat; ``room`` is the account's view of it."""
    closed = room.private or room.password_hash is not None
    return closed and room.seat is None and not room.invited and room.owner_id != account_id


def checks_password(account_id: int, room: RoomRecord) -> bool:
    """Whether a password is checked for a seat; ``room`` is the account's view of it. In a private room it is
    checked even if the room has none, so that the time of the answer does not reveal that.
    """
    return needs_invitation(account_id, room)


def find_user(connection: Connection, username: str) -> AccountRecord:
    """Return the account with a name, unless it is erased. Raises ``UnknownUser``."""
    account = find_author(connection, username)
    if account.erased:
        raise UnknownUser(username=username)
    return account


def find_author(connection: Connection, username: str) -> AccountRecord:
    """Return the account with a name, also an erased one. Raises ``UnknownUser``."""
    account = accounts.find_account(connection, names.name_key(username))
    if account is None:
        raise UnknownUser(username=username)
    return account


def find_direct(connection: Connection, account_id: int, username: str) -> DirectRecord:
    """Return the private chat with a friend or former friend. Raises ``UnknownUser``, ``NotFriends``."""
    other = find_author(connection, username)
    direct = friends.find_direct(connection, account_id, other.id)
    if direct is None:
        raise NotFriends(username=other.username)
    return direct


def readable_conversation(
    connection: Connection, account_id: int, conversation: str
) -> RequestedConversation:
    """Return a conversation that the account may read. Raises ``UnknownRoom``, ``NotAMember``,
    ``UnknownUser``, ``NotFriends``.
    """
    if labels.is_direct(conversation):
        other = find_author(connection, labels.direct_username(conversation))
        chat = friends.direct_id(connection, account_id, other.id)
        if chat is None:
            raise NotFriends(username=other.username)
        return RequestedConversation(chat, labels.direct_label(other.username))
    own = rooms.find_member_room(connection, names.name_key(labels.room_name(conversation)), account_id)
    if own is None:
        raise NotAMember(room=labels.room_label(find_room(connection, account_id, conversation).name))
    id, name = own
    return RequestedConversation(id, labels.room_label(name))


def check_session(connection: Connection, account_id: int, epoch: int) -> None:
    """Check that a session that began in this epoch has not ended. Raises ``AccountDisabled``,
    ``SessionEnded``."""
    ended = accounts.find_ended_sessions(connection, account_id)
    if ended is not None and ended.disabled:
        raise AccountDisabled
    if ended is None or epoch < ended.epoch:
        raise SessionEnded


def may_post(connection: Connection, draft: MessageDraft, epoch: int) -> None:
    """Run ``check_session`` and ``check_may_send`` for a session that began in this epoch."""
    check_session(connection, draft.account_id, epoch)
    check_may_send(connection, draft)


def check_may_send(connection: Connection, draft: MessageDraft, *, quiet: bool = False) -> None:
    """Check that a draft's author may send to its conversation; with ``quiet`` membership of the room is
    enough.

    Raises ``NotEntered``, ``NotFriends``, ``UnknownRoom``.
    """
    only = [draft.conversation_id]
    for room in rooms.list_rooms(connection, draft.account_id, only):
        if not sees_room(draft.account_id, room):
            raise UnknownRoom(room=labels.room_label(room.name))
        if room.seat is None or not (room.seat.entered or quiet):
            raise NotEntered(conversation=labels.room_label(room.name))
        return
    for direct in friends.list_directs(connection, draft.account_id, only, include_ended=True):
        if direct.ended:
            raise NotFriends(username=direct.friend)
        return
    raise UnknownRoom(room="")  # the room was deleted, and its name with it


def check_may_change(connection: Connection, draft: MessageDraft, target: StoredMessage) -> None:
    """Check that a draft's author may change the target message. Raises ``NotYours``."""
    if draft.kind in ("react", "unreact") or target.account_id == draft.account_id:
        return
    if draft.kind == "delete":
        author = memberships.find_seat(connection, draft.conversation_id, target.account_id)
        for room in rooms.list_rooms(connection, draft.account_id, [draft.conversation_id]):
            with suppress(NotOwner):
                check_may_moderate(draft.account_id, room, target.account_id, author)
                return
    raise NotYours(target=target.seq)


def deletable_conversation(
    connection: Connection, account_id: int, conversation: str, target: int
) -> int | None:
    """Return the id of the conversation if the account wrote the message ``target`` there, else ``None``.

    Authors may delete what they wrote, also after they have left, lost the seat or ended the friendship.
    """
    try:
        id = (
            sendable_conversation(connection, account_id, conversation)
            if labels.is_direct(conversation)
            else find_enterable_room(connection, account_id, conversation).conversation_id
        )
    except Refusal:
        return None
    return id if messages.author_of(connection, id, target) == account_id else None


def sendable_conversation(connection: Connection, account_id: int, conversation: str) -> int:
    """Return the id of the conversation that a message is addressed to, without ``check_may_send``."""
    if labels.is_direct(conversation):
        return find_direct(connection, account_id, labels.direct_username(conversation)).conversation_id
    return find_room(connection, account_id, conversation).conversation_id


def check_may_befriend(connection: Connection, account_id: int, other: AccountRecord, limit: int) -> None:
    """Check that two accounts, both locked, may become friends; ``limit`` is the maximum of the first one.

    Raises ``Blocked``, ``Declined``, ``TooManyFriends``.
    """
    if 0 < limit <= len(friends.friend_ids(connection, account_id)):
        raise TooManyFriends(limit=limit)
    if blocks.has_blocked(connection, account_id, other.id):
        raise Blocked(username=other.username)
    check_may_approach(connection, account_id, other)


def check_may_approach(connection: Connection, account_id: int, other: AccountRecord) -> None:
    """Check that an account may befriend or invite another one. Raises ``Declined``."""
    if blocks.has_blocked(connection, other.id, account_id):
        raise Declined(username=other.username)


def may_see_presence(connection: Connection, account_id: int, other_id: int) -> bool:
    """Whether an account may see that another one is online: a friend or a member of a common room."""
    if other_id == account_id:
        return True
    if blocks.has_blocked(connection, other_id, account_id):
        return False
    known = friends.friend_ids(connection, account_id)
    return other_id in known or bool(rooms.common_rooms(connection, account_id, other_id, 1))


def hidden_from(connection: Connection, account_id: int) -> set[int]:
    """Return the accounts that always appear offline to this one, because they have blocked it."""
    return blocks.blocker_ids(connection, account_id)
