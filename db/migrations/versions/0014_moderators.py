"""Record which members are moderators of their room."""

import sqlalchemy as sa
from alembic import op

revision = "0014"
down_revision = "0013"


def upgrade() -> None:
    present = {column["name"] for column in sa.inspect(op.get_bind()).get_columns("memberships")}
    if "moderator" not in present:
        op.add_column("memberships", sa.Column("moderator", sa.Boolean, nullable=False, server_default="0"))
