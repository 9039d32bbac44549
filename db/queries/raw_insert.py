"""What is said to the database for every message that is stored or indexed: statements about many rows at
once, as text.

SQLAlchemy would build each of them anew for each number of rows, and look at every value of every row; that
costs several times what the database does then. So the text is put together here, and goes to the driver
itself, whose errors come as it raises them. ``pages`` asks for messages in much the same way; most of the
rest of ``db`` is said through SQLAlchemy. The counterparts are ``messages`` and ``documents``.

The two engines want to be spoken to differently:

* SQLite's driver keeps statements that it has prepared, by their text, and to prepare one takes longer than
  to run it. So rows go in portions of 1, 2, 4, 8 … whose texts it has seen; not one by one, because each
  statement is a chance to lose the GIL.
* For MySQL each statement is a round trip, so it is one, whatever the number of rows. PyMySQL writes every
  value into the text, in Python; so we write the integers, and leave to it what must be escaped.
"""

import sqlite3
from collections.abc import Callable, Iterator, Sequence
from functools import cache

from chatroom.db.records import StoredMessage, compile_function
from chatroom.db.schema import documents, messages
from sqlalchemy import Connection
from sqlalchemy.engine.interfaces import DBAPICursor

MESSAGE_FIELDS = tuple(field for field in StoredMessage.__struct_fields__ if field in messages.columns)
"""The fields of ``StoredMessage`` that are columns: all but the author's name and the revision."""

MESSAGE_COLUMNS = ", ".join((*MESSAGE_FIELDS, "spoken"))

message_row: Callable[[StoredMessage, int], tuple[int | str | None, ...]] = compile_function(
    f"lambda stored, spoken: ({', '.join(f'stored.{field}' for field in MESSAGE_FIELDS)}, spoken)"
)
"""The values of ``MESSAGE_COLUMNS``; ``spoken`` counts the text and action messages up to this one."""

DOCUMENT_COLUMNS = ", ".join(column.name for column in documents.columns)

MAX_PORTION_ROWS = 256
"""Rows in one statement to SQLite. A library may be built to take no more than 32,766 values at once."""

Value = int | str | None
RowValues = tuple[Value, ...]


def lock_conversations(
    connection: Connection, ids: Sequence[int], *, skip_locked: bool = False
) -> list[tuple[int, ...]]:
    """The rows (id, head, spoken, roster, last_at) of these conversations, locked one after the other in the
    order of their ids; with ``only_free`` without those that somebody else has locked, where the engine can
    leave them out.
    """
    places, values = _row_sql(connection, ids)
    query = f"SELECT id, head, spoken, roster, last_at FROM conversations WHERE id IN {places} ORDER BY id"
    if not _is_sqlite(connection):  # whose transaction has locked the whole file
        query += (
            " FOR UPDATE SKIP LOCKED" if skip_locked and supports_skip_locked(connection) else " FOR UPDATE"
        )
    return list(_execute_raw(connection, query, values).fetchall())


def supports_skip_locked(connection: Connection) -> bool:
    """Whether the engine can leave locked rows out: MySQL 8.0.1 and MariaDB 10.6 are the first."""
    dialect = connection.dialect
    version = dialect.server_version_info or (0,)
    return version >= ((10, 6) if getattr(dialect, "is_mariadb", False) else (8, 0, 1))


def insert_messages(connection: Connection, rows: Sequence[RowValues]) -> None:
    """Store messages, each as ``message_row`` makes it: all of them, or none if a unique key is violated."""
    if not _is_sqlite(connection) or _is_portion(len(rows)):
        _insert_rows(connection, "messages", MESSAGE_COLUMNS, rows)
        return
    _execute_raw(connection, "SAVEPOINT portions")
    try:
        _insert_portions(connection, "messages", MESSAGE_COLUMNS, rows)
    except sqlite3.IntegrityError:
        _execute_raw(connection, "ROLLBACK TO portions")
        raise
    _execute_raw(connection, "RELEASE portions")


def insert_documents(connection: Connection, rows: Sequence[RowValues]) -> None:
    """Put documents into the index, each a value for every column of the table. A failure undoes nothing."""
    if _is_sqlite(connection):
        _insert_portions(connection, "documents", DOCUMENT_COLUMNS, rows)
    else:
        _insert_rows(connection, "documents", DOCUMENT_COLUMNS, rows)


def move_marks(connection: Connection, marks: Sequence[tuple[int, int | None, int]]) -> int:
    """Move the index's mark of each (conversation, before, after) from one seq to another. Returns how many
    were where they should be."""
    cases = " ".join([f"WHEN {id} THEN {after}" for id, _, after in marks])
    which = " OR ".join([f"(conversation_id = {id} AND seq = {before})" for id, before, _ in marks])
    statement = f"UPDATE indexed SET seq = CASE conversation_id {cases} END WHERE {which}"
    return _execute_raw(connection, statement).rowcount


def taken_rowids(connection: Connection, rowids: Sequence[int]) -> set[int]:
    """Those of these numbers that documents have."""
    written = ", ".join(map(str, rowids))
    query = f"SELECT rowid FROM documents WHERE rowid IN ({written})"
    return {rowid for (rowid,) in _execute_raw(connection, query).fetchall()}


def _insert_portions(connection: Connection, table: str, columns: str, rows: Sequence[RowValues]) -> None:
    for portion in _split_portions(rows):
        _insert_rows(connection, table, columns, portion)


def _insert_rows(connection: Connection, table: str, columns: str, rows: Sequence[RowValues]) -> None:
    places, values = _rows_sql(connection, rows)
    _execute_raw(connection, f"INSERT INTO {table} ({columns}) VALUES {places}", values)


def _is_portion(count: int) -> bool:
    return count <= MAX_PORTION_ROWS and count.bit_count() == 1


def _split_portions(rows: Sequence[RowValues]) -> Iterator[Sequence[RowValues]]:
    """The largest first."""
    begin, size = 0, MAX_PORTION_ROWS
    while begin < len(rows):
        while size > len(rows) - begin:
            size //= 2
        yield rows[begin : begin + size]
        begin += size


def set_heads(connection: Connection, rows: Sequence[tuple[int, int, int, int]]) -> None:
    """Put each (id, head, spoken, last_at) into its conversation.

    As an INSERT that finds all of them there: an UPDATE would have to look for each among all the others.
    """
    places, values = _rows_sql(
        connection, [(id, "", head, spoken, last_at) for id, head, spoken, last_at in rows]
    )
    statement = f"INSERT INTO conversations (id, kind, head, spoken, last_at) VALUES {places} "
    if _is_sqlite(connection):
        statement += "ON CONFLICT (id) DO UPDATE SET"
        statement += " head = excluded.head, spoken = excluded.spoken, last_at = excluded.last_at"
    else:
        statement += "ON DUPLICATE KEY UPDATE"
        statement += " head = VALUES(head), spoken = VALUES(spoken), last_at = VALUES(last_at)"
    _execute_raw(connection, statement, values)


def _execute_raw(connection: Connection, statement: str, values: Sequence[Value] = ()) -> DBAPICursor:
    """Raises what the driver raises."""
    cursor = connection.connection.cursor()
    cursor.execute(statement, values)
    return cursor


def _is_sqlite(connection: Connection) -> bool:
    return connection.dialect.name == "sqlite"


def _rows_sql(connection: Connection, rows: Sequence[RowValues]) -> tuple[str, list[Value]]:
    """What to write for rows of the same length, and the values that the driver puts there."""
    if _is_sqlite(connection):
        return _placeholders(len(rows), len(rows[0])), [value for row in rows for value in row]
    written = ", ".join([f"({', '.join(map(_sql_literal, row))})" for row in rows])
    return written, [value for row in rows for value in row if isinstance(value, str)]


def _row_sql(connection: Connection, row: Sequence[Value]) -> tuple[str, list[Value]]:
    return _rows_sql(connection, [tuple(row)])


@cache
def _placeholders(rows: int, columns: int) -> str:
    return ", ".join([f"({', '.join('?' * columns)})"] * rows)


def _sql_literal(value: Value) -> str:
    if isinstance(value, str):
        return "%s"
    return "NULL" if value is None else str(value)
