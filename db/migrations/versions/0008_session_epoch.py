"""Order the sessions of an account by a counter in place of the clocks of the server processes."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import sqlite

revision = "0008"
down_revision = "0007"

Whole = sa.BigInteger().with_variant(sqlite.INTEGER(), "sqlite")


def upgrade() -> None:
    present = {column["name"] for column in sa.inspect(op.get_bind()).get_columns("accounts")}
    if "session_epoch" not in present:
        op.add_column("accounts", sa.Column("session_epoch", Whole, nullable=False, server_default="0"))
