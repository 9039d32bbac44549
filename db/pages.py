"""Pages of what was said, asked for as text. ``messages`` says which page; ``export`` has longer ones.

Hardly anything is read as often. SQLAlchemy would take several times what the database takes, to put the
question together, and to name and convert each value of each row. So the question goes to the driver as it
stands here, and a row has the order of the record that is made of it. The counterpart is ``bulk``, which
writes.
"""

from collections.abc import Sequence
from contextlib import closing
from typing import Any

from sqlalchemy import Connection

from db.records import Stored

AUTHOR = "(SELECT username FROM accounts WHERE id = account_id)"
"""Not joined: MariaDB may come from the accounts then, and sort a whole conversation for its newest page."""

COLUMNS = f"conversation_id, seq, account_id, {AUTHOR}, nickname, kind, text, sent_at, cid, target"
"""The fields of ``Stored``, in their order."""


def said(connection: Connection, which: str, *values: int) -> list[Stored]:
    """The messages ``WHERE`` this holds, in the order that it names."""
    return [Stored(*row) for row in ask(connection, f"SELECT {COLUMNS} FROM messages WHERE {which}", *values)]


def ask(connection: Connection, question: str, *values: int) -> Sequence[Sequence[Any]]:
    """The rows that answer a question, in which ``?`` stands for each value, whatever the driver's mark."""
    if connection.dialect.paramstyle != "qmark":
        question = question.replace("?", "%s")
    with closing(connection.exec_driver_sql(question, values)) as answer:
        assert answer.cursor is not None
        return answer.cursor.fetchall()
