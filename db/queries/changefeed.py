"""The changes of each server process, published for the other processes on the same database.

MySQL has no LISTEN and NOTIFY. Each process numbers its transactions and stores with each one what it
changed; the others poll for numbers above the last one that they know. A process writes one transaction after
the other, so its numbers become visible in order. A shared AUTO_INCREMENT would not guarantee that.

A change is only a hint where to look; the other tables hold the current state. ``writer`` publishes changes
if the database is shared.
"""

from collections.abc import Iterable, Mapping
from typing import NamedTuple

import msgspec
from msgspec import Struct
from sqlalchemy import (
    ColumnElement,
    Connection,
    and_,
    delete,
    false,
    func,
    insert,
    literal,
    null,
    or_,
    select,
    union_all,
)

from chatroom.db.records import RoomRecord, SeatKey
from chatroom.db.schema import news, servers


class ClosedRoom(Struct, frozen=True):
    """A removed room; ``by`` is the user who removed it, ``None`` for an administrator."""

    conversation_id: int
    name: str
    owner_id: int
    private: bool
    by: str | None


class AdminAnnouncement(Struct, frozen=True):
    """A text for all connected users; ``id`` is unique, ``at`` in milliseconds since 1970."""

    id: str
    text: str
    at: int


class ChangeSet(Struct):
    """The changes of one or more transactions: conversations with ``appended`` messages, conversations of
    which anything may have ``changed``, accounts that connected, disconnected or changed, rooms that were
    ``closed``, ``changed`` rooms that became private and so ``hidden``, seats whose accounts have ``read``
    further, and conversations whose oldest messages were ``purged``. With ``everything`` set, the reader
    compares all of it with the database.
    """

    appended: set[int] = msgspec.field(default_factory=set, name="said")
    changed: set[int] = msgspec.field(default_factory=set)
    accounts: set[int] = msgspec.field(default_factory=set)
    closed: list[ClosedRoom] = msgspec.field(default_factory=list)
    hidden: set[int] = msgspec.field(default_factory=set)
    heads: dict[int, int] = msgspec.field(default_factory=dict)  # of ``appended`` conversations, if known
    announcements: list[AdminAnnouncement] = msgspec.field(default_factory=list)
    read: set[SeatKey] = msgspec.field(default_factory=set)
    purged: dict[int, int] = msgspec.field(default_factory=dict)  # the new first seq, by conversation
    everything: bool = False

    def __bool__(self) -> bool:
        return bool(self.appended) or not self.is_only_appended

    def add(self, other: "ChangeSet") -> None:
        """Add later changes."""
        self.appended |= other.appended
        self.changed |= other.changed
        self.accounts |= other.accounts
        self.closed += other.closed
        self.hidden |= other.hidden
        self.announcements += other.announcements
        for id, head in other.heads.items():
            self.heads[id] = max(head, self.heads.get(id, 0))
        self.read |= other.read
        self.purged |= other.purged
        self.everything = self.everything or other.everything

    @property
    def is_only_appended(self) -> bool:
        """Whether messages were appended and nothing else changed."""
        changed = self.changed or self.accounts or self.closed or self.read or self.purged
        return not (changed or self.announcements or self.everything)

    def copy(self) -> "ChangeSet":
        copied = ChangeSet()
        copied.add(self)
        return copied


def closed_room(room: RoomRecord, by: str | None) -> ClosedRoom:
    return ClosedRoom(room.conversation_id, room.name, room.owner_id, room.private, by)


def publish_changes(connection: Connection, server_id: bytes, number: int, changes: ChangeSet) -> None:
    """Store what a transaction of this process changed. Each number MUST be larger than the last."""
    body = _encode(changes).decode()
    connection.execute(insert(news).values(server_id=server_id, number=number, body=body))


class PublishedChange(NamedTuple):
    """The changes of one transaction of another process."""

    server_id: bytes
    number: int
    changes: ChangeSet


def newest_numbers(connection: Connection, server_ids: Iterable[bytes]) -> dict[bytes, int]:
    """The last number of each of these processes; 0 if it has none."""
    query = select(news.c.server_id, func.max(news.c.number).label("newest")).group_by(news.c.server_id)
    rows = connection.execute(query.where(news.c.server_id.in_(server_ids)))
    known = {row.server_id: row.newest for row in rows}
    return {server_id: known.get(server_id, 0) for server_id in server_ids}


def changes_since(
    connection: Connection,
    server_id: bytes,
    alive_since: int | ColumnElement[int],
    numbers: Mapping[bytes, int],
) -> tuple[set[bytes], list[PublishedChange]]:
    """The other processes that have sent a heartbeat since a time, and the changes of the known ones after
    these numbers, in order. It is one statement, since every process asks again and again.
    """
    living = select(servers.c.id, literal(0).label("number"), null().label("body"))
    living = living.where(servers.c.id != server_id, servers.c.seen_at >= alive_since)
    later = [and_(news.c.server_id == id, news.c.number > number) for id, number in numbers.items()]
    published = select(news.c.server_id, news.c.number, news.c.body).where(or_(false(), *later))
    others: set[bytes] = set()
    changes: list[PublishedChange] = []
    for id, number, body in connection.execute(union_all(living, published) if later else living):
        if body is None:
            others.add(id)
        else:
            changes.append(PublishedChange(id, number, _decode(body)))
    return others, sorted(changes, key=lambda change: change[:2])


def delete_changes(connection: Connection, server_id: bytes, upto: int | None = None) -> None:
    """Delete the changes of a process, up to a number or all."""
    deletion = delete(news).where(news.c.server_id == server_id)
    connection.execute(deletion if upto is None else deletion.where(news.c.number <= upto))


_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder(ChangeSet).decode
