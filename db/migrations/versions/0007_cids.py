"""In SQLite, the index of the cids begins with the cid.

It began with the account, so that messages of fifty accounts changed fifty pages of the index with every
COMMIT. Cids begin with the time (UUIDv7) and are adjacent now.
"""

from alembic import op

revision = "0007"
down_revision = "0006"


def upgrade() -> None:
    if op.get_bind().dialect.name != "sqlite":
        return
    with op.batch_alter_table("messages", table_kwargs={"sqlite_with_rowid": False}) as messages:
        messages.drop_constraint("uq_messages_account_id_cid", type_="unique")
    op.create_index("uq_messages_cid_account_id", "messages", ["cid", "account_id"], unique=True)
