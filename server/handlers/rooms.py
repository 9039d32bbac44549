"""Rooms: made, entered, left, given up; and who holds their seats."""

from dataclasses import dataclass
from functools import partial

from sqlalchemy import Connection

from db import memberships, messages, revisions, rooms
from db.errors import Taken
from db.records import Room, Seat, Stored
from db.writer import Transaction
from protocol import names, requests, responses, values
from protocol.errors import BadCapacity, BadRoom, NotAMember, NotEntered, RoomExists, RoomFull
from server import rights
from server.announcer import Announcer
from server.config import Limits
from server.handlers.common import account_of, check_nickname, page_values
from server.live import Account, Directory, Speaker, room_value
from server.notices import enter, leave
from server.replies import Commit, Query, Reply


@dataclass(frozen=True, slots=True)
class Entry:
    """What entering gave: the room with my seat, the names of its members, and the newest page."""

    room: Room
    members: list[str]
    page: list[Stored]
    first: bool  # a seat was taken


class Rooms:
    def __init__(self, limits: Limits, directory: Directory, announcer: Announcer) -> None:
        self._limits = limits
        self._directory = directory
        self._announcer = announcer

    def list_rooms(self, speaker: Speaker, request: requests.ListRooms) -> Reply:
        account = account_of(speaker)

        def then(found: list[Room]) -> responses.Response:
            return responses.Rooms(id=request.id, rooms=[room_value(room) for room in found])

        return Query(partial(rooms.listing, account_id=account.id), then)

    def create_room(self, speaker: Speaker, request: requests.CreateRoom) -> Reply:
        account = account_of(speaker)
        name = request.room.removeprefix("#")
        if not names.is_name(name, self._limits.room_min, self._limits.room_max):
            raise BadRoom(least=self._limits.room_min, most=self._limits.room_max)
        if not 1 <= request.capacity <= self._limits.capacity:
            raise BadCapacity(least=1, most=self._limits.capacity)

        def then(room: Room) -> responses.Response:
            self._announcer.room_changed(room)
            return responses.Room(id=request.id, room=room_value(room))

        return Commit(partial(_create, name=name, capacity=request.capacity, owner_id=account.id), then)

    def enter_room(self, speaker: Speaker, request: requests.EnterRoom) -> Reply:
        account = account_of(speaker)
        check_nickname(request.nickname, self._limits)

        def then(entry: Entry) -> responses.Response:
            self._directory.seat_in_room(account, entry.room)
            if entry.first:
                self._announcer.room_changed(entry.room)
            else:
                self._announcer.own_room_changed(account, entry.room, but=speaker)
            label = f"#{entry.room.name}"
            return responses.Entered(
                id=request.id,
                room=room_value(entry.room),
                members=entry.members,
                messages=page_values(entry.page, label, account.id),
            )

        work = partial(
            _enter, account=account, room=request.room, nickname=request.nickname, page=self._limits.page
        )
        return Commit(work, then)

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
            self._announcer.room_changed(room)
            return responses.Ok(id=request.id)

        return Commit(partial(_resign, account=account, room=request.room), then)

    def list_members(self, speaker: Speaker, request: requests.ListMembers) -> Reply:
        account = account_of(speaker)

        def then(seats: list[Seat]) -> responses.Response:
            return responses.Members(id=request.id, members=[self._member(seat) for seat in seats])

        return Query(partial(_members, account_id=account.id, room=request.room), then)

    def _member(self, seat: Seat) -> values.Member:
        return values.Member(
            username=seat.username,
            nickname=seat.nickname or "",
            entered=seat.entered,
            online=self._directory.is_online(seat.account_id),
        )


# In the transaction


def _create(transaction: Transaction, *, name: str, capacity: int, owner_id: int) -> Room:
    connection = transaction.connection
    try:
        rooms.add(
            connection,
            name=name,
            key=names.key(name),
            skeleton=names.skeleton(name),
            capacity=capacity,
            owner_id=owner_id,
            now=transaction.now,
        )
    except Taken:
        raise RoomExists(room=f"#{name}") from None
    return rights.find_room(connection, name)


def _enter(transaction: Transaction, *, account: Account, room: str, nickname: str, page: int) -> Entry:
    connection = transaction.connection
    id, seat = _lock(transaction, account.id, room)
    if first := seat is None:
        seat = _take_seat(transaction, id, account.id)
    enter(transaction, seat, account, nickname)
    newest, _ = messages.page(connection, id, limit=page)
    members = [seat.username for seat in memberships.roster(connection, id)]
    return Entry(_seated(connection, account.id, id), members, revisions.latest(connection, newest), first)


def _take_seat(transaction: Transaction, id: int, account_id: int) -> Seat:
    """Take a seat of a room that is locked, so that nobody counts the same free seat twice."""
    [room] = rooms.listing(transaction.connection, account_id, [id])
    if room.members >= room.capacity:
        raise RoomFull(room=f"#{room.name}", members=room.members, capacity=room.capacity)
    memberships.take(
        transaction.connection,
        conversation_id=id,
        account_id=account_id,
        nickname=None,
        joined_seq=room.head,
        now=transaction.now,
    )
    seat = memberships.seat(transaction.connection, id, account_id)
    assert seat is not None
    return seat


def _leave(transaction: Transaction, *, account: Account, room: str) -> Room:
    id, seat = _lock(transaction, account.id, room)
    if seat is None:
        raise NotAMember(room=_label(room))
    if not seat.entered:
        raise NotEntered(conversation=_label(room))
    leave(transaction, seat)
    return _seated(transaction.connection, account.id, id)


def _resign(transaction: Transaction, *, account: Account, room: str) -> Room:
    id, seat = _lock(transaction, account.id, room)
    if seat is None:
        raise NotAMember(room=_label(room))
    if seat.entered:
        leave(transaction, seat)
    memberships.give_up(transaction.connection, id, account.id)
    return rights.find_room(transaction.connection, room)


def _lock(transaction: Transaction, account_id: int, room: str) -> tuple[int, Seat | None]:
    """Lock a room; its id and this account's seat in it, if it has one."""
    id = rights.find_room(transaction.connection, room).conversation_id
    transaction.lock([id])
    return id, memberships.seat(transaction.connection, id, account_id)


def _seated(connection: Connection, account_id: int, conversation_id: int) -> Room:
    [room] = rooms.listing(connection, account_id, [conversation_id])
    return room


def _members(connection: Connection, *, account_id: int, room: str) -> list[Seat]:
    return memberships.roster(connection, rights.readable(connection, account_id, _label(room)).id)


def _label(room: str) -> str:
    return f"#{room.removeprefix('#')}"
