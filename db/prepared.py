"""Statements that are made once with SQLAlchemy and then executed by the driver.

For a short statement SQLAlchemy takes ten times as long as the database: to build it, to look up its SQL, and
to wrap the result. So the statements of a login, a resume and an entry into a room are prepared.
"""

from collections import namedtuple
from collections.abc import Callable, Iterable
from contextlib import closing
from typing import Any, NamedTuple, cast

from sqlalchemy import Boolean, Connection, Dialect, Select, Table, bindparam, insert
from sqlalchemy.engine.interfaces import DBAPICursor
from sqlalchemy.sql.dml import UpdateBase

Value = int | str | bytes | None


class _CompiledSql(NamedTuple):
    text: str
    names: tuple[str, ...] | None  # of the values, in the order of their places; or the places have names
    constants: dict[str, Value]  # values that the statement itself contains


class _Prepared:
    def __init__(self, statement: Select[*tuple[Any, ...]] | UpdateBase) -> None:
        self._statement = statement
        self._compiled: dict[str, _CompiledSql] = {}

    def _execute(self, cursor: DBAPICursor, dialect: Dialect, values: dict[str, Value]) -> None:
        sql = self._compiled.get(dialect.name) or self._compile(dialect)
        values |= sql.constants
        cursor.execute(sql.text, values if sql.names is None else [values[name] for name in sql.names])

    def _compile(self, dialect: Dialect) -> _CompiledSql:
        compiled: Any = self._statement.compile(dialect=dialect)
        constants = {name: value for name, value in compiled.params.items() if value is not None}
        places = compiled.positiontup
        sql = _CompiledSql(str(compiled), None if places is None else tuple(places), constants)
        self._compiled[dialect.name] = sql
        return sql


class PreparedSelect(_Prepared):
    """A query with a ``bindparam`` for each value. Raises the driver's own exceptions."""

    def __init__(self, query: Select[*tuple[Any, ...]]) -> None:
        super().__init__(query)
        columns = query.selected_columns
        self._make_row: Callable[[Iterable[Any]], Any] = cast(Any, namedtuple("Row", columns.keys()))._make
        self._booleans = {place for place, column in enumerate(columns) if isinstance(column.type, Boolean)}

    def rows(self, connection: Connection, **values: Value) -> list[Any]:
        """Return the rows as named tuples."""
        with closing(connection.connection.cursor()) as cursor:
            self._execute(cursor, connection.dialect, values)
            rows = cursor.fetchall()
        return [self._make_row(self._with_booleans(row)) for row in rows]

    def row(self, connection: Connection, **values: Value) -> Any:
        """Return the only row, or ``None``."""
        rows = self.rows(connection, **values)
        return rows[0] if rows else None

    def column(self, connection: Connection, **values: Value) -> list[Any]:
        """Return the first column."""
        return [row[0] for row in self.rows(connection, **values)]

    def _with_booleans(self, row: Iterable[Any]) -> Iterable[Any]:
        """A driver returns a boolean as a number."""
        if not self._booleans:
            return row
        return (
            bool(value) if place in self._booleans and value is not None else value
            for place, value in enumerate(row)
        )


class PreparedChange(_Prepared):
    """An INSERT with ``values()``, an UPDATE or a DELETE, with a ``bindparam`` for each value. Raises the
    driver's own exceptions.
    """

    def execute(self, connection: Connection, **values: Value) -> int:
        """Return the number of rows that were added, changed or deleted."""
        with closing(connection.connection.cursor()) as cursor:
            self._execute(cursor, connection.dialect, values)
            return cursor.rowcount


def prepared_insert(table: Table, *columns: str) -> PreparedChange:
    """An INSERT of one row, with a value for each of these columns."""
    return PreparedChange(insert(table).values({name: bindparam(name) for name in columns}))
