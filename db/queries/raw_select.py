"""What was said, asked for as text. ``messages`` says which of it; ``export`` has longer pages.

Hardly anything is read as often. SQLAlchemy would take several times what the database takes, to put the
question together, and to name and convert each value of each row. So the question goes to the driver as it
stands here, and a row has the order of the record that is made of it. The counterpart is ``bulk``, which
writes.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing
from typing import Any

from chatroom.db.records import StoredMessage
from sqlalchemy import Connection

AUTHOR_SQL = "(SELECT username FROM accounts WHERE id = account_id)"
"""Not joined: MariaDB may come from the accounts then, and sort a whole conversation for its newest page."""

SELECTED_FIELDS = tuple(field for field in StoredMessage.__struct_fields__ if field != "revision")
"""The fields of ``StoredMessage`` that a row has, in the order of the record."""

COLUMNS = ", ".join(AUTHOR_SQL if field == "username" else field for field in SELECTED_FIELDS)

MAX_CONDITIONS = 100
"""Conditions in one question. SQLite takes a thousand at most."""

Value = int | str
Condition = tuple[str, list[Value]]
"""What stands behind ``WHERE``, and the values in it."""


def select_messages(connection: Connection, which: str, *values: Value) -> list[StoredMessage]:
    """The messages for which a condition holds, in the order that it names."""
    query = f"SELECT {COLUMNS} FROM messages WHERE {which}"
    return [StoredMessage(*row) for row in execute_select(connection, query, *values)]


def pair_conditions(first: str, second: str, pairs: Iterable[tuple[int, Value]]) -> Iterator[Condition]:
    """Conditions under which two columns are one of these pairs: one for each question to be asked.

    Not ``(first, second) IN (…)``, for which SQLite would go through the whole table.
    """
    seconds: dict[int, list[Value]] = defaultdict(list)
    for one, other in pairs:
        seconds[one].append(other)
    ones = list(seconds)
    for start in range(0, len(ones), MAX_CONDITIONS):
        part = ones[start : start + MAX_CONDITIONS]
        marks = (", ".join("?" * len(seconds[one])) for one in part)
        which = " OR ".join(f"({first} = ? AND {second} IN ({each}))" for each in marks)
        yield which, [value for one in part for value in (one, *seconds[one])]


def execute_select(connection: Connection, question: str, *values: Value) -> Sequence[Sequence[Any]]:
    """The rows that answer a question, in which ``?`` stands for each value, whatever the driver's mark."""
    if connection.dialect.paramstyle != "qmark":
        question = question.replace("?", "%s")
    with closing(connection.exec_driver_sql(question, values)) as answer:
        assert answer.cursor is not None
        return answer.cursor.fetchall()
