"""Multi-row statements as raw SQL, for what runs for every stored or indexed message.

SQLAlchemy would compile a statement for each number of rows and process each value of each row, which costs
several times what the database needs. Here the SQL is built as text and passed to the driver directly; its
errors arrive unwrapped. ``raw_select`` reads messages in the same way; most other modules of ``db`` use
SQLAlchemy. ``messages`` and ``search_index`` call this module.

The two engines are used differently:

* SQLite's driver caches prepared statements by their text, and preparing one takes longer than running it.
  Therefore rows are inserted in portions of 1, 2, 4, 8 …, whose texts are cached. Single rows would be
  slower, because each statement may lose the GIL.
* For MySQL each statement is a round trip, so there is one, whatever the number of rows. PyMySQL formats
  every value in Python; so integers are written into the text here, and only strings are left to it.
"""

import sqlite3
from collections.abc import Callable, Iterator, Sequence
from functools import cache

from pymysql.err import IntegrityError
from sqlalchemy import Connection
from sqlalchemy.engine.interfaces import DBAPICursor

from chatroom.db.records import StoredMessage, compile_function
from chatroom.db.schema import documents, messages

MESSAGE_FIELDS = tuple(field for field in StoredMessage.__struct_fields__ if field in messages.columns)
"""The fields of ``StoredMessage`` that are columns: all but the author's name and the revision."""

MESSAGE_COLUMNS = ", ".join((*MESSAGE_FIELDS, "spoken"))

message_row: Callable[[StoredMessage, int], tuple[int | str | None, ...]] = compile_function(
    f"lambda stored, spoken: ({', '.join(f'stored.{field}' for field in MESSAGE_FIELDS)}, spoken)"
)
"""The values of ``MESSAGE_COLUMNS``; ``spoken`` counts the text and action messages up to this one."""

DOCUMENT_COLUMNS = ", ".join(column.name for column in documents.columns)

MAX_PORTION_ROWS = 256
"""Rows in one statement to SQLite. Some builds accept at most 32,766 values in a statement."""

ROW_BYTES = 200
"""Bytes of a row in a statement without its texts: numbers, quotes, commas."""

CHARACTER_BYTES = 4
"""The most bytes of a character in a statement: UTF-8, or one byte and its escape."""

STATEMENT_BYTES = 1024
"""Bytes of a statement without its rows."""

Value = int | str | None
RowValues = tuple[Value, ...]


def lock_conversations(
    connection: Connection, ids: Sequence[int], *, skip_locked: bool = False
) -> list[tuple[int, ...]]:
    """Lock these conversations in the order of their ids and return (id, head, spoken, roster, last_at) of
    each. With ``skip_locked``, conversations that another session has locked are left out, if the engine
    supports it.
    """
    placeholders, values = _row_sql(connection, ids)
    query = (
        f"SELECT id, head, spoken, roster, last_at FROM conversations WHERE id IN {placeholders} ORDER BY id"
    )
    if not _is_sqlite(connection):  # a SQLite transaction locks the whole file
        query += (
            " FOR UPDATE SKIP LOCKED" if skip_locked and supports_skip_locked(connection) else " FOR UPDATE"
        )
    return list(_execute_raw(connection, query, values).fetchall())


def supports_skip_locked(connection: Connection) -> bool:
    """Whether the engine supports SKIP LOCKED: MySQL since 8.0.1, MariaDB since 10.6."""
    dialect = connection.dialect
    version = dialect.server_version_info or (0,)
    return version >= ((10, 6) if getattr(dialect, "is_mariadb", False) else (8, 0, 1))


def insert_messages(connection: Connection, rows: Sequence[RowValues]) -> None:
    """Store messages, each as ``message_row`` makes it: all of them, or none if a unique key is violated."""
    portions = list(_split_rows(connection, rows))
    if len(portions) == 1:
        _insert_rows(connection, "messages", MESSAGE_COLUMNS, rows)
        return
    _execute_raw(connection, "SAVEPOINT portions")
    try:
        for portion in portions:
            _insert_rows(connection, "messages", MESSAGE_COLUMNS, portion)
    except (sqlite3.IntegrityError, IntegrityError):
        _execute_raw(connection, "ROLLBACK TO SAVEPOINT portions")
        raise
    _execute_raw(connection, "RELEASE SAVEPOINT portions")


def insert_documents(connection: Connection, rows: Sequence[RowValues]) -> None:
    """Insert documents into the index, each with a value for every column. A failure does not undo
    anything.
    """
    for portion in _split_rows(connection, rows):
        _insert_rows(connection, "documents", DOCUMENT_COLUMNS, portion)


def move_marks(connection: Connection, marks: Sequence[tuple[int, int | None, int]]) -> int:
    """Move the index mark of each (conversation, before, after). Returns how many were at ``before``."""
    cases = " ".join([f"WHEN {id} THEN {after}" for id, _, after in marks])
    condition = " OR ".join([f"(conversation_id = {id} AND seq = {before})" for id, before, _ in marks])
    statement = f"UPDATE indexed SET seq = CASE conversation_id {cases} END WHERE {condition}"
    return _execute_raw(connection, statement).rowcount


def delete_documents(connection: Connection, conversation_id: int, rowids: Sequence[int]) -> None:
    """Delete the documents of a conversation that have one of these rowids."""
    literals = ", ".join(map(str, rowids))
    condition = f"conversation_id = {conversation_id} AND rowid IN ({literals})"
    _execute_raw(connection, f"DELETE FROM documents WHERE {condition}")


def taken_rowids(connection: Connection, rowids: Sequence[int]) -> set[int]:
    """The numbers of these that are rowids of documents."""
    literals = ", ".join(map(str, rowids))
    query = f"SELECT rowid FROM documents WHERE rowid IN ({literals})"
    return {rowid for (rowid,) in _execute_raw(connection, query).fetchall()}


def _split_rows(connection: Connection, rows: Sequence[RowValues]) -> Iterator[Sequence[RowValues]]:
    """Split rows into those of each statement."""
    if _is_sqlite(connection):
        return _split_portions(rows)
    return split_by_size(rows, _max_statement_bytes(connection))


def split_by_size(rows: Sequence[RowValues], limit: int) -> Iterator[Sequence[RowValues]]:
    """Split rows so that no statement is longer than ``limit`` bytes, unless a single row is."""
    begin, size = 0, 0
    for position, row in enumerate(rows):
        length = ROW_BYTES + sum([len(value) for value in row if isinstance(value, str)]) * CHARACTER_BYTES
        if size + length > limit and position > begin:
            yield rows[begin:position]
            begin, size = position, 0
        size += length
    yield rows[begin:]


def _max_statement_bytes(connection: Connection) -> int:
    """The longest statement that the server accepts; read once on each connection."""
    limit: int | None = connection.info.get("max_statement_bytes")
    if limit is None:
        [[packet]] = _execute_raw(connection, "SELECT @@max_allowed_packet").fetchall()
        limit = connection.info["max_statement_bytes"] = int(packet) - STATEMENT_BYTES
    return limit


def _insert_rows(connection: Connection, table: str, columns: str, rows: Sequence[RowValues]) -> None:
    placeholders, values = _rows_sql(connection, rows)
    _execute_raw(connection, f"INSERT INTO {table} ({columns}) VALUES {placeholders}", values)


def _is_portion(count: int) -> bool:
    return count <= MAX_PORTION_ROWS and count.bit_count() == 1


def _split_portions(rows: Sequence[RowValues]) -> Iterator[Sequence[RowValues]]:
    """Split rows into portions, the largest first."""
    begin, size = 0, MAX_PORTION_ROWS
    while begin < len(rows):
        while size > len(rows) - begin:
            size //= 2
        yield rows[begin : begin + size]
        begin += size


def set_heads(connection: Connection, rows: Sequence[tuple[int, int, int, int]]) -> None:
    """Update each conversation from (id, head, spoken, last_at).

    It is an INSERT that finds all rows: an UPDATE would compare each row with all of them.
    """
    placeholders, values = _rows_sql(
        connection, [(id, "", head, spoken, last_at) for id, head, spoken, last_at in rows]
    )
    statement = f"INSERT INTO conversations (id, kind, head, spoken, last_at) VALUES {placeholders} "
    if _is_sqlite(connection):
        statement += "ON CONFLICT (id) DO UPDATE SET"
        statement += " head = excluded.head, spoken = excluded.spoken, last_at = excluded.last_at"
    else:
        statement += "ON DUPLICATE KEY UPDATE"
        statement += " head = VALUES(head), spoken = VALUES(spoken), last_at = VALUES(last_at)"
    _execute_raw(connection, statement, values)


def _execute_raw(connection: Connection, statement: str, values: Sequence[Value] = ()) -> DBAPICursor:
    """Raises the driver's own exceptions."""
    cursor = connection.connection.cursor()
    cursor.execute(statement, values)
    return cursor


def _is_sqlite(connection: Connection) -> bool:
    return connection.dialect.name == "sqlite"


def _rows_sql(connection: Connection, rows: Sequence[RowValues]) -> tuple[str, list[Value]]:
    """The SQL for rows of equal length, and the values that the driver fills in."""
    if _is_sqlite(connection):
        return _placeholders(len(rows), len(rows[0])), [value for row in rows for value in row]
    literals = ", ".join([f"({', '.join(map(_sql_literal, row))})" for row in rows])
    return literals, [value for row in rows for value in row if isinstance(value, str)]


def _row_sql(connection: Connection, row: Sequence[Value]) -> tuple[str, list[Value]]:
    return _rows_sql(connection, [tuple(row)])


@cache
def _placeholders(rows: int, columns: int) -> str:
    return ", ".join([f"({', '.join('?' * columns)})"] * rows)


def _sql_literal(value: Value) -> str:
    if isinstance(value, str):
        return "%s"
    return "NULL" if value is None else str(value)
