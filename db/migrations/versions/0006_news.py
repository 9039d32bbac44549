"""The changes of each server process, for the other processes on the same database."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import mysql, sqlite

revision = "0006"
down_revision = "0005"

Whole = sa.BigInteger().with_variant(sqlite.INTEGER(), "sqlite")
Digest = sa.LargeBinary(32).with_variant(mysql.BINARY(32), "mysql", "mariadb")
Body = sa.Text().with_variant(
    mysql.MEDIUMTEXT(charset="utf8mb4", collation="utf8mb4_bin"), "mysql", "mariadb"
)
MYSQL = {"mysql_engine": "InnoDB", "mysql_charset": "utf8mb4", "mysql_collate": "utf8mb4_bin"}


def upgrade() -> None:
    op.create_table(
        "news",
        sa.Column("server_id", Digest, nullable=False),
        sa.Column("number", Whole, nullable=False, autoincrement=False),
        sa.Column("body", Body, nullable=False),
        sa.PrimaryKeyConstraint("server_id", "number", name="pk_news"),
        if_not_exists=True,
        sqlite_with_rowid=False,
        **MYSQL,
    )
