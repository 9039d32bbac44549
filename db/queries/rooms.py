"""Rooms: conversations with a name and a limited number of seats.

``memberships`` has the seats, ``bans_and_invites`` the bans and invitations.
"""

from collections.abc import Collection, Sequence
from typing import Any

from sqlalchemy import (
    BindParameter,
    Connection,
    Select,
    and_,
    bindparam,
    delete,
    false,
    func,
    insert,
    select,
    update,
)

from chatroom.db.errors import duplicates_as_already_exists
from chatroom.db.prepared import PreparedSelect
from chatroom.db.queries.memberships import increment_roster
from chatroom.db.queries.unread import SEAT_COLUMNS, AnyRow, holder, seats_from_rows
from chatroom.db.records import RoomRecord, SeatRecord
from chatroom.db.schema import accounts, bans, conversations, invitations, memberships, passes, rooms

_owner = accounts.alias("owner")

_ROOM = (
    rooms.c.conversation_id,
    rooms.c.name,
    rooms.c.capacity,
    rooms.c.members,
    rooms.c.owner_id,
    _owner.c.username.label("owner"),
    rooms.c.topic,
    rooms.c.private,
    rooms.c.password_hash,
    conversations.c.head,
    conversations.c.roster,
    conversations.c.first_seq,
    rooms.c.retention_days,
)
_INVITED = invitations.c.account_id.is_not(None).label("invited")
_NOT_INVITED = false().label("invited")


_ID_BY_KEY = PreparedSelect(select(rooms.c.conversation_id).where(rooms.c.name_key == bindparam("key")))


def find_room(connection: Connection, key: bytes) -> RoomRecord | None:
    """The room with this name, without the seat of any account."""
    query = _with_conversation(select(*_ROOM, _NOT_INVITED)).where(rooms.c.name_key == key)
    row = connection.execute(query).one_or_none()
    return None if row is None else _room_record(row, None)


def find_look_alike(connection: Connection, skeleton: bytes) -> RoomRecord | None:
    """The room whose name looks like this one."""
    query = _with_conversation(select(*_ROOM, _NOT_INVITED)).where(rooms.c.name_skeleton == skeleton)
    row = connection.execute(query).one_or_none()
    return None if row is None else _room_record(row, None)


def find_room_as(connection: Connection, key: bytes, account_id: int) -> RoomRecord | None:
    """The room with this name, with the account's seat in it."""
    rows = _ROOM_BY_KEY.rows(connection, account_id=account_id, key=key)
    return next(iter(_room_records(connection, rows)), None)


def room_id(connection: Connection, key: bytes) -> int | None:
    """The conversation of the room with this name."""
    row = _ID_BY_KEY.row(connection, key=key)
    return None if row is None else row.conversation_id


def find_member_room(connection: Connection, key: bytes, account_id: int) -> tuple[int, str] | None:
    """Id and name of the room with this name if the account has a seat in it. It counts nothing and so is
    fast.
    """
    row, seat = rooms.c, memberships.c
    query = select(row.conversation_id, row.name).where(row.name_key == key, seat.account_id == account_id)
    query = query.join(memberships, seat.conversation_id == row.conversation_id)
    room = connection.execute(query).one_or_none()
    return None if room is None else (room.conversation_id, room.name)


def add_room(
    connection: Connection,
    *,
    name: str,
    key: bytes,
    skeleton: bytes,
    capacity: int,
    owner_id: int,
    now: int,
    private: bool = False,
    password_hash: str | None = None,
) -> int:
    """Return the new conversation's id. Raises ``AlreadyExists`` if the name, or one that looks like it,
    exists.
    """
    added = connection.execute(insert(conversations).values(kind="room", last_at=now))
    conversation_id = added.lastrowid
    values: dict[str, Any] = {
        "conversation_id": conversation_id,
        "name": name,
        "name_key": key,
        "name_skeleton": skeleton,
        "capacity": capacity,
        "owner_id": owner_id,
        "created_at": now,
        "private": private,
        "password_hash": password_hash,
    }
    with duplicates_as_already_exists():
        connection.execute(insert(rooms).values(values))
    return conversation_id


def list_all_rooms(connection: Connection) -> list[RoomRecord]:
    """All rooms by name, without the seats of any account."""
    rows = connection.execute(_with_conversation(select(*_ROOM, _NOT_INVITED)).order_by(rooms.c.name_key))
    return [_room_record(row, None) for row in rows]


def list_rooms(
    connection: Connection,
    account_id: int,
    conversation_ids: Collection[int] | None = None,
    only_member: bool = False,
    *,
    after: bytes = b"",
    limit: int | None = None,
) -> list[RoomRecord]:
    """Rooms by name, each with the account's seat: all, those in ``conversation_ids``, or those of which it
    is a member. ``after`` is the key of a name; ``limit`` is the maximum number.
    """
    if only_member and conversation_ids is None and limit is None:
        return _room_records(connection, _OWN_ROOMS.rows(connection, account_id=account_id))
    query = _select_rooms(only_member).limit(limit)
    if conversation_ids is not None:
        query = query.where(rooms.c.conversation_id.in_(conversation_ids))
    if after:
        query = query.where(rooms.c.name_key > after)
    return _room_records(connection, connection.execute(query, {"account_id": account_id}).all())


def read_room(connection: Connection, account_id: int, conversation_id: int) -> RoomRecord:
    """An existing room with the account's seat in it."""
    rows = _ROOM_BY_ID.rows(connection, account_id=account_id, conversation_id=conversation_id)
    [room] = _room_records(connection, rows)
    return room


def _room_records(connection: Connection, rows: Sequence[AnyRow]) -> list[RoomRecord]:
    seats = seats_from_rows(connection, rows)
    return [_room_record(row, seats.get(row.conversation_id)) for row in rows]


def _select_rooms(only_member: bool) -> Select[*tuple[Any, ...]]:
    row = rooms.c
    me: BindParameter[int] = bindparam("account_id")
    own_seat = and_(memberships.c.conversation_id == row.conversation_id, memberships.c.account_id == me)
    own_invitation = and_(
        invitations.c.conversation_id == row.conversation_id, invitations.c.account_id == me
    )
    query = _with_conversation(select(*_ROOM, _INVITED, *SEAT_COLUMNS)).join(
        invitations, own_invitation, isouter=True
    )
    query = query.join(memberships, own_seat, isouter=not only_member)
    query = query.join(holder, holder.c.id == memberships.c.account_id, isouter=not only_member)
    return query.order_by(row.name_key)


def count_owned(connection: Connection, owner_id: int) -> int:
    """The number of rooms that an account owns."""
    return connection.execute(select(func.count()).where(rooms.c.owner_id == owner_id)).scalar_one()


def some_owned_rooms(connection: Connection, owner_id: int, limit: int) -> list[int]:
    """The ids of at most ``limit`` rooms that an account owns."""
    query = select(rooms.c.conversation_id).where(rooms.c.owner_id == owner_id)
    return list(connection.scalars(query.order_by(rooms.c.conversation_id).limit(limit)))


def last_conversation_id(connection: Connection) -> int:
    """The largest id of a conversation; 0 if there is none."""
    return connection.execute(select(func.max(conversations.c.id))).scalar_one() or 0


def set_topic(connection: Connection, conversation_id: int, topic: str) -> None:
    _update_room(connection, conversation_id, topic=topic or None)


def set_retention(connection: Connection, conversation_id: int, days: int) -> None:
    """Set the days for which a room keeps its messages; 0 for no limit of its own."""
    _update_room(connection, conversation_id, retention_days=days or None)


def set_owner(connection: Connection, conversation_id: int, owner_id: int) -> None:
    _update_room(connection, conversation_id, owner_id=owner_id)


def _update_room(connection: Connection, conversation_id: int, **values: Any) -> None:
    row = rooms.c
    connection.execute(update(rooms).where(row.conversation_id == conversation_id).values(values))


def remove_room(connection: Connection, conversation_id: int) -> None:
    """Remove a locked room and free its name. ``purge.purge_slice`` deletes its messages later.

    The conversation's row remains, so that a message to it is refused.
    """
    for table in (memberships, bans, invitations, passes, rooms):
        connection.execute(delete(table).where(table.c.conversation_id == conversation_id))
    increment_roster(connection, conversation_id)


def common_rooms(
    connection: Connection, account_id: int, other_id: int, limit: int | None = None
) -> list[str]:
    """The names of the rooms in which both accounts have a seat, sorted."""
    other_seat = memberships.alias()
    query = select(rooms.c.name).join(memberships, memberships.c.conversation_id == rooms.c.conversation_id)
    query = query.join(other_seat, other_seat.c.conversation_id == rooms.c.conversation_id)
    query = query.where(memberships.c.account_id == account_id, other_seat.c.account_id == other_id)
    return list(connection.scalars(query.order_by(rooms.c.name_key).limit(limit)))


def _with_conversation(query: Select[*tuple[Any, ...]]) -> Select[*tuple[Any, ...]]:
    query = query.join_from(rooms, conversations, conversations.c.id == rooms.c.conversation_id)
    return query.join(_owner, _owner.c.id == rooms.c.owner_id)


def _room_record(row: AnyRow, seat: SeatRecord | None) -> RoomRecord:
    return RoomRecord(
        conversation_id=row.conversation_id,
        name=row.name,
        capacity=row.capacity,
        members=row.members,
        owner_id=row.owner_id,
        owner=row.owner,
        topic=row.topic or "",
        private=row.private,
        password_hash=row.password_hash,
        head=row.head,
        roster=row.roster,
        invited=bool(row.invited),
        seat=seat,
        first=row.first_seq,
        retention_days=row.retention_days,
    )


_OWN_ROOMS = PreparedSelect(_select_rooms(True))
_ROOM_BY_ID = PreparedSelect(
    _select_rooms(False).where(rooms.c.conversation_id == bindparam("conversation_id"))
)
_ROOM_BY_KEY = PreparedSelect(_select_rooms(False).where(rooms.c.name_key == bindparam("key")))
