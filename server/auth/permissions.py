"""Who may see, read, speak and rule: the one place where that is decided.

* A room's messages exist for its members alone, a private chat's for its two sides, also after their
  friendship.
* Speaking in a room takes having entered it; speaking to a friend takes being friends. So does changing what
  was said: one edits and deletes what is one's own, a room's owner deletes what anybody said there, and
  everybody may react.
* A private room exists for its owner, its members and the invited alone. That it is there is told to whoever
  tries to enter it, since that much can be found out by trying to make one of the same name.
* A seat takes not being banned. In a private room it also takes the invitation, in one with a password the
  invitation or the password, and so in one with both. Who has a seat may come and go.
* What a room is about, and who may be in it, is for its owner to say. Nobody owns more than so many rooms.
* Whoever has blocked somebody is offline for them, and can neither be befriended nor be invited by them.

Everything here asks the database, within the transaction of whoever asks: a right is what is committed, not
what a process remembers.
"""

from dataclasses import dataclass
from typing import Protocol

from chatroom.db.queries import accounts, bans_and_invites, blocks, friends, rooms
from chatroom.db.records import AccountRecord, DirectRecord, MessageDraft, RoomRecord, StoredMessage
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
    SessionEnded,
    TooManyRooms,
    UnknownRoom,
    UnknownUser,
    WrongRoomPassword,
)
from chatroom.protocol.frame import UNSET, UnsetType
from sqlalchemy import Connection

Proof = str | None | UnsetType
"""What was found out about a password for a room: the hash that it fits, ``None`` if it fits none, ``UNSET``
if there was none to look at."""


class NamedAccount(Protocol):
    """An account, kept or live."""

    @property
    def id(self) -> int: ...
    @property
    def username(self) -> str: ...


@dataclass(frozen=True, slots=True)
class RequestedConversation:
    """A conversation that was asked for, and what the asker calls it."""

    id: int
    label: str


def find_room(connection: Connection, account_id: int, room: str) -> RoomRecord:
    """A room by any spelling of its name, with or without ``#``, as the account sees it.

    Raises ``UnknownRoom``, also for one that it may not see.
    """
    found = find_enterable_room(connection, account_id, room)
    if not sees_room(account_id, found):
        raise UnknownRoom(room=labels.room_label(room))
    return found


def find_enterable_room(connection: Connection, account_id: int, room: str) -> RoomRecord:
    """``find_room`` for somebody who wants to come in, and perhaps must not. Raises ``UnknownRoom``."""
    found = rooms.find_room_as(connection, names.name_key(labels.room_name(room)), account_id)
    if found is None:
        raise UnknownRoom(room=labels.room_label(room))
    return found


def visible_rooms(connection: Connection, account_id: int) -> list[RoomRecord]:
    """Every room that the account may see, by name."""
    return [room for room in rooms.list_rooms(connection, account_id) if sees_room(account_id, room)]


def sees_room(account_id: int, room: RoomRecord) -> bool:
    """Whether the account may know of a room, which is as it sees it."""
    return not room.private or room.seat is not None or room.invited or room.owner_id == account_id


def check_owner(account_id: int, room: RoomRecord) -> None:
    """Raises ``NotOwner``."""
    if room.owner_id != account_id:
        raise NotOwner(room=labels.room_label(room.name))


def check_may_own_more(connection: Connection, account: NamedAccount, limit: int) -> None:
    """Check that an account may own one room more; nobody else makes it an owner until COMMIT.

    Raises ``TooManyRooms``. Whoever inherits a room from its owner is not asked.
    """
    if limit:
        accounts.lock_accounts(connection, [account.id])
        if rooms.count_owned(connection, account.id) >= limit:
            raise TooManyRooms(username=account.username, limit=limit)


def check_may_take_seat(
    connection: Connection, account: NamedAccount, room: RoomRecord, proof: Proof
) -> None:
    """Check that an account may take a seat, if there is one. Raises ``Banned``, ``InvitationNeeded``,
    ``WrongRoomPassword``.
    """
    if bans_and_invites.is_banned(connection, room.conversation_id, account.id):
        raise Banned(room=labels.room_label(room.name), username=account.username)
    if room.invited or room.owner_id == account.id:
        return
    if room.private and (room.password_hash is None or proof is UNSET):
        raise InvitationNeeded(room=labels.room_label(room.name))
    if room.password_hash is not None and room.password_hash != proof:
        raise WrongRoomPassword(room=labels.room_label(room.name))


def needs_invitation(account_id: int, room: RoomRecord) -> bool:
    """Whether an invitation would help an account to a seat in a room, which is as it sees it."""
    closed = room.private or room.password_hash is not None
    return closed and room.seat is None and not room.invited and room.owner_id != account_id


def needs_password(account_id: int, room: RoomRecord) -> bool:
    """Whether an account gets a seat in a room, which is as it sees it, by the room's password only."""
    return room.password_hash is not None and needs_invitation(account_id, room)


def find_user(connection: Connection, username: str) -> AccountRecord:
    found = accounts.find_account(connection, names.name_key(username))
    if found is None:
        raise UnknownUser(username=username)
    return found


def find_direct(connection: Connection, account_id: int, username: str) -> DirectRecord:
    """The private chat with somebody who is, or was, a friend. Raises ``UnknownUser``, ``NotFriends``."""
    other = find_user(connection, username)
    found = friends.find_direct(connection, account_id, other.id)
    if found is None:
        raise NotFriends(username=other.username)
    return found


def readable_conversation(
    connection: Connection, account_id: int, conversation: str
) -> RequestedConversation:
    """A conversation that this account may read. Raises ``UnknownRoom``, ``NotAMember``, ``UnknownUser``,
    ``NotFriends``.
    """
    if labels.is_direct(conversation):
        other = find_user(connection, labels.direct_username(conversation))
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
    """Check that a session which began under this epoch is not over. Raises ``AccountDisabled``,
    ``SessionEnded``."""
    ended = accounts.find_ended_sessions(connection, account_id)
    if ended is not None and ended.disabled:
        raise AccountDisabled
    if ended is None or epoch < ended.epoch:
        raise SessionEnded


def may_post(connection: Connection, draft: MessageDraft, epoch: int) -> None:
    """``check_may_send`` for a session that began under this epoch. Raises what ``check_session`` does
    too."""
    check_session(connection, draft.account_id, epoch)
    check_may_send(connection, draft)


def check_may_send(connection: Connection, draft: MessageDraft, *, quiet: bool = False) -> None:
    """Check that a draft's author may speak in its conversation; ``quiet``: a seat in the room is enough.

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
    raise UnknownRoom(room="")  # it was removed, and its name with it


def check_may_change(connection: Connection, draft: MessageDraft, said: StoredMessage) -> None:
    """Check that a draft's author may do to a message what the draft says. Raises ``NotYours``."""
    if draft.kind in ("react", "unreact") or said.account_id == draft.account_id:
        return
    rooms_here = rooms.list_rooms(connection, draft.account_id, [draft.conversation_id])
    if draft.kind == "delete" and any(room.owner_id == draft.account_id for room in rooms_here):
        return
    raise NotYours(target=said.seq)


def sendable_conversation(connection: Connection, account_id: int, conversation: str) -> int:
    """The id of a conversation that a text is addressed to; ``check_may_send`` says whether it may go
    there."""
    if labels.is_direct(conversation):
        return find_direct(connection, account_id, labels.direct_username(conversation)).conversation_id
    return find_room(connection, account_id, conversation).conversation_id


def check_may_befriend(connection: Connection, account_id: int, other: AccountRecord) -> None:
    """Check that two accounts, both locked, may become friends. Raises ``Blocked``, ``Declined``."""
    if blocks.has_blocked(connection, account_id, other.id):
        raise Blocked(username=other.username)
    check_may_approach(connection, account_id, other)


def check_may_approach(connection: Connection, account_id: int, other: AccountRecord) -> None:
    """Check that an account may ask something of another one. Raises ``Declined``."""
    if blocks.has_blocked(connection, other.id, account_id):
        raise Declined(username=other.username)


def may_see_presence(connection: Connection, account_id: int, other_id: int) -> bool:
    """Whether an account may know that another one is online: a friend, or somebody in a room with it."""
    if other_id == account_id:
        return True
    if blocks.has_blocked(connection, other_id, account_id):
        return False
    known = friends.friend_ids(connection, account_id)
    return other_id in known or bool(rooms.common_rooms(connection, account_id, other_id))


def hidden_from(connection: Connection, account_id: int) -> set[int]:
    """The accounts that are offline for this one, wherever they are."""
    return blocks.blocker_ids(connection, account_id)
