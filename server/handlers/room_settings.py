"""What a room is like: its details, and the settings that its owner changes."""

from dataclasses import dataclass
from functools import partial

from sqlalchemy import Connection

from chatroom.db.errors import AlreadyExists
from chatroom.db.queries import memberships, rooms
from chatroom.db.reader import DatabaseReader
from chatroom.db.records import RoomRecord
from chatroom.db.writer.transaction import WriteTransaction
from chatroom.protocol import labels, names, requests, responses
from chatroom.protocol.errors import CapacityTooSmall, RoomExists, TooManyNames
from chatroom.protocol.frame import UNSET, UnsetType
from chatroom.protocol.values import DAY, format_time
from chatroom.server.auth import permissions
from chatroom.server.auth.passwords import PasswordHasher
from chatroom.server.auth.validation import check_capacity, check_password, check_room
from chatroom.server.config.settings import ServerConfig
from chatroom.server.domain.request_checks import speaker_account
from chatroom.server.domain.rooms import lock_own_room
from chatroom.server.results import CommitWork, ReadWork, Reply
from chatroom.server.state.directory import LiveAccount, LiveDirectory, Speaker
from chatroom.server.state.notifier import EventNotifier
from chatroom.server.state.serialize import room_value
from chatroom.server.state.system_messages import add_notice

MAX_FORMER_NAMES = 10
"""Former names that a room keeps, so that no one can reserve names without end."""

KEEP_FORMER_NAMES = 90 * DAY
"""Milliseconds for which a former name is kept in any case: longer than clients are usually offline."""

MAX_MODERATORS = 100
"""Moderators in the details of a room; ``list_members`` has all."""


@dataclass(frozen=True, slots=True)
class RoomDetailsRecord:
    """A room as an account sees it, when it was created, and its moderators."""

    room: RoomRecord
    created_at: int
    moderators: list[str]


@dataclass(frozen=True, slots=True)
class RoomName:
    """A name, the key of its spellings, and that of its look-alikes."""

    name: str
    key: bytes
    skeleton: bytes


@dataclass(frozen=True, slots=True)
class RoomChanges:
    """The settings to change. A ``password_hash`` of ``None`` removes the password."""

    name: RoomName | UnsetType
    capacity: int | UnsetType
    private: bool | UnsetType
    password_hash: str | UnsetType | None
    retention: int | UnsetType


@dataclass(frozen=True, slots=True)
class ChangedRoom:
    """A room after a change. ``hidden``: others than its members do not see it any more."""

    room: RoomRecord
    hidden: bool


class RoomSettingsHandlers:
    def __init__(
        self,
        config: ServerConfig,
        reader: DatabaseReader,
        passwords: PasswordHasher,
        directory: LiveDirectory,
        notifier: EventNotifier,
    ) -> None:
        self._limits = config.limits
        self._password = config.password
        self._reader = reader
        self._passwords = passwords
        self._directory = directory
        self._notifier = notifier

    def show_room(self, speaker: Speaker, request: requests.ShowRoom) -> Reply:
        def then(details: RoomDetailsRecord) -> responses.Response:
            return responses.RoomDetails(
                id=request.id,
                room=room_value(details.room),
                created=format_time(details.created_at),
                moderators=details.moderators,
            )

        account = speaker_account(speaker)
        return ReadWork(partial(_read_details, account_id=account.id, room=request.room), then)

    async def set_room(self, speaker: Speaker, request: requests.SetRoom) -> Reply:
        account = speaker_account(speaker)
        await self._reader.run(_check_own, account.id, request.room)
        if request.capacity is not UNSET:
            check_capacity(request.capacity, self._limits)
        changes = RoomChanges(
            self._new_name(request.name),
            request.capacity,
            request.private,
            await self._hash_password(request.password, speaker),
            request.retention,
        )

        def then(changed: ChangedRoom) -> responses.Response:
            self._directory.update_name(changed.room)
            self._notifier.room_changed(changed.room)
            if changed.hidden:
                self._notifier.room_hidden(changed.room)
            return responses.Room(id=request.id, room=room_value(changed.room))

        work = partial(_change_room, account=account, name=request.room, changes=changes)
        return CommitWork(work, then)

    def _new_name(self, name: str | UnsetType) -> RoomName | UnsetType:
        if name is UNSET:
            return UNSET
        name = labels.room_name(name)
        check_room(name, self._limits)
        return RoomName(name, names.name_key(name), names.name_skeleton(name))

    async def _hash_password(self, password: str | UnsetType, speaker: Speaker) -> str | UnsetType | None:
        if password is UNSET:
            return UNSET
        if not password:
            return None
        check_password(password, self._password)
        return await self._passwords.hash_password(password, speaker)


def _read_details(connection: Connection, *, account_id: int, room: str) -> RoomDetailsRecord:
    record = permissions.find_room(connection, account_id, room)
    id = record.conversation_id
    return RoomDetailsRecord(
        record,
        rooms.creation_time(connection, id),
        memberships.moderator_usernames(connection, id, MAX_MODERATORS),
    )


def _check_own(connection: Connection, account_id: int, room: str) -> None:
    """Check who asks before a password is hashed. Raises ``UnknownRoom``, ``NotOwner``."""
    permissions.check_owner(account_id, permissions.find_room(connection, account_id, room))


# In the transaction


def _change_room(
    transaction: WriteTransaction, *, account: LiveAccount, name: str, changes: RoomChanges
) -> ChangedRoom:
    connection = transaction.connection
    before = lock_own_room(transaction, account.id, name)
    id = before.conversation_id
    if changes.capacity is not UNSET:
        if changes.capacity < before.members:
            raise CapacityTooSmall(room=labels.room_label(before.name), members=before.members)
        rooms.set_capacity(connection, id, changes.capacity)
    if changes.private is not UNSET:
        rooms.set_private(connection, id, changes.private)
    if changes.password_hash is not UNSET:
        rooms.set_password(connection, id, changes.password_hash)
    if changes.retention is not UNSET:
        rooms.set_retention(connection, id, changes.retention)
    if changes.name is not UNSET and changes.name.name != before.name:
        _rename_room(transaction, account, before, changes.name)
    changed = ChangedRoom(
        rooms.read_room(connection, account.id, id), hidden=changes.private is True and not before.private
    )
    if changed.hidden:
        transaction.changes.hidden.add(id)
    return changed


def _rename_room(
    transaction: WriteTransaction, account: LiveAccount, room: RoomRecord, new_name: RoomName
) -> None:
    """Rename a locked room, with a notice. Raises ``RoomExists``, ``TooManyNames``."""
    connection, id = transaction.connection, room.conversation_id
    try:
        rooms.rename_room(
            connection,
            id,
            name=new_name.name,
            key=new_name.key,
            skeleton=new_name.skeleton,
            now=transaction.now,
        )
    except AlreadyExists:
        raise RoomExists(room=labels.room_label(new_name.name)) from None
    freed = rooms.former_name_times(connection, id)[:-MAX_FORMER_NAMES]
    if freed and freed[-1] > transaction.now - KEEP_FORMER_NAMES:
        raise TooManyNames(room=labels.room_label(room.name), limit=MAX_FORMER_NAMES)
    if freed:
        rooms.delete_former_names(connection, id, freed[-1])
    add_notice(transaction, room, account, "rename", labels.room_label(new_name.name))
