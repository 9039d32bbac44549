"""Record when a use of an invite code gave its seat: it admits an account to the room once."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import sqlite

revision = "0009"
down_revision = "0008"

Whole = sa.BigInteger().with_variant(sqlite.INTEGER(), "sqlite")

# A use as old as its account created that account; it may still give a seat, unless it already has.
USED_FOR_A_SEAT = """
UPDATE pass_uses SET seated_at = used_at WHERE seated_at IS NULL AND (
    used_at <> (SELECT registered_at FROM accounts WHERE accounts.id = pass_uses.account_id)
    OR EXISTS (
        SELECT 1 FROM memberships JOIN passes ON passes.conversation_id = memberships.conversation_id
        WHERE passes.digest = pass_uses.digest AND memberships.account_id = pass_uses.account_id
    )
)
"""


def upgrade() -> None:
    present = {column["name"] for column in sa.inspect(op.get_bind()).get_columns("pass_uses")}
    if "seated_at" not in present:
        op.add_column("pass_uses", sa.Column("seated_at", Whole))
    op.execute(USED_FOR_A_SEAT)
