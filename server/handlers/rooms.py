"""Rooms: made, left, given up; and who holds their seats.

How one gets in is in ``entering``, and what an owner may do in ``moderation``.
"""

from functools import partial

from sqlalchemy import Connection

from db import memberships, rooms
from db.errors import Taken
from db.records import Room, Seat
from db.store import Store
from db.transaction import Transaction
from protocol import labels, names, requests, responses, values
from protocol.errors import NotAMember, NotEntered, RoomExists
from protocol.frame import UNSET, UnsetType
from server import rights
from server.announcer import Announcer
from server.checks import check_capacity, check_password, check_room
from server.config import Config
from server.handlers.common import account_of, lock_room, room_as
from server.live import Account, Directory, Speaker
from server.notices import leave
from server.passwords import Passwords
from server.replies import Commit, Query, Reply
from server.values import room_value


class Rooms:
    def __init__(
        self,
        config: Config,
        store: Store,
        passwords: Passwords,
        directory: Directory,
        announcer: Announcer,
    ) -> None:
        self._limits = config.limits
        self._password = config.password
        self._store = store
        self._passwords = passwords
        self._directory = directory
        self._announcer = announcer

    def list_rooms(self, speaker: Speaker, request: requests.ListRooms) -> Reply:
        account = account_of(speaker)

        def then(found: list[Room]) -> responses.Response:
            return responses.Rooms(id=request.id, rooms=[room_value(room) for room in found])

        return Query(partial(rights.visible_rooms, account_id=account.id), then)

    async def create_room(self, speaker: Speaker, request: requests.CreateRoom) -> Reply:
        account = account_of(speaker)
        name = labels.room_name(request.room)
        if await self._store.run(_is_taken, name):
            raise RoomExists(room=labels.room(name))
        check_room(name, self._limits)
        check_capacity(request.capacity, self._limits)
        password_hash = await self._hash(request.password, speaker)

        def then(room: Room) -> responses.Response:
            self._announcer.room_changed(room)
            return responses.Room(id=request.id, room=room_value(room))

        work = partial(
            _create,
            name=name,
            capacity=request.capacity,
            owner=account,
            most=self._limits.rooms,
            private=request.private is True,
            password_hash=password_hash,
        )
        return Commit(work, then)

    async def _hash(self, password: str | UnsetType, speaker: Speaker) -> str | None:
        if password is UNSET:
            return None
        check_password(password, self._password)
        return await self._passwords.hash(password, speaker)

    def leave_room(self, speaker: Speaker, request: requests.LeaveRoom) -> Reply:
        account = account_of(speaker)

        def then(room: Room) -> responses.Response:
            self._directory.seat_in_room(account, room)
            self._announcer.own_room_changed(account, room, but=speaker)
            return responses.Ok(id=request.id)

        return Commit(partial(_leave, account=account, room=request.room), then)

    def resign_room(self, speaker: Speaker, request: requests.ResignRoom) -> Reply:
        account = account_of(speaker)

        def then(room: Room) -> responses.Response:
            self._directory.drop_seat(account, room.conversation_id)
            self._directory.set_roster(room.conversation_id, room.roster)
            self._announcer.removed(account, room.name, "resign", account.username, but=speaker)
            self._announcer.room_changed(room)
            return responses.Ok(id=request.id)

        return Commit(partial(_resign, account=account, room=request.room), then)

    def list_members(self, speaker: Speaker, request: requests.ListMembers) -> Reply:
        account = account_of(speaker)

        def then(found: tuple[list[Seat], set[int]]) -> responses.Response:
            seats, hidden = found
            members = [self._member(seat, hidden) for seat in seats]
            return responses.Members(id=request.id, members=members)

        return Query(partial(_members, account_id=account.id, room=request.room), then)

    def _member(self, seat: Seat, hidden: set[int]) -> values.Member:
        online = seat.account_id not in hidden and self._directory.is_online(seat.account_id)
        return values.Member(
            username=seat.username,
            nickname=seat.nickname or "",
            entered=seat.entered,
            online=online,
            away=self._directory.away(seat.account_id) or UNSET if online else UNSET,
        )


def _is_taken(connection: Connection, name: str) -> bool:
    """Whether a room has this name, in whatever spelling, or one that looks like it."""
    return (
        rooms.find(connection, names.key(name)) is not None
        or rooms.find_look_alike(connection, names.skeleton(name)) is not None
    )


# In the transaction


def _create(
    transaction: Transaction,
    *,
    name: str,
    capacity: int,
    owner: Account,
    most: int,
    private: bool,
    password_hash: str | None,
) -> Room:
    connection = transaction.connection
    rights.may_own_more(connection, owner, most)
    try:
        id = rooms.add(
            connection,
            name=name,
            key=names.key(name),
            skeleton=names.skeleton(name),
            capacity=capacity,
            owner_id=owner.id,
            now=transaction.now,
            private=private,
            password_hash=password_hash,
        )
    except Taken:
        raise RoomExists(room=labels.room(name)) from None
    transaction.lock([id])
    return room_as(connection, owner.id, id)


def _leave(transaction: Transaction, *, account: Account, room: str) -> Room:
    there = lock_room(transaction, account.id, room)
    if there.seat is None or not there.seat.entered:
        raise NotEntered(conversation=labels.room(there.name))
    leave(transaction, there.seat)
    return room_as(transaction.connection, account.id, there.conversation_id)


def _resign(transaction: Transaction, *, account: Account, room: str) -> Room:
    """Give a seat up. An owner's room goes to whoever has been a member for longest; if nobody is left, it
    stays the owner's."""
    connection = transaction.connection
    there, seat = _lock_own(transaction, account.id, room)
    if seat.entered:
        leave(transaction, seat)
    memberships.give_up(connection, there.conversation_id, account.id)
    heir = memberships.eldest(connection, there.conversation_id)
    if there.owner_id == account.id and heir is not None:
        rooms.set_owner(connection, there.conversation_id, heir.account_id)
    return room_as(connection, account.id, there.conversation_id)


def _lock_own(transaction: Transaction, account_id: int, room: str) -> tuple[Room, Seat]:
    """A room, locked, and the account's seat in it. Raises ``UnknownRoom``, ``NotAMember``."""
    there = lock_room(transaction, account_id, room)
    if there.seat is None:
        raise NotAMember(room=labels.room(there.name))
    return there, there.seat


def _members(connection: Connection, *, account_id: int, room: str) -> tuple[list[Seat], set[int]]:
    """The seats of a room, and who of all accounts is offline for the one who asks."""
    target = rights.readable(connection, account_id, labels.room(room))
    return memberships.roster(connection, target.id), rights.hidden_from(connection, account_id)
