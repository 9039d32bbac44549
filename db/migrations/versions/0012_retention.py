"""Where a conversation begins once older messages were removed, and how long a room keeps its messages."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import sqlite

revision = "0012"
down_revision = "0011"

Whole = sa.BigInteger().with_variant(sqlite.INTEGER(), "sqlite")


def upgrade() -> None:
    _add_missing(
        "conversations",
        sa.Column("first_seq", Whole, nullable=False, server_default="1"),
        sa.Column("purged_spoken", Whole, nullable=False, server_default="0"),
    )
    _add_missing("rooms", sa.Column("retention_days", sa.Integer))


def _add_missing(table: str, *columns: sa.Column[int]) -> None:
    present = {column["name"] for column in sa.inspect(op.get_bind()).get_columns(table)}
    for column in columns:
        if column.name not in present:
            op.add_column(table, column)
