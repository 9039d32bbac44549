"""Checksums of the content of a database that are the same in every engine.

``ContentDigest`` reads all rows in the order of their keys. ``RowSums`` is what MySQL and MariaDB can compute
themselves: the sum of the CRC-32 of each row's values as text.
"""

import hashlib
from collections.abc import Callable, Iterable, Sequence
from typing import NamedTuple
from zlib import crc32

import msgspec
from sqlalchemy import Connection

from chatroom.db.archive.snapshot import Cell, Rows, TableBlock, TableShape

_pack = msgspec.msgpack.Encoder().encode


class ContentDigest:
    """The number of rows by table, and a checksum of all rows."""

    def __init__(self, tables: Sequence[TableShape]) -> None:
        self.rows = {table.name: 0 for table in tables}
        self._digest = hashlib.sha256()

    def add_block(self, block: TableBlock) -> bytes:
        """Add a block and return it as MessagePack."""
        packed = _pack(block)
        self._digest.update(packed)
        self.rows[block.table] += len(block.rows)
        return packed

    @property
    def checksum(self) -> str:
        """A checksum for people who compare two copies."""
        return self._digest.hexdigest()[:32]


def read_digest(tables: Sequence[TableShape], blocks: Iterable[TableBlock]) -> ContentDigest:
    content = ContentDigest(tables)
    for block in blocks:
        content.add_block(block)
    return content


class TableTotals(NamedTuple):
    rows: int
    checksum: int


class RowSums:
    """Computes what ``mysql_totals`` returns, from the blocks of the tables."""

    def __init__(self) -> None:
        self.totals: dict[str, TableTotals] = {}
        self._functions: dict[str, Callable[[Rows], int]] = {}

    def add_block(self, table: TableShape, rows: Rows) -> None:
        if table.name not in self._functions:
            self._functions[table.name] = _sum_function(table)
        count, checksum = self.totals.get(table.name, TableTotals(0, 0))
        added = self._functions[table.name](rows)
        self.totals[table.name] = TableTotals(count + len(rows), checksum + added)


def mysql_totals(connection: Connection, table: TableShape) -> TableTotals:
    """Let MySQL or MariaDB compute the totals of a table."""
    values = ", ".join(_mysql_value(column, column in table.binary) for column in table.columns)
    query = f"SELECT COUNT(*), COALESCE(SUM(CRC32(CONCAT_WS('|', {values}, ''))), 0) FROM {table.name}"
    rows, checksum = connection.exec_driver_sql(query).one()
    return TableTotals(rows, int(checksum))


def _mysql_value(column: str, is_binary: bool) -> str:
    return f"COALESCE(HEX({column}), 'None')" if is_binary else f"COALESCE({column}, 'None')"


def _sum_function(table: TableShape) -> Callable[[Rows], int]:
    form = "%s|" * len(table.columns)
    binary = [place for place, column in enumerate(table.columns) if column in table.binary]

    def sum_rows(rows: Rows) -> int:
        if binary:
            rows = [_with_hex(row, binary) for row in rows]
        return sum([crc32((form % tuple(row)).encode()) for row in rows])

    return sum_rows


def _with_hex(row: Sequence[Cell], places: Sequence[int]) -> list[Cell]:
    cells = list(row)
    for place in places:
        value = cells[place]
        if isinstance(value, bytes):
            cells[place] = value.hex().upper()
    return cells
