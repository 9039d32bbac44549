"""The floor under S5: a group commit and nothing else. One table, one thread, no protocol, no lock, no order.

As many rows in a transaction as a scenario has messages unanswered; its durability is the server's own.
"""

import sqlite3
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pymysql

from bench.dialects import TEXT
from bench.figures import Figure
from bench.hosts import installed, mariadb
from bench.talking import PLANS
from db.engine import SQLITE_PRAGMAS
from protocol.cids import new_cid

TABLE = (
    "CREATE TABLE said (conversation INTEGER, seq INTEGER, cid VARCHAR(64) UNIQUE, text VARCHAR(200),"
    " PRIMARY KEY (conversation, seq))"
)
Row = tuple[int, int, str, str]
Commit = Callable[[list[Row]], object]


def measure(seconds: float) -> Iterator[Figure]:
    """Rows a second, in transactions of the sizes that S5's plans lead to."""
    plans = [plan for plan in PLANS.values() if plan.counts == "confirmed"]
    with tempfile.TemporaryDirectory(prefix="chat-bench-") as folder:
        commit = _sqlite(Path(folder))
        for plan in plans:
            rate = _rate(commit, plan.speakers * plan.window, seconds)
            yield Figure(plan.name, "floor: bare commit, SQLite", rate, plan.unit, floor=True)
    if installed("chatroom on MariaDB"):
        with mariadb() as server:
            commit = _mariadb(int(server.address.port or 0), server.url("floor").rpartition("/")[2])
            for plan in plans:
                rate = _rate(commit, plan.speakers * plan.window, seconds)
                yield Figure(plan.name, "floor: bare commit, MariaDB", rate, plan.unit, floor=True)


def _rate(commit: Commit, size: int, seconds: float) -> float:
    rows, started = 0, time.perf_counter()
    while time.perf_counter() - started < seconds:
        commit([(size, rows + number, new_cid(), TEXT) for number in range(size)])
        rows += size
    return rows / (time.perf_counter() - started)


def _sqlite(folder: Path) -> Commit:
    connection = sqlite3.connect(folder / "floor.sqlite", isolation_level=None)
    for pragma, value in SQLITE_PRAGMAS.items():
        connection.execute(f"PRAGMA {pragma} = {value}")
    connection.execute(TABLE)

    def commit(rows: list[Row]) -> None:
        connection.execute("BEGIN IMMEDIATE")
        connection.executemany("INSERT INTO said VALUES (?, ?, ?, ?)", rows)
        connection.execute("COMMIT")

    return commit


def _mariadb(port: int, database: str) -> Commit:
    connection = pymysql.connect(host="127.0.0.1", port=port, user="root", database=database)
    cursor = connection.cursor()
    cursor.execute(TABLE)

    def commit(rows: list[Row]) -> None:
        cursor.executemany("INSERT INTO said VALUES (%s, %s, %s, %s)", rows)
        connection.commit()

    return commit
