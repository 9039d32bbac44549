"""Read the newest page of a very long room, and search it; in the database, without a server.

The floor for the newest page is the same rows from the bare database driver. ``archive`` fills the room.
"""

import sqlite3
import tempfile
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import pymysql
from sqlalchemy import Connection, Engine

from bench import archive
from bench.archive import ALICE, ROOM
from bench.figures import Figure, share
from bench.hosts import installed, mariadb
from chatroom.db.queries import messages
from chatroom.db.search import search_query
from chatroom.db.search.tokenizer import parse_query

PAGE = 50
QUERIES = {
    "a rare word": archive.RARE,
    "two Chinese characters": archive.RARE_CHINESE[:2],
    "a common word": archive.COMMON,
}

Ask = Callable[[], object]


def measure(count: int) -> Iterator[Figure]:
    """Measure with ``count`` messages in the room."""
    with tempfile.TemporaryDirectory(prefix="chat-bench-") as folder:
        file = Path(folder) / "bench.sqlite"
        yield from _figures("SQLite", f"sqlite:///{file}", count, _bare_sqlite(file))
    if installed("chatroom on MariaDB"):
        with mariadb() as server:
            url = server.url("reading")
            yield from _figures("MariaDB", url, count, _bare_mariadb(int(server.address.port or 0)))


def _figures(database: str, url: str, count: int, bare: Callable[[], Ask]) -> Iterator[Figure]:
    with archive.opened(url) as engine:
        archive.fill(engine, count)
        archive.index(engine)
        yield from _asked(database, engine, bare)


def _asked(database: str, engine: Engine, bare: Callable[[], Ask]) -> Iterator[Figure]:
    with engine.connect() as connection:
        floor = _milliseconds(bare())
        yield Figure("newest 50", f"floor: bare rows, {database}", floor, "ms", floor=True)
        newest = _milliseconds(lambda: messages.message_page(connection, ROOM, limit=PAGE))
        yield Figure("newest 50", f"chatroom on {database}", newest, "ms")
        for name, query in QUERIES.items():
            result = _milliseconds(partial(_find, connection, query), times=20)
            yield Figure(f"search: {name}", f"chatroom on {database}", result, "ms")


def _find(connection: Connection, words: str) -> object:
    query = parse_query(words)
    assert query is not None
    result = search_query.search_messages(connection, ALICE, query, limit=PAGE)
    assert result.messages, f"no message contains {words}"
    return result


def _milliseconds(ask: Ask, times: int = 200) -> float:
    """Return the median time, after a first call that fills the caches."""
    ask()
    took = []
    for _ in range(times):
        started = time.perf_counter()
        ask()
        took.append(time.perf_counter() - started)
    return share(took, 0.5) * 1e3


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
