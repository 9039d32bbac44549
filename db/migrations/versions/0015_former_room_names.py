"""The names that rooms had before they were renamed."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import mysql, sqlite

revision = "0015"
down_revision = "0014"

ENGINES = ("mysql", "mariadb")
Whole = sa.BigInteger().with_variant(sqlite.INTEGER(), "sqlite")
Name = sa.String(64).with_variant(mysql.VARCHAR(64, charset="utf8mb4", collation="utf8mb4_bin"), *ENGINES)
Key = sa.LargeBinary(255).with_variant(mysql.VARBINARY(255), *ENGINES)
MYSQL = {"mysql_engine": "InnoDB", "mysql_charset": "utf8mb4", "mysql_collate": "utf8mb4_bin"}
TABLE = "former_room_names"


def upgrade() -> None:
    op.create_table(
        TABLE,
        sa.Column("name_key", Key, nullable=False),
        sa.Column("name_skeleton", Key, nullable=False),
        sa.Column("name", Name, nullable=False),
        sa.Column("conversation_id", Whole, nullable=False),
        sa.Column("renamed_at", Whole, nullable=False),
        sa.PrimaryKeyConstraint("name_key", name=f"pk_{TABLE}"),
        sa.ForeignKeyConstraint(
            ["conversation_id"], ["conversations.id"], name=f"fk_{TABLE}_conversation_id", ondelete="CASCADE"
        ),
        if_not_exists=True,
        **MYSQL,
    )
    present = {index["name"] for index in sa.inspect(op.get_bind()).get_indexes(TABLE)}
    for column in ("name_skeleton", "conversation_id"):
        if f"ix_{TABLE}_{column}" not in present:
            op.create_index(f"ix_{TABLE}_{column}", TABLE, [column])
