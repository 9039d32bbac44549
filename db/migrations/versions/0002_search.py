"""The search index: the terms of messages under the engine's full-text index, and up to where each
conversation is indexed.

SQLite stores no positions, which only phrases need, and no lengths, which only ranking needs.
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import sqlite

revision = "0002"
down_revision = "0001"

Whole = sa.BigInteger().with_variant(sqlite.INTEGER(), "sqlite")

DOCUMENTS = {
    "sqlite": """
        CREATE VIRTUAL TABLE IF NOT EXISTS documents USING fts5 (
            terms, conversation_id UNINDEXED, seq UNINDEXED,
            tokenize = 'ascii', detail = none, columnsize = 0
        )
    """,
    "mysql": """
        CREATE TABLE IF NOT EXISTS documents (
            rowid BIGINT NOT NULL PRIMARY KEY,
            terms MEDIUMTEXT CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
            conversation_id BIGINT NOT NULL,
            seq BIGINT NOT NULL,
            FULLTEXT KEY ft_documents_terms (terms)
        ) ENGINE = InnoDB, CHARACTER SET utf8mb4, COLLATE utf8mb4_bin
    """,
}


def upgrade() -> None:
    op.execute(DOCUMENTS["sqlite" if op.get_bind().dialect.name == "sqlite" else "mysql"])
    op.create_table(
        "indexed",
        sa.Column("conversation_id", Whole, nullable=False, autoincrement=False),
        sa.Column("seq", Whole, nullable=False),
        sa.PrimaryKeyConstraint("conversation_id", name="pk_indexed"),
        sa.ForeignKeyConstraint(
            ["conversation_id"], ["conversations.id"], name="fk_indexed_conversation_id", ondelete="CASCADE"
        ),
        if_not_exists=True,
        mysql_engine="InnoDB",
        mysql_charset="utf8mb4",
        mysql_collate="utf8mb4_bin",
    )
