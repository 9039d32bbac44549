"""Edits, deletions and reactions that are in effect."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import sqlite

revision = "0004"
down_revision = "0003"

Whole = sa.BigInteger().with_variant(sqlite.INTEGER(), "sqlite")


def upgrade() -> None:
    op.create_table(
        "revisions",
        sa.Column("conversation_id", Whole, nullable=False),
        sa.Column("target", Whole, nullable=False, autoincrement=False),
        sa.Column("seq", Whole, nullable=False, autoincrement=False),
        sa.PrimaryKeyConstraint("conversation_id", "target", "seq", name="pk_revisions"),
        sa.ForeignKeyConstraint(
            ["conversation_id"],
            ["conversations.id"],
            name="fk_revisions_conversation_id",
            ondelete="CASCADE",
        ),
        if_not_exists=True,
        sqlite_with_rowid=False,
        mysql_engine="InnoDB",
        mysql_charset="utf8mb4",
        mysql_collate="utf8mb4_bin",
    )
