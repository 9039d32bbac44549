"""Topic, privacy and password of rooms; blocks, bans and invitations; when an account's sessions were
ended.
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import mysql, sqlite

revision = "0003"
down_revision = "0002"

Whole = sa.BigInteger().with_variant(sqlite.INTEGER(), "sqlite")
MYSQL = {"mysql_engine": "InnoDB", "mysql_charset": "utf8mb4", "mysql_collate": "utf8mb4_bin"}
Line = sa.String(512).with_variant(
    mysql.VARCHAR(512, charset="utf8mb4", collation="utf8mb4_bin"), "mysql", "mariadb"
)
Ascii = sa.String(64).with_variant(
    mysql.VARCHAR(64, charset="ascii", collation="ascii_bin"), "mysql", "mariadb"
)


def upgrade() -> None:
    _add_column("rooms", sa.Column("topic", Line))
    _add_column("rooms", sa.Column("private", sa.Boolean, nullable=False, server_default="0"))
    _add_column("rooms", sa.Column("password_hash", Ascii))
    _add_column("accounts", sa.Column("sessions_since", Whole))
    _create_index("accounts", "sessions_since")
    _pairs("bans", "conversation_id", "conversations.id", "account_id", "banned_at")
    _pairs("invitations", "conversation_id", "conversations.id", "account_id", "invited_at")
    _pairs("blocks", "account_id", "accounts.id", "blocked_id", "since")


def _pairs(table: str, first: str, target: str, second: str, when: str) -> None:
    """Create a table of pairs; ``second`` is an account."""
    op.create_table(
        table,
        sa.Column(first, Whole, nullable=False),
        sa.Column(second, Whole, nullable=False),
        sa.Column(when, Whole, nullable=False),
        sa.PrimaryKeyConstraint(first, second, name=f"pk_{table}"),
        sa.ForeignKeyConstraint([first], [target], name=f"fk_{table}_{first}", ondelete="CASCADE"),
        sa.ForeignKeyConstraint([second], ["accounts.id"], name=f"fk_{table}_{second}"),
        if_not_exists=True,
        **MYSQL,
    )
    _create_index(table, second)


def _add_column(table: str, column: sa.Column[object]) -> None:
    if column.name not in {existing["name"] for existing in sa.inspect(op.get_bind()).get_columns(table)}:
        op.add_column(table, column)


def _create_index(table: str, column: str) -> None:
    name = f"ix_{table}_{column}"
    if name not in {index["name"] for index in sa.inspect(op.get_bind()).get_indexes(table)}:
        op.create_index(name, table, [column])
