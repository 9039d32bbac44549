"""Reads everything that is kept about an account: every row of every table that refers to it.

Tables and references come from ``schema``, so that a new table is included by itself. Secrets are left out:
hashes of passwords, and the digests of tokens and invite codes.
"""

from collections.abc import Iterator
from typing import Any, NamedTuple

from sqlalchemy import Connection, LargeBinary, Table, or_, select

from chatroom.db.schema import accounts, conversations, friendships, metadata, rooms

ROWS_PER_FETCH = 500

SECRET_COLUMNS = {"password_hash"}


class AccountRow(NamedTuple):
    """A row that refers to the account. Ids of accounts and conversations are replaced by names."""

    table: str
    values: dict[str, Any]


_ROOM_ID = rooms.c.conversation_id


class AccountReferences:
    """Names of accounts and conversations, as the exported account would call them."""

    def __init__(self, connection: Connection, account_id: int) -> None:
        self._connection = connection
        self._usernames: dict[int, str] = {}
        self._labels = {id: f"#{name}" for id, name in connection.execute(select(_ROOM_ID, rooms.c.name))}
        row = friendships.c
        pairs = select(row.conversation_id, row.low_id, row.high_id).where(
            or_(row.low_id == account_id, row.high_id == account_id)
        )
        for id, low, high in connection.execute(pairs).all():
            self._labels[id] = f"@{self.username(high if low == account_id else low)}"

    def username(self, account_id: int) -> str:
        if account_id not in self._usernames:
            query = select(accounts.c.username).where(accounts.c.id == account_id)
            self._usernames[account_id] = str(self._connection.execute(query).scalar_one_or_none())
        return self._usernames[account_id]

    def label(self, conversation_id: int) -> str | int:
        """The name of a conversation, or the id of one that was removed."""
        return self._labels.get(conversation_id, conversation_id)


def read_account_rows(
    connection: Connection, account_id: int, references: AccountReferences
) -> Iterator[AccountRow]:
    """Yield all rows that refer to an account, the account itself first. ``references`` uses another
    connection, because rows are streamed on this one.
    """
    for table in metadata.sorted_tables:
        owners = [accounts.c.id] if table is accounts else _references_in(table)
        if not owners:
            continue
        query = select(*_shown_columns(table)).where(or_(*[column == account_id for column in owners]))
        result = connection.execution_options(yield_per=ROWS_PER_FETCH).execute(
            query.order_by(*table.primary_key.columns)
        )
        for row in result.mappings():
            values = {str(name): value for name, value in row.items()}
            yield AccountRow(str(table.name), _named_values(table, values, references))


def _references_in(table: Table) -> list[Any]:
    return [column for column in table.columns if _refers_to(column, accounts)]


def _shown_columns(table: Table) -> list[Any]:
    return [
        column
        for column in table.columns
        if not isinstance(column.type, LargeBinary) and column.name not in SECRET_COLUMNS
    ]


def _named_values(table: Table, row: dict[str, Any], references: AccountReferences) -> dict[str, Any]:
    values: dict[str, Any] = {}
    for name, value in row.items():
        column = table.columns[name]
        if value is None:
            continue
        if _refers_to(column, accounts):
            values[name.removesuffix("_id")] = references.username(value)
        elif _refers_to(column, conversations):
            values[name.removesuffix("_id")] = references.label(value)
        else:
            values[name] = value
    return values


def _refers_to(column: Any, table: Table) -> bool:
    return any(key.column is table.c.id for key in column.foreign_keys)
