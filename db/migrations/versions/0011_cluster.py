"""What the server processes of a cluster share: the key of their hints, and their names."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import mysql, sqlite

revision = "0011"
down_revision = "0010"

ENGINES = ("mysql", "mariadb")
Whole = sa.BigInteger().with_variant(sqlite.INTEGER(), "sqlite")
Ascii = sa.String(64).with_variant(mysql.VARCHAR(64, charset="ascii", collation="ascii_bin"), *ENGINES)
Line = sa.String(512).with_variant(mysql.VARCHAR(512, charset="utf8mb4", collation="utf8mb4_bin"), *ENGINES)
Digest = sa.LargeBinary(32).with_variant(mysql.BINARY(32), *ENGINES)
MYSQL = {"mysql_engine": "InnoDB", "mysql_charset": "utf8mb4", "mysql_collate": "utf8mb4_bin"}


def upgrade() -> None:
    op.create_table(
        "cluster_keys",
        sa.Column("name", Ascii, nullable=False),
        sa.Column("value", Digest, nullable=False),
        sa.PrimaryKeyConstraint("name", name="pk_cluster_keys"),
        if_not_exists=True,
        **MYSQL,
    )
    present = {column["name"] for column in sa.inspect(op.get_bind()).get_columns("servers")}
    for column in (sa.Column("name", Line), sa.Column("started_at", Whole)):
        if column.name not in present:
            op.add_column("servers", column)
