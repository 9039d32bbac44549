"""Invite codes and the accounts that used them."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import mysql, sqlite

revision = "0005"
down_revision = "0004"

Whole = sa.BigInteger().with_variant(sqlite.INTEGER(), "sqlite")
Digest = sa.LargeBinary(32).with_variant(mysql.BINARY(32), "mysql", "mariadb")
MYSQL = {"mysql_engine": "InnoDB", "mysql_charset": "utf8mb4", "mysql_collate": "utf8mb4_bin"}


def upgrade() -> None:
    op.create_table(
        "passes",
        sa.Column("digest", Digest, nullable=False),
        sa.Column("conversation_id", Whole),
        sa.Column("maker_id", Whole),
        sa.Column("uses_left", sa.Integer, nullable=False),
        sa.Column("made_at", Whole, nullable=False),
        sa.Column("expires_at", Whole, nullable=False),
        sa.PrimaryKeyConstraint("digest", name="pk_passes"),
        _foreign_key("passes", "conversation_id", "conversations.id", ondelete="CASCADE"),
        _foreign_key("passes", "maker_id", "accounts.id"),
        if_not_exists=True,
        **MYSQL,
    )
    for column in ("conversation_id", "maker_id", "expires_at"):
        _create_index("passes", column)
    op.create_table(
        "pass_uses",
        sa.Column("digest", Digest, nullable=False),
        sa.Column("account_id", Whole, nullable=False),
        sa.Column("used_at", Whole, nullable=False),
        sa.PrimaryKeyConstraint("digest", "account_id", name="pk_pass_uses"),
        _foreign_key("pass_uses", "digest", "passes.digest", ondelete="CASCADE"),
        _foreign_key("pass_uses", "account_id", "accounts.id"),
        if_not_exists=True,
        **MYSQL,
    )
    _create_index("pass_uses", "account_id")


def _foreign_key(
    table: str, column: str, target: str, ondelete: str | None = None
) -> sa.ForeignKeyConstraint:
    return sa.ForeignKeyConstraint([column], [target], name=f"fk_{table}_{column}", ondelete=ondelete)


def _create_index(table: str, column: str) -> None:
    name = f"ix_{table}_{column}"
    if name not in {index["name"] for index in sa.inspect(op.get_bind()).get_indexes(table)}:
        op.create_index(name, table, [column])
