"""The floor for S5: only group commits. One table, one thread, no protocol, no lock, no order.

A transaction has as many rows as the scenario has unconfirmed messages, and the durability of the server.
"""

import sqlite3
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import pymysql

from bench.dialects import TEXT
from bench.figures import Figure, share
from bench.hosts import installed, mariadb
from bench.talking import PLANS
from chatroom.db.engine import SQLITE_PRAGMAS
from chatroom.protocol.cids import new_cid

TABLE = (
    "CREATE TABLE sent (conversation INTEGER, seq INTEGER, cid VARCHAR(64) UNIQUE, text VARCHAR(200),"
    " PRIMARY KEY (conversation, seq))"
)
Row = tuple[int, int, str, str]
Commit = Callable[[list[Row]], object]


@dataclass(frozen=True)
class Rate:
    """``rows`` per second, and the seconds of each transaction."""

    rows: float
    took: list[float]


def measure(seconds: float) -> Iterator[Figure]:
    """Measure rows per second, in transactions of the sizes of the plans of S5."""
    plans = [plan for plan in PLANS.values() if plan.counts == "confirmed"]
    for database, rates in rates_of([plan.speakers * plan.window for plan in plans], seconds):
        for plan, rate in zip(plans, rates, strict=True):
            beside = {"p50 ms": share(rate.took, 0.50) * 1e3, "p99 ms": share(rate.took, 0.99) * 1e3}
            system = f"floor: bare commit, {database}"
            yield Figure(plan.name, system, rate.rows, plan.unit, floor=True, beside=beside)


def rates_of(sizes: Sequence[int], seconds: float) -> Iterator[tuple[str, list[Rate]]]:
    """Yield the rates of each database, for transactions of these sizes."""
    with tempfile.TemporaryDirectory(prefix="chat-bench-") as folder:
        commit = _sqlite(Path(folder))
        yield "SQLite", [_rate(commit, size, seconds) for size in sizes]
    if installed("chatroom on MariaDB"):
        with mariadb() as server:
            commit = _mariadb(int(server.address.port or 0), server.url("floor").rpartition("/")[2])
            yield "MariaDB", [_rate(commit, size, seconds) for size in sizes]


def _rate(commit: Commit, size: int, seconds: float) -> Rate:
    rows, took, started = 0, list[float](), time.perf_counter()
    while time.perf_counter() - started < seconds:
        began = time.perf_counter()
        commit([(size, rows + number, new_cid(), TEXT) for number in range(size)])
        took.append(time.perf_counter() - began)
        rows += size
    return Rate(rows / (time.perf_counter() - started), took)


def _sqlite(folder: Path) -> Commit:
    connection = sqlite3.connect(folder / "floor.sqlite", isolation_level=None)
    for pragma, value in SQLITE_PRAGMAS.items():
        connection.execute(f"PRAGMA {pragma} = {value}")
    connection.execute(TABLE)

    def commit(rows: list[Row]) -> None:
        connection.execute("BEGIN IMMEDIATE")
        connection.executemany("INSERT INTO sent VALUES (?, ?, ?, ?)", rows)
        connection.execute("COMMIT")

    return commit


def _mariadb(port: int, database: str) -> Commit:
    connection = pymysql.connect(host="127.0.0.1", port=port, user="root", database=database)
    cursor = connection.cursor()
    cursor.execute(TABLE)

    def commit(rows: list[Row]) -> None:
        cursor.executemany("INSERT INTO sent VALUES (%s, %s, %s, %s)", rows)
        connection.commit()

    return commit
