"""What the writer says to the database for every batch: statements about many rows at once, as text.

SQLAlchemy would build each of them anew for each number of rows, and look at every value of every row; that
costs several times what the database does then. So the text is put together here, and the values go to the
driver as they are: integers, texts and ``None``. Everything else in ``db`` is said through SQLAlchemy; the
counterpart is ``messages``.

Each is *one* statement, whatever the number of rows: on MySQL a statement is a round trip, for SQLite's
driver a chance to lose the GIL, and one that fails half-way undoes itself.
"""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Connection, Row

from db.schema import messages

COLUMNS = ", ".join(column.name for column in messages.columns)

Values = tuple[int | str | None, ...]


def lock_conversations(connection: Connection, ids: Sequence[int]) -> Sequence[Row[*tuple[Any, ...]]]:
    """The rows (id, head, spoken, roster, last_at) of these conversations, locked one after the other in the
    order of their ids."""
    query = "SELECT id, head, spoken, roster, last_at FROM conversations"
    query += f" WHERE id IN ({_marks(connection, len(ids))}) ORDER BY id"
    if connection.dialect.name != "sqlite":  # whose transaction has locked the whole file
        query += " FOR UPDATE"
    return connection.exec_driver_sql(query, tuple(ids)).all()


def insert_messages(connection: Connection, rows: Sequence[Values]) -> None:
    """Store messages, each a value for every column of the table; all of them, or none when it raises."""
    row = f"({_marks(connection, len(rows[0]))})"
    connection.exec_driver_sql(
        f"INSERT INTO messages ({COLUMNS}) VALUES {', '.join([row] * len(rows))}",
        tuple(value for row in rows for value in row),
    )


def set_heads(connection: Connection, rows: Sequence[tuple[int, int, int, int]]) -> None:
    """Put each (id, head, spoken, last_at) into its conversation."""
    mark = _marks(connection, 1)
    choice = f"CASE id{f' WHEN {mark} THEN {mark}' * len(rows)} END"
    chosen = [value for column in (1, 2, 3) for row in rows for value in (row[0], row[column])]
    connection.exec_driver_sql(
        f"UPDATE conversations SET head = {choice}, spoken = {choice}, last_at = {choice}"
        f" WHERE id IN ({_marks(connection, len(rows))})",
        (*chosen, *(row[0] for row in rows)),
    )


def _marks(connection: Connection, count: int) -> str:
    """Places for so many values, marked as this driver wants it."""
    mark = "?" if connection.dialect.paramstyle == "qmark" else "%s"
    return ", ".join([mark] * count)
