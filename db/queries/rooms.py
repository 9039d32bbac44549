"""Rooms: conversations with a name and a limited number of seats.

``memberships`` has the seats, ``bans_and_invites`` the bans and invitations. A room that was renamed is found
by its former names too, and no other room may take these while it exists.
"""

from collections.abc import Collection, Sequence
from typing import Any, NamedTuple

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
    or_,
    select,
    update,
)

from chatroom.db.errors import AlreadyExists, duplicates_as_already_exists
from chatroom.db.prepared import PreparedSelect
from chatroom.db.queries.memberships import increment_roster, set_moderator
from chatroom.db.queries.unread import SEAT_COLUMNS, AnyRow, holder, seats_from_rows
from chatroom.db.records import RoomRecord, SeatRecord
from chatroom.db.schema import (
    accounts,
    bans,
    conversations,
    former_room_names,
    invitations,
    memberships,
    passes,
    rooms,
)

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


class CommonRoom(NamedTuple):
    """A room of two accounts: whether the other one owns or moderates it."""

    name: str
    owned: bool
    moderated: bool


_ID_BY_KEY = PreparedSelect(select(rooms.c.conversation_id).where(rooms.c.name_key == bindparam("key")))
_ID_BY_FORMER_KEY = PreparedSelect(
    select(former_room_names.c.conversation_id).where(former_room_names.c.name_key == bindparam("key"))
)


def find_room(connection: Connection, key: bytes) -> RoomRecord | None:
    """The room that has this name, or had it, without the seat of any account."""
    id = room_id(connection, key)
    return None if id is None else _find_by_id(connection, id)


def find_look_alike(connection: Connection, skeleton: bytes) -> RoomRecord | None:
    """The room that has or had a name that looks like this one."""
    former = former_room_names.c
    ids = select(rooms.c.conversation_id).where(rooms.c.name_skeleton == skeleton)
    former_ids = select(former.conversation_id).where(former.name_skeleton == skeleton)
    id = connection.execute(ids.union_all(former_ids).limit(1)).scalar_one_or_none()
    return None if id is None else _find_by_id(connection, id)


def _find_by_id(connection: Connection, conversation_id: int) -> RoomRecord | None:
    query = _with_conversation(select(*_ROOM, _NOT_INVITED))
    row = connection.execute(query.where(rooms.c.conversation_id == conversation_id)).one_or_none()
    return None if row is None else _room_record(row, None)


def find_room_as(connection: Connection, key: bytes, account_id: int) -> RoomRecord | None:
    """The room that has this name, or had it, with the account's seat in it."""
    rows = _ROOM_BY_KEY.rows(connection, account_id=account_id, key=key)
    if not rows and (former := _ID_BY_FORMER_KEY.row(connection, key=key)) is not None:
        rows = _ROOM_BY_ID.rows(connection, account_id=account_id, conversation_id=former.conversation_id)
    return next(iter(_room_records(connection, rows)), None)


def room_id(connection: Connection, key: bytes) -> int | None:
    """The conversation of the room that has this name, or had it."""
    row = _ID_BY_KEY.row(connection, key=key) or _ID_BY_FORMER_KEY.row(connection, key=key)
    return None if row is None else row.conversation_id


def find_member_room(connection: Connection, key: bytes, account_id: int) -> tuple[int, str] | None:
    """Id and name of the room that has this name, or had it, if the account has a seat in it. It counts
    nothing and so is fast.
    """
    row, seat = rooms.c, memberships.c
    query = select(row.conversation_id, row.name).where(seat.account_id == account_id)
    query = query.join(memberships, seat.conversation_id == row.conversation_id)
    room = connection.execute(query.where(row.name_key == key)).one_or_none()
    if room is None and (former := _ID_BY_FORMER_KEY.row(connection, key=key)) is not None:
        room = connection.execute(query.where(row.conversation_id == former.conversation_id)).one_or_none()
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
    """Return the new conversation's id. Raises ``AlreadyExists`` if a room has or had the name, or one that
    looks like it.
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
    _check_former_names(connection, conversation_id, key, skeleton)
    return conversation_id


def rename_room(
    connection: Connection, conversation_id: int, *, name: str, key: bytes, skeleton: bytes, now: int
) -> None:
    """Rename a locked room. Its former name still leads to it. Raises ``AlreadyExists``, as ``add_room``."""
    row, former = rooms.c, former_room_names.c
    query = select(row.name, row.name_key, row.name_skeleton).where(row.conversation_id == conversation_id)
    before = connection.execute(query).one()
    with duplicates_as_already_exists():
        _update_room(connection, conversation_id, name=name, name_key=key, name_skeleton=skeleton)
    _check_former_names(connection, conversation_id, key, skeleton)
    connection.execute(delete(former_room_names).where(former.name_key == key))
    if before.name_key != key:
        values = {"conversation_id": conversation_id, "renamed_at": now, **before._mapping}
        connection.execute(insert(former_room_names).values(values))


def _check_former_names(connection: Connection, conversation_id: int, key: bytes, skeleton: bytes) -> None:
    """Check that no other room had this name, or one that looks like it. Raises ``AlreadyExists``.

    It is called after the name was written to ``rooms``: there, a transaction that renames a room away from
    it holds the name until COMMIT, and then it is a former name.
    """
    former = former_room_names.c
    query = select(former.conversation_id).where(
        or_(former.name_key == key, former.name_skeleton == skeleton),
        former.conversation_id != conversation_id,
    )
    if connection.execute(query.limit(1)).one_or_none() is not None:
        raise AlreadyExists


def former_name_times(connection: Connection, conversation_id: int) -> list[int]:
    """When each of the former names of a room was given up, the oldest first."""
    former = former_room_names.c
    query = select(former.renamed_at).where(former.conversation_id == conversation_id)
    return list(connection.scalars(query.order_by(former.renamed_at)))


def delete_former_names(connection: Connection, conversation_id: int, upto: int) -> None:
    """Free the former names that a room gave up at this time or before it."""
    former = former_room_names.c
    is_old = and_(former.conversation_id == conversation_id, former.renamed_at <= upto)
    connection.execute(delete(former_room_names).where(is_old))


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


def creation_time(connection: Connection, conversation_id: int) -> int:
    """When a room was created."""
    query = select(rooms.c.created_at).where(rooms.c.conversation_id == conversation_id)
    created_at: int = connection.execute(query).scalar_one()
    return created_at


def set_capacity(connection: Connection, conversation_id: int, capacity: int) -> None:
    _update_room(connection, conversation_id, capacity=capacity)


def set_private(connection: Connection, conversation_id: int, private: bool) -> None:
    _update_room(connection, conversation_id, private=private)


def set_password(connection: Connection, conversation_id: int, password_hash: str | None) -> None:
    _update_room(connection, conversation_id, password_hash=password_hash)


def set_topic(connection: Connection, conversation_id: int, topic: str) -> None:
    _update_room(connection, conversation_id, topic=topic or None)


def set_retention(connection: Connection, conversation_id: int, days: int) -> None:
    """Set the days for which a room keeps its messages; 0 for no limit of its own."""
    _update_room(connection, conversation_id, retention_days=days or None)


def set_owner(connection: Connection, conversation_id: int, owner_id: int) -> None:
    """Make an account the owner of a room. It is no longer one of its moderators."""
    _update_room(connection, conversation_id, owner_id=owner_id)
    set_moderator(connection, conversation_id, owner_id, False)


def owner_id(connection: Connection, conversation_id: int) -> int | None:
    """The account that owns the room; ``None`` for a private chat or a removed room."""
    query = select(rooms.c.owner_id).where(rooms.c.conversation_id == conversation_id)
    return connection.execute(query).scalar_one_or_none()


def _update_room(connection: Connection, conversation_id: int, **values: Any) -> None:
    row = rooms.c
    connection.execute(update(rooms).where(row.conversation_id == conversation_id).values(values))


def remove_room(connection: Connection, conversation_id: int) -> None:
    """Remove a locked room and free its name. ``purge.purge_slice`` deletes its messages later.

    The conversation's row remains, so that a message to it is refused.
    """
    for table in (memberships, bans, invitations, passes, former_room_names, rooms):
        connection.execute(delete(table).where(table.c.conversation_id == conversation_id))
    increment_roster(connection, conversation_id)


def common_rooms(
    connection: Connection, account_id: int, other_id: int, limit: int | None = None
) -> list[CommonRoom]:
    """The rooms in which both accounts have a seat, by name."""
    other_seat = memberships.alias()
    query = select(rooms.c.name, rooms.c.owner_id == other_id, other_seat.c.moderator)
    query = query.join_from(rooms, memberships, memberships.c.conversation_id == rooms.c.conversation_id)
    query = query.join(other_seat, other_seat.c.conversation_id == rooms.c.conversation_id)
    query = query.where(memberships.c.account_id == account_id, other_seat.c.account_id == other_id)
    return [
        CommonRoom(name, bool(owned), moderated)
        for name, owned, moderated in connection.execute(query.order_by(rooms.c.name_key).limit(limit))
    ]


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
