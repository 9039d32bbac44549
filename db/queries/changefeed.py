"""What a server process has changed, for the other processes on the same database to look at.

MySQL has no LISTEN and NOTIFY, so each process numbers its transactions and notes with each what it has
touched; the others ask now and then for what is behind the last number that they know. A process writes in
one transaction after the other, so of its numbers none becomes visible before a smaller one, as it would with
an AUTO_INCREMENT that all of them shared.

All of it is only a hint where to look: who looks finds in the other tables what is true. The counterpart is
``writer``, which publishes, where there is anybody to read it.
"""

from collections.abc import Iterable, Mapping

import msgspec
from chatroom.db.records import RoomRecord, SeatKey
from chatroom.db.schema import news
from msgspec import Struct
from sqlalchemy import Connection, and_, delete, func, insert, or_, select


class ClosedRoom(Struct, frozen=True):
    """A room that there is no more, and who has closed it, if that was no administrator."""

    conversation_id: int
    name: str
    owner_id: int
    private: bool
    by: str | None


class ChangeSet(Struct):
    """The changes of one or more transactions: conversations with ``appended`` messages, conversations of
    which anything may have ``changed``, accounts that connected, disconnected or changed, rooms that were
    ``closed``, and seats whose accounts have ``read`` further. With ``everything`` set, the reader compares
    all of it with the database.
    """

    appended: set[int] = msgspec.field(default_factory=set, name="said")
    changed: set[int] = msgspec.field(default_factory=set)
    accounts: set[int] = msgspec.field(default_factory=set)
    closed: list[ClosedRoom] = msgspec.field(default_factory=list)
    read: set[SeatKey] = msgspec.field(default_factory=set)
    everything: bool = False

    def __bool__(self) -> bool:
        return bool(
            self.appended or self.changed or self.accounts or self.closed or self.read or self.everything
        )

    def add(self, other: "ChangeSet") -> None:
        """What happened later."""
        self.appended |= other.appended
        self.changed |= other.changed
        self.accounts |= other.accounts
        self.closed += other.closed
        self.read |= other.read
        self.everything = self.everything or other.everything

    def copy(self) -> "ChangeSet":
        copied = ChangeSet()
        copied.add(self)
        return copied


def closed_room(room: RoomRecord, by: str | None) -> ClosedRoom:
    return ClosedRoom(room.conversation_id, room.name, room.owner_id, room.private, by)


def publish_changes(connection: Connection, server_id: bytes, number: int, changes: ChangeSet) -> None:
    """Note what a transaction of this process has touched. Each number MUST be larger than the last."""
    body = _encode(changes).decode()
    connection.execute(insert(news).values(server_id=server_id, number=number, body=body))


def newest_numbers(connection: Connection, server_ids: Iterable[bytes]) -> dict[bytes, int]:
    """The last number of each of these processes; 0 where it has none."""
    query = select(news.c.server_id, func.max(news.c.number).label("newest")).group_by(news.c.server_id)
    found = connection.execute(query.where(news.c.server_id.in_(server_ids)))
    known = {row.server_id: row.newest for row in found}
    return {server_id: known.get(server_id, 0) for server_id in server_ids}


def changes_since(connection: Connection, numbers: Mapping[bytes, int]) -> tuple[dict[bytes, int], ChangeSet]:
    """What processes have touched behind these numbers of theirs, and the numbers with which to go on."""
    numbers, found = dict(numbers), ChangeSet()
    behind = [and_(news.c.server_id == id, news.c.number > number) for id, number in numbers.items()]
    query = select(news.c.server_id, news.c.number, news.c.body).where(or_(*behind))
    for server_id, number, body in connection.execute(query.order_by(news.c.server_id, news.c.number)):
        found.add(_decode(body))
        numbers[server_id] = number
    return numbers, found


def delete_changes(connection: Connection, server_id: bytes, upto: int | None = None) -> None:
    """Nobody needs any more what this process told, up to a number or at all."""
    chosen = delete(news).where(news.c.server_id == server_id)
    connection.execute(chosen if upto is None else chosen.where(news.c.number <= upto))


_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder(ChangeSet).decode
