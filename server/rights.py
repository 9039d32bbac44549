"""Who may read and who may speak: the one place where that is decided.

* A room's messages exist for its members alone, a private chat's for its two sides, also after their
  friendship.
* Speaking in a room takes having entered it; speaking to a friend takes being friends. So does changing what
  was said: one edits and deletes what is one's own, a room's owner deletes what anybody said there, and
  everybody may react.

Everything here asks the database, within the transaction of whoever asks: a right is what is committed, not
what a process remembers.
"""

from dataclasses import dataclass

from sqlalchemy import Connection

from db import accounts, friends, rooms
from db.records import Account, Direct, Draft, Room, Stored
from protocol import names
from protocol.errors import NotAMember, NotEntered, NotFriends, NotYours, UnknownRoom, UnknownUser


@dataclass(frozen=True, slots=True)
class Conversation:
    """A conversation that was asked for, and what the asker calls it."""

    id: int
    label: str


def find_room(connection: Connection, room: str) -> Room:
    """A room by any spelling of its name, with or without ``#``. Raises ``UnknownRoom``."""
    name = room.removeprefix("#")
    found = rooms.find(connection, names.key(name))
    if found is None:
        raise UnknownRoom(room=f"#{name}")
    return found


def find_user(connection: Connection, username: str) -> Account:
    found = accounts.find(connection, names.key(username))
    if found is None:
        raise UnknownUser(username=username)
    return found


def find_direct(connection: Connection, account_id: int, username: str) -> Direct:
    """The private chat with somebody who is, or once was, a friend. Raises ``UnknownUser``, ``NotFriends``.
    """
    other = find_user(connection, username)
    found = friends.find(connection, account_id, other.id)
    if found is None:
        raise NotFriends(username=other.username)
    return found


def readable(connection: Connection, account_id: int, conversation: str) -> Conversation:
    """A conversation that this account may read. Raises ``UnknownRoom``, ``NotAMember``, ``UnknownUser``,
    ``NotFriends``.
    """
    if conversation.startswith("@"):
        direct = find_direct(connection, account_id, conversation[1:])
        return Conversation(direct.conversation_id, f"@{direct.friend}")
    room = find_room(connection, conversation)
    for seated in rooms.listing(connection, account_id, [room.conversation_id], only_member=True):
        return Conversation(seated.conversation_id, f"#{seated.name}")
    raise NotAMember(room=f"#{room.name}")


def may_send(connection: Connection, draft: Draft) -> None:
    """Check that a draft's author may speak in its conversation. Raises ``NotEntered``, ``NotFriends``,
    ``UnknownRoom``.
    """
    only = [draft.conversation_id]
    for room in rooms.listing(connection, draft.account_id, only):
        if room.seat is None or not room.seat.entered:
            raise NotEntered(conversation=f"#{room.name}")
        return
    for direct in friends.listing(connection, draft.account_id, only, include_ended=True):
        if direct.ended:
            raise NotFriends(username=direct.friend)
        return
    raise UnknownRoom(room="")


def may_change(connection: Connection, draft: Draft, said: Stored) -> None:
    """Check that a draft's author may do to a message what the draft says. Raises ``NotYours``."""
    if draft.kind in ("react", "unreact") or said.account_id == draft.account_id:
        return
    rooms_here = rooms.listing(connection, draft.account_id, [draft.conversation_id])
    if draft.kind == "delete" and any(room.owner_id == draft.account_id for room in rooms_here):
        return
    raise NotYours(target=said.seq)


def sendable(connection: Connection, account_id: int, conversation: str) -> int:
    """The id of a conversation that a text is addressed to. Whether it may be sent there is for ``may_send``.
    """
    if conversation.startswith("@"):
        return find_direct(connection, account_id, conversation[1:]).conversation_id
    return find_room(connection, conversation).conversation_id
