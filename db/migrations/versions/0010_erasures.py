"""Erase the texts of deleted messages, and those that an edit replaced; record what is left to remove from
the search index. Texts with accents are recorded too: they are indexed without them now."""

import re
from collections.abc import Iterator

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import mysql, sqlite

revision = "0010"
down_revision = "0009"

Whole = sa.BigInteger().with_variant(sqlite.INTEGER(), "sqlite")
Digest = sa.LargeBinary(32).with_variant(mysql.BINARY(32), "mysql", "mariadb")

# MySQL cannot update a table that a subquery reads, unless the subquery is a derived table.
ERASE = "UPDATE messages SET text = '' WHERE text <> '' AND EXISTS (SELECT 1 FROM ({}) AS changed WHERE {})"
SAME_CONVERSATION = "changed.conversation_id = messages.conversation_id"

CHANGED = """
    SELECT DISTINCT revisions.conversation_id, revisions.target FROM revisions
    JOIN messages AS change_row ON change_row.conversation_id = revisions.conversation_id
    AND change_row.seq = revisions.seq WHERE change_row.kind IN ('edit', 'delete')
"""
REPLACED_EDITS = """
    SELECT DISTINCT edits.conversation_id, edits.seq FROM messages AS edits
    LEFT JOIN revisions ON revisions.conversation_id = edits.conversation_id
    AND revisions.target = edits.target AND revisions.seq = edits.seq
    WHERE edits.kind = 'edit' AND revisions.seq IS NULL
"""
RECORD = f"""
    INSERT INTO erasures (conversation_id, seq, erased_at, unindex_after)
    SELECT conversation_id, target, 0, (SELECT head FROM conversations WHERE id = conversation_id)
    FROM ({CHANGED}) AS changed
    WHERE NOT EXISTS (
        SELECT 1 FROM erasures AS present
        WHERE present.conversation_id = changed.conversation_id AND present.seq = changed.target
    )
"""

ACCENTED = re.compile("[\u00c0-\u024f\u0300-\u03ff\u0401\u0451\u1e00-\u1fff]")
SELECT_TEXTS = """
    SELECT seq, kind, target, text FROM messages WHERE conversation_id = :id AND seq > :after
    AND kind IN ('text', 'action', 'edit') AND {} ORDER BY seq LIMIT 5000
"""
NOT_ASCII = {
    "sqlite": "length(CAST(text AS BLOB)) <> length(text)",
    "mysql": "LENGTH(text) <> CHAR_LENGTH(text)",
}
RECORD_ACCENTED = """
    INSERT INTO erasures (conversation_id, seq, erased_at, unindex_after) VALUES (:id, :seq, 0, :head)
"""


def upgrade() -> None:
    op.create_table(
        "erasures",
        sa.Column("conversation_id", Whole, nullable=False),
        sa.Column("seq", Whole, nullable=False, autoincrement=False),
        sa.Column("digest", Digest),
        sa.Column("erased_at", Whole, nullable=False),
        sa.Column("unindex_after", Whole),
        sa.PrimaryKeyConstraint("conversation_id", "seq", name="pk_erasures"),
        sa.ForeignKeyConstraint(
            ["conversation_id"], ["conversations.id"], name="fk_erasures_conversation_id", ondelete="CASCADE"
        ),
        if_not_exists=True,
        sqlite_with_rowid=False,
        mysql_engine="InnoDB",
        mysql_charset="utf8mb4",
        mysql_collate="utf8mb4_bin",
    )
    present = {index["name"] for index in sa.inspect(op.get_bind()).get_indexes("erasures")}
    for column in ("erased_at", "unindex_after"):
        if f"ix_erasures_{column}" not in present:
            op.create_index(f"ix_erasures_{column}", "erasures", [column])
    op.execute(RECORD)
    op.execute(ERASE.format(CHANGED, f"{SAME_CONVERSATION} AND changed.target = messages.seq"))
    op.execute(ERASE.format(REPLACED_EDITS, f"{SAME_CONVERSATION} AND changed.seq = messages.seq"))
    _record_accented(op.get_bind())


def _record_accented(connection: sa.Connection) -> None:
    """Record the messages whose current text, or one of whose edits, has accents."""
    for id, head in connection.execute(sa.text("SELECT id, head FROM conversations")).all():
        present = set(
            connection.scalars(sa.text("SELECT seq FROM erasures WHERE conversation_id = :id"), {"id": id})
        )
        rows = [
            {"id": id, "seq": seq, "head": head}
            for seq in sorted(set(_accented_seqs(connection, id)) - present)
        ]
        if rows:
            connection.execute(sa.text(RECORD_ACCENTED), rows)


def _accented_seqs(connection: sa.Connection, conversation_id: int) -> Iterator[int]:
    after = 0
    condition = NOT_ASCII["sqlite" if connection.dialect.name == "sqlite" else "mysql"]
    query = sa.text(SELECT_TEXTS.format(condition))
    while page := connection.execute(query, {"id": conversation_id, "after": after}).all():
        yield from (
            seq if kind != "edit" else target for seq, kind, target, text in page if ACCENTED.search(text)
        )
        after = page[-1].seq
