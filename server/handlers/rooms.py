"""Rooms: list, create, leave, resign, list members.

Entering a room is in ``room_entry``, the owner's requests in ``moderation``.
"""

from functools import partial
from operator import attrgetter

from sqlalchemy import Connection

from chatroom.db.errors import AlreadyExists
from chatroom.db.queries import memberships, rooms
from chatroom.db.reader import DatabaseReader
from chatroom.db.records import RoomRecord, SeatRecord
from chatroom.db.writer.transaction import WriteTransaction
from chatroom.protocol import labels, names, requests, responses, values
from chatroom.protocol.errors import NotAMember, NotEntered, RoomExists
from chatroom.protocol.frame import UNSET, UnsetType
from chatroom.protocol.wire import encode_frame
from chatroom.server.auth import permissions
from chatroom.server.auth.passwords import PasswordHasher
from chatroom.server.auth.validation import check_capacity, check_password, check_room
from chatroom.server.config.settings import ServerConfig
from chatroom.server.domain.names import is_name_taken
from chatroom.server.domain.pages import answer_size, fill_page, page_start
from chatroom.server.domain.request_checks import speaker_account
from chatroom.server.domain.rooms import lock_room, remove_seat
from chatroom.server.results import CommitWork, ReadPage, Reply
from chatroom.server.state.directory import LiveAccount, LiveDirectory, Speaker
from chatroom.server.state.disk_space import DiskSpace
from chatroom.server.state.notifier import EventNotifier
from chatroom.server.state.serialize import room_value
from chatroom.server.state.system_messages import leave_conversation


class RoomHandlers:
    def __init__(
        self,
        config: ServerConfig,
        reader: DatabaseReader,
        passwords: PasswordHasher,
        directory: LiveDirectory,
        notifier: EventNotifier,
        disk: DiskSpace,
    ) -> None:
        self._disk = disk
        self._limits = config.limits
        self._password = config.password
        self._reader = reader
        self._passwords = passwords
        self._directory = directory
        self._notifier = notifier

    def list_rooms(self, speaker: Speaker, request: requests.ListRooms) -> Reply:
        account_id, start = speaker_account(speaker).id, page_start(request)

        def work(connection: Connection) -> bytes:
            read = partial(rooms.list_rooms, connection, account_id, only_member=request.member is True)
            visible = (
                room_value(room)
                for room in start.read_entries(read, attrgetter("name"))
                if permissions.sees_room(account_id, room)
            )
            page, end = fill_page(visible, attrgetter("room"), start.limit, answer_size(self._limits))
            return encode_frame(responses.Rooms(id=request.id, rooms=page, more=end.more, cursor=end.cursor))

        return ReadPage(work)

    async def create_room(self, speaker: Speaker, request: requests.CreateRoom) -> Reply:
        account = speaker_account(speaker)
        self._disk.check_space()
        name = labels.room_name(request.room)
        if await self._reader.run(is_name_taken, name, rooms.find_room, rooms.find_look_alike):
            raise RoomExists(room=labels.room_label(name))
        check_room(name, self._limits)
        check_capacity(request.capacity, self._limits)
        password_hash = await self._hash_password(request.password, speaker)

        def then(room: RoomRecord) -> responses.Response:
            self._notifier.room_changed(room)
            return responses.Room(id=request.id, room=room_value(room))

        work = partial(
            _create_room,
            name=name,
            capacity=request.capacity,
            owner=account,
            room_limit=self._limits.rooms,
            private=request.private is True,
            password_hash=password_hash,
        )
        return CommitWork(work, then)

    async def _hash_password(self, password: str | UnsetType, speaker: Speaker) -> str | None:
        if password is UNSET:
            return None
        check_password(password, self._password)
        return await self._passwords.hash_password(password, speaker)

    def leave_room(self, speaker: Speaker, request: requests.LeaveRoom) -> Reply:
        account = speaker_account(speaker)

        def then(room: RoomRecord) -> responses.Response:
            self._directory.seat_in_room(account, room)
            self._notifier.own_room_changed(account, room, but=speaker)
            return responses.Ok(id=request.id)

        return CommitWork(partial(_leave_room, account=account, room=request.room), then)

    def resign_room(self, speaker: Speaker, request: requests.ResignRoom) -> Reply:
        account = speaker_account(speaker)

        def then(room: RoomRecord) -> responses.Response:
            self._directory.drop_seat(account, room.conversation_id)
            self._directory.set_roster(room.conversation_id, room.roster)
            self._notifier.room_removed(account, room.name, "resign", account.username, but=speaker)
            self._notifier.room_changed(room)
            return responses.Ok(id=request.id)

        return CommitWork(partial(_resign_room, account=account, room=request.room), then)

    def list_members(self, speaker: Speaker, request: requests.ListMembers) -> Reply:
        account_id, start = speaker_account(speaker).id, page_start(request)

        def work(connection: Connection) -> bytes:
            target = permissions.readable_conversation(
                connection, account_id, labels.room_label(request.room)
            )
            hidden = permissions.hidden_from(connection, account_id)
            owner_id = rooms.owner_id(connection, target.id)
            read = partial(memberships.list_roster, connection, target.id)
            members = (
                self._member_value(seat, hidden, owner_id)
                for seat in start.read_entries(read, attrgetter("username"))
            )
            page, end = fill_page(members, attrgetter("username"), start.limit, answer_size(self._limits))
            return encode_frame(
                responses.Members(id=request.id, members=page, more=end.more, cursor=end.cursor)
            )

        return ReadPage(work)

    def _member_value(self, seat: SeatRecord, hidden: set[int], owner_id: int | None) -> values.Member:
        online = seat.account_id not in hidden and self._directory.is_online(seat.account_id)
        return values.Member(
            username=seat.username,
            nickname=seat.nickname or "",
            entered=seat.entered,
            online=online,
            away=self._directory.away_text(seat.account_id) or UNSET if online else UNSET,
            role="owner" if seat.account_id == owner_id else "moderator" if seat.moderator else UNSET,
        )


# In the transaction


def _create_room(
    transaction: WriteTransaction,
    *,
    name: str,
    capacity: int,
    owner: LiveAccount,
    room_limit: int,
    private: bool,
    password_hash: str | None,
) -> RoomRecord:
    connection = transaction.connection
    permissions.check_may_own_more(connection, owner, room_limit)
    try:
        id = rooms.add_room(
            connection,
            name=name,
            key=names.name_key(name),
            skeleton=names.name_skeleton(name),
            capacity=capacity,
            owner_id=owner.id,
            now=transaction.now,
            private=private,
            password_hash=password_hash,
        )
    except AlreadyExists:
        raise RoomExists(room=labels.room_label(name)) from None
    transaction.lock_changing([id])
    return rooms.read_room(connection, owner.id, id)


def _leave_room(transaction: WriteTransaction, *, account: LiveAccount, room: str) -> RoomRecord:
    target = lock_room(transaction, account.id, room)
    if target.seat is None or not target.seat.entered:
        raise NotEntered(conversation=labels.room_label(target.name))
    leave_conversation(transaction, target.seat)
    return rooms.read_room(transaction.connection, account.id, target.conversation_id)


def _resign_room(transaction: WriteTransaction, *, account: LiveAccount, room: str) -> RoomRecord:
    """Give up a seat. If the owner resigns, the longest-standing member becomes the owner; without other
    members the room stays the owner's."""
    connection = transaction.connection
    target, seat = _lock_own(transaction, account.id, room)
    if seat.entered:
        leave_conversation(transaction, seat)
    remove_seat(transaction, seat)
    successor = memberships.oldest_seat(connection, target.conversation_id)
    if target.owner_id == account.id and successor is not None:
        rooms.set_owner(connection, target.conversation_id, successor.account_id)
    return rooms.read_room(connection, account.id, target.conversation_id)


def _lock_own(transaction: WriteTransaction, account_id: int, room: str) -> tuple[RoomRecord, SeatRecord]:
    """Lock a room; return it and the account's seat in it. Raises ``UnknownRoom``, ``NotAMember``."""
    target = lock_room(transaction, account_id, room)
    if target.seat is None:
        raise NotAMember(room=labels.room_label(target.name))
    return target, target.seat
