"""What the owner of a room may do to it: its topic, who comes in, who must go, whose it will be, its end.

Whoever is put out hears nothing that is committed later: the seat goes in the same moment, on the loop, in
which the commit is told to the others. What was done is told in the room's history by a notice, whose text is
the new topic or the name of whom it was done to.
"""

from dataclasses import dataclass
from functools import partial

from sqlalchemy import Connection

from db import guests, memberships, rooms
from db.news import Closed, closed
from db.records import Account as Kept
from db.records import Room
from db.transaction import Transaction
from protocol import labels, requests, responses
from protocol.errors import Banned, NoSuchMember, NotYourself, RoomNotEmpty, TextTooLong
from protocol.frame import Id
from protocol.values import DAY, format_time
from server import codes, rights
from server.announcer import Announcer
from server.config import Limits
from server.handlers.common import account_of, lock_room, room_as
from server.live import Account, Directory, Speaker
from server.notices import tell
from server.replies import Commit, Query, Reply


@dataclass(frozen=True, slots=True)
class Ruling:
    """What an owner has done: the room as they see it now, whom it was about, and if it changed anything."""

    room: Room
    other: Kept
    effective: bool = True


class Moderation:
    def __init__(self, limits: Limits, directory: Directory, announcer: Announcer) -> None:
        self._limits = limits
        self._directory = directory
        self._announcer = announcer

    def set_topic(self, speaker: Speaker, request: requests.SetTopic) -> Reply:
        account = account_of(speaker)
        if len(request.topic) > self._limits.topic:
            raise TextTooLong(limit=self._limits.topic)

        def then(room: Room) -> responses.Response:
            self._announcer.room_changed(room)
            return responses.Ok(id=request.id)

        topic = "" if request.topic.isspace() else request.topic
        return Commit(partial(_set_topic, account=account, room=request.room, topic=topic), then)

    def invite(self, speaker: Speaker, request: requests.Invite) -> Reply:
        account = account_of(speaker)

        def then(ruling: Ruling) -> responses.Response:
            other = self._directory.accounts.get(ruling.other.id)
            if other is not None and ruling.effective:
                other.invited.add(ruling.room.conversation_id)
                self._announcer.invited(other, ruling.room, account.username)
            return responses.Ok(id=request.id)

        return Commit(partial(_invite, account=account, room=request.room, username=request.username), then)

    def make_invitation(self, speaker: Speaker, request: requests.MakeInvitation) -> Reply:
        def then(made: tuple[str, int]) -> responses.Response:
            code, until = made
            return responses.Invitation(id=request.id, code=code, until=format_time(until))

        return Commit(partial(_make_invitation, account=account_of(speaker), room=request.room), then)

    def kick(self, speaker: Speaker, request: requests.Kick) -> Reply:
        account = account_of(speaker)
        work = partial(_kick, account=account, room=request.room, username=request.username)
        return Commit(work, partial(self._put_out, request.id, "kick", account))

    def ban(self, speaker: Speaker, request: requests.Ban) -> Reply:
        account = account_of(speaker)
        work = partial(_ban, account=account, room=request.room, username=request.username)
        return Commit(work, partial(self._put_out, request.id, "ban", account))

    def unban(self, speaker: Speaker, request: requests.Unban) -> Reply:
        work = partial(_unban, account=account_of(speaker), room=request.room, username=request.username)
        return Commit(work, lambda _: responses.Ok(id=request.id))

    def list_banned(self, speaker: Speaker, request: requests.ListBanned) -> Reply:
        def then(usernames: list[str]) -> responses.Response:
            return responses.Banned(id=request.id, usernames=usernames)

        return Query(partial(_banned, account_id=account_of(speaker).id, room=request.room), then)

    def transfer_room(self, speaker: Speaker, request: requests.TransferRoom) -> Reply:
        account = account_of(speaker)

        def then(room: Room) -> responses.Response:
            self._announcer.room_changed(room)
            return responses.Ok(id=request.id)

        work = partial(
            _transfer,
            account=account,
            room=request.room,
            username=request.username,
            most=self._limits.rooms,
        )
        return Commit(work, then)

    def close_room(self, speaker: Speaker, request: requests.CloseRoom) -> Reply:
        account = account_of(speaker)

        def then(gone: Closed) -> responses.Response:
            self.closed(gone)
            return responses.Ok(id=request.id)

        return Commit(partial(_close, account=account, room=request.room), then)

    def closed(self, room: Closed) -> None:
        """A room was removed from the database: nobody is in it any more."""
        self._announcer.room_closed(room)
        for account in self._directory.accounts.values():
            self._directory.drop_seat(account, room.conversation_id)
            account.invited.discard(room.conversation_id)

    def _put_out(self, id: Id, reason: str, by: Account, ruling: Ruling) -> responses.Response:
        """Somebody's seat, or the right to take one, is gone."""
        room, other = ruling.room, self._directory.accounts.get(ruling.other.id)
        if other is not None:
            other.invited.discard(room.conversation_id)
            if room.conversation_id in other.seats:
                self._directory.drop_seat(other, room.conversation_id)
                self._announcer.removed(other, room.name, reason, by.username)
        self._directory.set_roster(room.conversation_id, room.roster)
        self._announcer.room_changed(room)
        return responses.Ok(id=id)


# In the transaction


def _set_topic(transaction: Transaction, *, account: Account, room: str, topic: str) -> Room:
    own = _lock(transaction, account, room)
    if topic != own.topic:
        rooms.set_topic(transaction.connection, own.conversation_id, topic)
        tell(transaction, own, account, "topic", topic)
    return room_as(transaction.connection, account.id, own.conversation_id)


def _invite(transaction: Transaction, *, account: Account, room: str, username: str) -> Ruling:
    """Raises ``Banned`` and ``Declined``. Whoever has a seat needs no invitation."""
    connection = transaction.connection
    own = _lock(transaction, account, room)
    other = _other(connection, account, username)
    rights.may_approach(connection, account.id, other)
    if guests.is_banned(connection, own.conversation_id, other.id):
        raise Banned(room=labels.room(own.name), username=other.username)
    is_member = memberships.seat(connection, own.conversation_id, other.id) is not None
    new = not is_member and guests.invite(connection, own.conversation_id, other.id, transaction.now)
    transaction.news.accounts.add(other.id)
    return Ruling(own, other, effective=new)


def _make_invitation(transaction: Transaction, *, account: Account, room: str) -> tuple[str, int]:
    """A code, and until when it is good."""
    own = _lock(transaction, account, room)
    code = codes.issue(transaction, conversation_id=own.conversation_id, maker_id=account.id)
    return code, transaction.now + codes.DAYS * DAY


def _kick(transaction: Transaction, *, account: Account, room: str, username: str) -> Ruling:
    connection = transaction.connection
    own = _lock(transaction, account, room)
    other = _other(connection, account, username)
    if memberships.seat(connection, own.conversation_id, other.id) is None:
        raise NoSuchMember(room=labels.room(own.name), username=other.username)
    tell(transaction, own, account, "kick", other.username)
    memberships.give_up(connection, own.conversation_id, other.id)
    return Ruling(room_as(connection, account.id, own.conversation_id), other)


def _ban(transaction: Transaction, *, account: Account, room: str, username: str) -> Ruling:
    connection = transaction.connection
    own = _lock(transaction, account, room)
    other = _other(connection, account, username)
    if guests.ban(connection, own.conversation_id, other.id, transaction.now):
        tell(transaction, own, account, "ban", other.username)
        guests.uninvite(connection, own.conversation_id, other.id)
        transaction.news.accounts.add(other.id)
        memberships.give_up(connection, own.conversation_id, other.id)
    return Ruling(room_as(connection, account.id, own.conversation_id), other)


def _unban(transaction: Transaction, *, account: Account, room: str, username: str) -> None:
    own = _lock(transaction, account, room)
    other = rights.find_user(transaction.connection, username)
    guests.unban(transaction.connection, own.conversation_id, other.id)


def _banned(connection: Connection, *, account_id: int, room: str) -> list[str]:
    own = rights.find_room(connection, account_id, room)
    rights.check_owner(account_id, own)
    return guests.banned(connection, own.conversation_id)


def _transfer(transaction: Transaction, *, account: Account, room: str, username: str, most: int) -> Room:
    connection = transaction.connection
    own = _lock(transaction, account, room)
    other = _other(connection, account, username)
    if memberships.seat(connection, own.conversation_id, other.id) is None:
        raise NoSuchMember(room=labels.room(own.name), username=other.username)
    rights.may_own_more(connection, other, most)
    rooms.set_owner(connection, own.conversation_id, other.id)
    tell(transaction, own, account, "transfer", other.username)
    return room_as(connection, account.id, own.conversation_id)


def _close(transaction: Transaction, *, account: Account, room: str) -> Closed:
    own = _lock(transaction, account, room)
    others = own.members - (own.seat is not None)
    if others:
        raise RoomNotEmpty(room=labels.room(own.name), members=others)
    return remove(transaction, own, account.username)


def remove(transaction: Transaction, room: Room, by: str | None) -> Closed:
    """Remove a room that is locked, whoever is in it."""
    rooms.remove(transaction.connection, room.conversation_id)
    gone = closed(room, by)
    transaction.news.closed.append(gone)
    return gone


def _lock(transaction: Transaction, account: Account, room: str) -> Room:
    """A room of the account's own, locked. Raises ``UnknownRoom``, ``NotOwner``."""
    own = lock_room(transaction, account.id, room)
    rights.check_owner(account.id, own)
    return own


def _other(connection: Connection, account: Account, username: str) -> Kept:
    """Somebody else. Raises ``UnknownUser``, ``NotYourself``."""
    other = rights.find_user(connection, username)
    if other.id == account.id:
        raise NotYourself
    return other
