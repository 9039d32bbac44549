"""Reading from a room of very many messages: its newest page, and search. In the database, without a server.

The floor of the newest page is the same rows by the bare driver. The texts are of words drawn at random, one
word in every tenth, and a rare one, English and Chinese, in one of a hundred thousand.
"""

import random
import sqlite3
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import pymysql
from sqlalchemy import Connection, Engine, insert

from bench.figures import Figure, share
from bench.hosts import installed, mariadb
from db import documents, messages, search
from db.engine import begin_write, open_engine
from db.migrate import upgrade
from db.schema import accounts, conversations, memberships, rooms
from db.schema import messages as kept
from db.terms import parse

PAGE = 50
CHUNK = 5000
ROOM = ALICE = 1
VOCABULARY = 20_000
RARE_EVERY = 100_000
QUERIES = {"a rare word": "zanzibar", "two Chinese characters": "蓝莓", "a common word": "tea"}

Ask = Callable[[], object]


def measure(count: int) -> Iterator[Figure]:
    """All of it, with so many messages in the room."""
    with tempfile.TemporaryDirectory(prefix="chat-bench-") as folder:
        file = Path(folder) / "bench.sqlite"
        yield from _figures("SQLite", f"sqlite:///{file}", count, _bare_sqlite(file))
    if installed("chatroom on MariaDB"):
        with mariadb() as server:
            url = server.url("reading")
            yield from _figures("MariaDB", url, count, _bare_mariadb(int(server.address.port or 0)))


def _figures(database: str, url: str, count: int, bare: Callable[[], Ask]) -> Iterator[Figure]:
    with _filled(url, count) as engine, engine.connect() as connection:
        floor = _milliseconds(bare())
        yield Figure("newest 50", f"floor: bare rows, {database}", floor, "ms", floor=True)
        newest = _milliseconds(lambda: messages.page(connection, ROOM, limit=PAGE))
        yield Figure("newest 50", f"chatroom on {database}", newest, "ms")
        for what, query in QUERIES.items():
            found = _milliseconds(partial(_find, connection, query), times=20)
            yield Figure(f"search: {what}", f"chatroom on {database}", found, "ms")


def _find(connection: Connection, words: str) -> object:
    query = parse(words)
    assert query is not None
    found, _ = search.search(connection, ALICE, query, limit=PAGE)
    assert found, f"nobody said {words}"
    return found


def _milliseconds(ask: Ask, times: int = 200) -> float:
    """How long it takes, as the median of many times, after a first one that fills the caches."""
    ask()
    took = []
    for _ in range(times):
        started = time.perf_counter()
        ask()
        took.append(time.perf_counter() - started)
    return share(took, 0.5) * 1e3


# The room


@contextmanager
def _filled(url: str, count: int) -> Iterator[Engine]:
    """A database with one room, which one account is a member of, and so many messages in it, all indexed."""
    engine = open_engine(url)
    try:
        upgrade(engine)
        with begin_write(engine) as connection:
            _furnish(connection, count)
        for first in range(1, count + 1, CHUNK):
            with begin_write(engine) as connection:
                seqs = range(first, min(first + CHUNK, count + 1))
                connection.execute(insert(kept), [_message(seq) for seq in seqs])
        _index(engine)
        yield engine
    finally:
        engine.dispose()


def _furnish(connection: Connection, count: int) -> None:
    name = {"username": "Alice", "username_key": b"alice", "username_skeleton": b"alice"}
    connection.execute(insert(accounts).values(id=ALICE, **name, password_hash="", registered_at=0))
    connection.execute(insert(conversations).values(id=ROOM, kind="room", head=count, spoken=count))
    words = {"name": "tea", "name_key": b"tea", "name_skeleton": b"tea"}
    connection.execute(
        insert(rooms).values(
            conversation_id=ROOM, **words, capacity=9, members=1, owner_id=ALICE, created_at=0
        )
    )
    connection.execute(
        insert(memberships).values(conversation_id=ROOM, account_id=ALICE, nickname="ALICE", joined_at=0)
    )


def _message(seq: int) -> dict[str, object]:
    return {
        "conversation_id": ROOM,
        "seq": seq,
        "account_id": ALICE,
        "kind": "text",
        "nickname": "ALICE",
        "text": _text(seq),
        "target": None,
        "cid": f"cid-{seq:012}",
        "sent_at": seq * 1000,
        "spoken": seq,
    }


def _text(seq: int) -> str:
    chance = random.Random(seq)
    words = [f"word{chance.randrange(VOCABULARY)}" for _ in range(6)]
    if seq % 10 == 0:
        words.append("tea")
    if seq % RARE_EVERY == 1:
        words.append("zanzibar 蓝莓味的茶")
    return " ".join(words)


def _index(engine: Engine) -> None:
    while True:
        with engine.connect() as connection:
            slice = documents.gather(connection, CHUNK)
        if slice is None:
            return
        with begin_write(engine) as connection:
            documents.store(connection, slice)


# The floors


def _bare_sqlite(file: Path) -> Callable[[], Ask]:
    def connect() -> Ask:
        connection = sqlite3.connect(file)
        return lambda: connection.execute(_newest("?"), (ROOM, PAGE)).fetchall()

    return connect


def _bare_mariadb(port: int) -> Callable[[], Ask]:
    def connect() -> Ask:
        cursor = pymysql.connect(host="127.0.0.1", port=port, user="root", database="reading").cursor()

        def ask() -> object:
            cursor.execute(_newest("%s"), (ROOM, PAGE))
            return cursor.fetchall()

        return ask

    return connect


def _newest(mark: str) -> str:
    return f"SELECT * FROM messages WHERE conversation_id = {mark} ORDER BY seq DESC LIMIT {mark}"
