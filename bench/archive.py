"""A room with very many messages, written to the database without a server.

The texts are random words. Every tenth message has a common word, and one in a hundred thousand has a rare
one, in English and in Chinese. Alice is a member of the room.
"""

import random
from collections.abc import Iterator
from contextlib import contextmanager

import bcrypt
from sqlalchemy import Connection, Engine, insert, select, update

from bench.dialects import PASSWORD
from chatroom.db.engine import begin_write, open_engine
from chatroom.db.migrate import upgrade_schema
from chatroom.db.schema import accounts, conversations, indexed, memberships, messages, rooms
from chatroom.db.search import search_index

ROOM = ALICE = 1
NAME, USERNAME = "archive", "Alice"
CHUNK = 5000
VOCABULARY = [f"word{number}" for number in range(20_000)]
COMMON, RARE, RARE_CHINESE = "tea", "zanzibar", "蓝莓味的茶"
RARE_EVERY = 100_000


@contextmanager
def opened(url: str) -> Iterator[Engine]:
    """Open a database and create the room if it is missing."""
    engine = open_engine(url)
    try:
        upgrade_schema(engine)
        with begin_write(engine) as connection:
            if connection.scalar(select(conversations.c.head).where(conversations.c.id == ROOM)) is None:
                _furnish(connection)
        yield engine
    finally:
        engine.dispose()


def fill(engine: Engine, upto: int, *, after: int = 0) -> None:
    """Insert the messages after seq ``after`` up to seq ``upto``."""
    mark = "?" if engine.dialect.name == "sqlite" else "%s"
    names = ", ".join(column.name for column in messages.columns)
    values = ", ".join([mark] * len(messages.columns))
    for first in range(after + 1, upto + 1, CHUNK):
        with begin_write(engine) as connection:
            rows = [_message(seq) for seq in range(first, min(first + CHUNK, upto + 1))]
            connection.exec_driver_sql(f"INSERT INTO messages ({names}) VALUES ({values})", rows)
    with begin_write(engine) as connection:
        is_room = conversations.c.id == ROOM
        connection.execute(update(conversations).where(is_room).values(head=upto, spoken=upto))


def index(engine: Engine) -> None:
    """Index all messages for search, as the server does in the background."""
    while True:
        with engine.connect() as connection:
            slice = search_index.read_slice(connection, CHUNK)
        if slice is None:
            return
        with begin_write(engine) as connection:
            search_index.store_slice(connection, slice)


def leave_unindexed(engine: Engine, upto: int) -> None:
    """Mark all messages as indexed, so that no server indexes them during a measurement."""
    with begin_write(engine) as connection:
        connection.execute(indexed.delete())
        connection.execute(insert(indexed).values(conversation_id=ROOM, seq=upto))


def _furnish(connection: Connection) -> None:
    name = {"username": USERNAME, "username_key": b"alice", "username_skeleton": b"alice"}
    password = bcrypt.hashpw(PASSWORD.encode(), bcrypt.gensalt(4)).decode()
    connection.execute(insert(accounts).values(id=ALICE, **name, password_hash=password, registered_at=0))
    connection.execute(insert(conversations).values(id=ROOM, kind="room"))
    words = {"name": NAME, "name_key": NAME.encode(), "name_skeleton": NAME.encode()}
    connection.execute(
        insert(rooms).values(
            conversation_id=ROOM, **words, capacity=9, members=1, owner_id=ALICE, created_at=0
        )
    )
    connection.execute(
        insert(memberships).values(conversation_id=ROOM, account_id=ALICE, nickname="ALICE", joined_at=0)
    )


def _message(seq: int) -> tuple[int | str | None, ...]:
    """Return a value for each column of the table."""
    return ROOM, seq, ALICE, "text", "ALICE", _text(seq), None, f"cid-{seq:012}", seq * 1000, seq


def _text(seq: int) -> str:
    words = random.choices(VOCABULARY, k=6)
    if seq % 10 == 0:
        words.append(COMMON)
    if seq % RARE_EVERY == 1:
        words += [RARE, RARE_CHINESE]
    return " ".join(words)
