"""Message SELECTs as raw SQL. ``messages`` builds the conditions; ``export`` reads longer pages.

Messages are read most often. SQLAlchemy would take several times the database's time to compile the query and
to convert each value. Therefore the SQL goes to the driver as it is, and a row has the order of the fields of
``StoredMessage``. ``raw_insert`` writes in the same way.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing
from typing import Any

from sqlalchemy import Connection

from chatroom.db.records import StoredMessage

AUTHOR_SQL = "(SELECT username FROM accounts WHERE id = account_id)"
"""A subquery, not a join: MariaDB might begin with the accounts and sort a whole conversation for its newest
page.
"""

SELECTED_FIELDS = tuple(field for field in StoredMessage.__struct_fields__ if field != "revision")
"""The fields of ``StoredMessage`` that a row has, in the order of the record."""

COLUMNS = ", ".join(AUTHOR_SQL if field == "username" else field for field in SELECTED_FIELDS)

MAX_CONDITIONS = 100
"""Conditions in one query. SQLite accepts a thousand."""

Value = int | str
Condition = tuple[str, list[Value]]
"""The text after ``WHERE`` and its values."""


def select_messages(connection: Connection, condition: str, *values: Value) -> list[StoredMessage]:
    """The messages for which a condition holds. The condition may end with ORDER BY and LIMIT."""
    query = f"SELECT {COLUMNS} FROM messages WHERE {condition}"
    return [StoredMessage(*row) for row in execute_select(connection, query, *values)]


def pair_conditions(first: str, second: str, pairs: Iterable[tuple[int, Value]]) -> Iterator[Condition]:
    """Yield conditions for two columns being one of these pairs; each is for one query.

    Not ``(first, second) IN (…)``, for which SQLite would scan the table.
    """
    seconds: dict[int, list[Value]] = defaultdict(list)
    for key, value in pairs:
        seconds[key].append(value)
    keys = list(seconds)
    for start in range(0, len(keys), MAX_CONDITIONS):
        part = keys[start : start + MAX_CONDITIONS]
        marks = (", ".join("?" * len(seconds[key])) for key in part)
        condition = " OR ".join(f"({first} = ? AND {second} IN ({each}))" for each in marks)
        yield condition, [value for key in part for value in (key, *seconds[key])]


def execute_select(connection: Connection, query: str, *values: Value) -> Sequence[Sequence[Any]]:
    """The rows of a query in which ``?`` stands for each value for every driver. Raises the driver's own
    exceptions.
    """
    if connection.dialect.paramstyle != "qmark":
        query = query.replace("?", "%s")
    with closing(connection.connection.cursor()) as cursor:
        cursor.execute(query, values)
        return cursor.fetchall()
