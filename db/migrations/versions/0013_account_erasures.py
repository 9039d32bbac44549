"""Erased accounts: when, how far their messages are erased, and the digests of their names."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import mysql, sqlite

revision = "0013"
down_revision = "0012"

ENGINES = ("mysql", "mariadb")
Whole = sa.BigInteger().with_variant(sqlite.INTEGER(), "sqlite")
Name = sa.String(64).with_variant(mysql.VARCHAR(64, charset="utf8mb4", collation="utf8mb4_bin"), *ENGINES)
Digest = sa.LargeBinary(32).with_variant(mysql.BINARY(32), *ENGINES)
MYSQL = {"mysql_engine": "InnoDB", "mysql_charset": "utf8mb4", "mysql_collate": "utf8mb4_bin"}


def upgrade() -> None:
    if "erased_at" not in {column["name"] for column in sa.inspect(op.get_bind()).get_columns("accounts")}:
        op.add_column("accounts", sa.Column("erased_at", Whole))
    op.create_table(
        "account_erasures",
        sa.Column("account_id", Whole, nullable=False, autoincrement=False),
        sa.Column("username", Name, nullable=False),
        sa.Column("requested_at", Whole, nullable=False),
        sa.Column("conversation_id", Whole, nullable=False, server_default="0"),
        sa.Column("seq", Whole, nullable=False, server_default="0"),
        sa.Column("messages", Whole, nullable=False, server_default="0"),
        sa.PrimaryKeyConstraint("account_id", name="pk_account_erasures"),
        sa.ForeignKeyConstraint(
            ["account_id"], ["accounts.id"], name="fk_account_erasures_account_id", ondelete="CASCADE"
        ),
        if_not_exists=True,
        **MYSQL,
    )
    op.create_table(
        "erased_names",
        sa.Column("digest", Digest, nullable=False),
        sa.Column("erased_at", Whole, nullable=False),
        sa.PrimaryKeyConstraint("digest", name="pk_erased_names"),
        if_not_exists=True,
        **MYSQL,
    )
