"""Fills an empty MySQL or MariaDB database.

MySQL commits every DDL statement by itself, so a copy cannot be one transaction. While the table
``restoring`` exists, the copy is incomplete: a server does not start, and the next run of the same command
continues. Each block is stored in one transaction with the number of rows stored so far.
"""

from collections.abc import Iterator, Sequence
from typing import Any

from pymysql.converters import escape_string
from sqlalchemy import URL, Connection, inspect

from chatroom.db.archive.checksums import ContentDigest, RowSums, mysql_totals
from chatroom.db.archive.snapshot import Cell, Rows, TableBlock, TableShape
from chatroom.db.archive.targets import CopyDiffers
from chatroom.db.engine import open_engine, open_migration_engine
from chatroom.db.errors import DatabaseUnusable
from chatroom.db.migrate import RESTORING_TABLE, create_schema, finish_schema
from chatroom.db.preflight import check_database, errors_as_unusable
from chatroom.db.schema import metadata

MAX_STATEMENT_CHARACTERS = 1 << 20
"""Characters of one INSERT: far below the smallest default of ``max_allowed_packet``."""

OWN_TABLES = {*metadata.tables, "documents", "alembic_version", RESTORING_TABLE}

LOAD_SETTINGS = "SET SESSION unique_checks = 0, foreign_key_checks = 0"


class MysqlTarget:
    """``source`` identifies the copy: a run with the same source continues an interrupted one. The
    constructor raises ``DatabaseUnusable`` if the database is not empty.
    """

    def __init__(self, url: URL, revision: str, source: str) -> None:
        self._source = source
        self._sums = RowSums()
        pool = open_engine(url)
        self._engine = open_migration_engine(pool)
        try:
            check_database(pool)
            pool.dispose()
            with errors_as_unusable(self._engine):
                self._connection = self._engine.connect().execution_options(isolation_level="AUTOCOMMIT")
                self._stored = self._prepare(revision)
        except BaseException:
            pool.dispose()
            self._engine.dispose()
            raise

    def _prepare(self, revision: str) -> dict[str, int]:
        """Create the tables, unless an interrupted run did. Return the number of stored rows by table."""
        tables = set(inspect(self._connection).get_table_names())
        if others := tables - OWN_TABLES:
            raise DatabaseUnusable(f"the database holds other tables: {', '.join(sorted(others))}")
        stored = self._read_progress() if RESTORING_TABLE in tables else None
        if stored is not None and self._source in stored:
            create_schema(self._engine, revision)
        else:
            if stored is None:
                _check_has_no_rows(self._connection, tables)
            self._drop_tables()
            self._run(
                f"CREATE TABLE {RESTORING_TABLE} (source VARCHAR(80) NOT NULL, name VARCHAR(64) NOT NULL,"
                " row_count BIGINT NOT NULL, PRIMARY KEY (source, name)) ENGINE = InnoDB"
            )
            self._run(f"INSERT INTO {RESTORING_TABLE} VALUES ('{self._source}', '', 0)")
            create_schema(self._engine, revision)
        self._run(LOAD_SETTINGS)
        return (stored or {}).get(self._source, {})

    def _read_progress(self) -> dict[str, dict[str, int]]:
        progress: dict[str, dict[str, int]] = {}
        rows = self._connection.exec_driver_sql(f"SELECT source, name, row_count FROM {RESTORING_TABLE}")
        for source, name, stored in rows:
            progress.setdefault(source, {})[name] = stored
        return progress

    def store_block(self, table: TableShape, block: TableBlock) -> None:
        sums, stored = self._sums.totals.get(table.name), self._stored.get(table.name, 0)
        self._sums.add_block(table, block.rows)
        rest = block.rows[max(stored - (sums.rows if sums else 0), 0) :]
        if rest:
            self._insert_rows(table, rest, stored + len(rest))

    def _insert_rows(self, table: TableShape, rows: Rows, stored: int) -> None:
        driver: Any = self._connection.connection.driver_connection
        progress = f"REPLACE INTO {RESTORING_TABLE} VALUES ('{self._source}', '{table.name}', {stored})"
        with errors_as_unusable(self._engine), driver.cursor() as cursor:
            cursor.execute("BEGIN")
            for statement in (*_insert_statements(table, rows), progress, "COMMIT"):
                cursor.execute(statement)
        self._stored[table.name] = stored

    def verify(self, tables: Sequence[TableShape], content: ContentDigest) -> None:
        with errors_as_unusable(self._engine):
            stored = {table.name: mysql_totals(self._connection, table) for table in tables}
        if {name: totals for name, totals in stored.items() if totals.rows} != self._sums.totals:
            raise CopyDiffers

    def finish(self) -> None:
        with errors_as_unusable(self._engine):
            finish_schema(self._engine)
            self._run(f"DROP TABLE {RESTORING_TABLE}")
        self._close()

    def discard(self) -> None:
        with errors_as_unusable(self._engine):
            self._drop_tables()
        self._close()

    def _close(self) -> None:
        self._connection.close()
        self._engine.dispose()

    def _drop_tables(self) -> None:
        """Drop the tables of a server; the mark of an incomplete copy last."""
        self._run("SET SESSION foreign_key_checks = 0")
        present = set(inspect(self._connection).get_table_names())
        for table in sorted(present & OWN_TABLES, key=lambda name: (name == RESTORING_TABLE, name)):
            self._run(f"DROP TABLE {table}")

    def _run(self, statement: str) -> None:
        self._connection.exec_driver_sql(statement).close()


def _check_has_no_rows(connection: Connection, tables: set[str]) -> None:
    for table in ("servers", "accounts", "conversations"):
        if table not in tables:
            continue
        if connection.exec_driver_sql(f"SELECT 1 FROM {table} LIMIT 1").first() is not None:
            where = connection.engine.url.database
            if table == "servers":
                raise DatabaseUnusable(f"a chat-server uses the database {where}: stop it first")
            raise DatabaseUnusable(f"the database {where} holds data: name an empty one")


def _insert_statements(table: TableShape, rows: Rows) -> Iterator[str]:
    """Yield INSERT statements with all rows. PyMySQL would take several times as long to format them."""
    begin = f"INSERT INTO {table.name} ({', '.join(table.columns)}) VALUES "
    parts: list[str] = []
    length = 0
    for row in rows:
        part = f"({','.join([_literal(value) for value in row])})"
        if parts and length + len(part) > MAX_STATEMENT_CHARACTERS:
            yield begin + ",".join(parts)
            parts, length = [], 0
        parts.append(part)
        length += len(part)
    yield begin + ",".join(parts)


def _literal(value: Cell) -> str:
    if isinstance(value, str):
        return f"'{escape_string(value)}'"
    if isinstance(value, bytes):
        return f"x'{value.hex()}'"
    return "NULL" if value is None else str(value)
