"""Rooms: a conversation with a name and a number of seats. Who holds the seats is in ``memberships``."""

from collections.abc import Collection
from typing import Any

from sqlalchemy import Connection, Select, and_, insert, select

from db import messages
from db.errors import taken_if_duplicate
from db.records import Room, Seat
from db.schema import accounts, conversations, memberships, rooms
from db.seats import COLUMNS, AnyRow, holder, seats

_owner = accounts.alias("owner")

_ROOM = (
    rooms.c.conversation_id,
    rooms.c.name,
    rooms.c.capacity,
    rooms.c.members,
    _owner.c.username.label("owner"),
    conversations.c.head,
    conversations.c.roster,
)


def find(connection: Connection, key: bytes) -> Room | None:
    """The room of that name, as nobody in particular sees it."""
    query = _join(select(*_ROOM)).where(rooms.c.name_key == key)
    found = connection.execute(query).one_or_none()
    return None if found is None else _room(found, None)


def find_look_alike(connection: Connection, skeleton: bytes) -> Room | None:
    """The room whose name looks like this one."""
    query = _join(select(*_ROOM)).where(rooms.c.name_skeleton == skeleton)
    found = connection.execute(query).one_or_none()
    return None if found is None else _room(found, None)


def find_locked(connection: Connection, key: bytes, account_id: int) -> Room | None:
    """The room of that name and the account's seat in it, which nobody else changes until COMMIT."""
    query = select(rooms.c.conversation_id).where(rooms.c.name_key == key)
    conversation_id = connection.execute(query).scalar_one_or_none()
    if conversation_id is None:
        return None
    messages.lock(connection, [conversation_id])
    return listing(connection, account_id, [conversation_id])[0]  # read behind the lock, so it is as of now


def add(
    connection: Connection, *, name: str, key: bytes, skeleton: bytes, capacity: int, owner_id: int, now: int
) -> int:
    """The new conversation's id. Raises ``Taken`` when a room has the name, or one that looks like it."""
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
    }
    with taken_if_duplicate():
        connection.execute(insert(rooms).values(values))
    return conversation_id


def listing(
    connection: Connection,
    account_id: int,
    conversation_ids: Collection[int] | None = None,
    only_member: bool = False,
) -> list[Room]:
    """Rooms by name with the account's seat in each: all, or those asked for, or those it is a member of."""
    own_seat = and_(
        memberships.c.conversation_id == rooms.c.conversation_id, memberships.c.account_id == account_id
    )
    query = _join(select(*_ROOM, *COLUMNS)).join(memberships, own_seat, isouter=not only_member)
    query = query.join(holder, holder.c.id == memberships.c.account_id, isouter=not only_member)
    if conversation_ids is not None:
        query = query.where(rooms.c.conversation_id.in_(conversation_ids))
    rows = connection.execute(query.order_by(rooms.c.name_key)).all()
    mine = seats(connection, rows)
    return [_room(row, mine.get(row.conversation_id)) for row in rows]


def _join(query: Select[*tuple[Any, ...]]) -> Select[*tuple[Any, ...]]:
    query = query.join_from(rooms, conversations, conversations.c.id == rooms.c.conversation_id)
    return query.join(_owner, _owner.c.id == rooms.c.owner_id)


def _room(row: AnyRow, seat: Seat | None) -> Room:
    return Room(
        conversation_id=row.conversation_id,
        name=row.name,
        capacity=row.capacity,
        members=row.members,
        owner=row.owner,
        head=row.head,
        roster=row.roster,
        seat=seat,
    )
