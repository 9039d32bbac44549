"""Accounts, tokens, conversations with their messages, and the running server processes."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import mysql, sqlite

revision = "0001"
down_revision = None

Whole = sa.BigInteger().with_variant(sqlite.INTEGER(), "sqlite")
MYSQL = {"mysql_engine": "InnoDB", "mysql_charset": "utf8mb4", "mysql_collate": "utf8mb4_bin"}


def _text(length: int, charset: str) -> sa.types.TypeEngine[str]:
    on_mysql = mysql.VARCHAR(length, charset=charset, collation=f"{charset}_bin")
    return sa.String(length).with_variant(on_mysql, "mysql", "mariadb")


Name = _text(64, "utf8mb4")
Word = _text(16, "ascii")
Ascii = _text(64, "ascii")
Body = sa.Text().with_variant(
    mysql.MEDIUMTEXT(charset="utf8mb4", collation="utf8mb4_bin"), "mysql", "mariadb"
)
Key = sa.LargeBinary(255).with_variant(mysql.VARBINARY(255), "mysql", "mariadb")
Digest = sa.LargeBinary(32).with_variant(mysql.BINARY(32), "mysql", "mariadb")


def upgrade() -> None:
    _accounts()
    _tokens()
    _conversations()
    _rooms()
    _friendships()
    _memberships()
    _messages()
    _servers()


def _accounts() -> None:
    _create_table(
        "accounts",
        sa.Column("id", Whole, nullable=False, autoincrement=True),
        sa.Column("username", Name, nullable=False),
        sa.Column("username_key", Key, nullable=False),
        sa.Column("username_skeleton", Key, nullable=False),
        sa.Column("password_hash", Ascii, nullable=False),
        sa.Column("registered_at", Whole, nullable=False),
        sa.Column("disabled_at", Whole),
        sa.PrimaryKeyConstraint("id", name="pk_accounts"),
        sa.UniqueConstraint("username_key", name="uq_accounts_username_key"),
        sa.UniqueConstraint("username_skeleton", name="uq_accounts_username_skeleton"),
    )


def _tokens() -> None:
    _create_table(
        "tokens",
        sa.Column("digest", Digest, nullable=False),
        sa.Column("account_id", Whole, nullable=False),
        sa.Column("family", Digest, nullable=False),
        sa.Column("parent", Digest),
        sa.Column("expires_at", Whole, nullable=False),
        sa.PrimaryKeyConstraint("digest", name="pk_tokens"),
        _reference("tokens", "account_id", "accounts.id", ondelete="CASCADE"),
    )
    _create_index("tokens", "account_id")
    _create_index("tokens", "family")
    _create_index("tokens", "expires_at")


def _conversations() -> None:
    _create_table(
        "conversations",
        sa.Column("id", Whole, nullable=False, autoincrement=True),
        sa.Column("kind", Word, nullable=False),
        sa.Column("head", Whole, nullable=False, server_default="0"),
        sa.Column("spoken", Whole, nullable=False, server_default="0"),
        sa.Column("roster", Whole, nullable=False, server_default="0"),
        sa.Column("last_at", Whole, nullable=False, server_default="0"),
        sa.PrimaryKeyConstraint("id", name="pk_conversations"),
    )


def _rooms() -> None:
    _create_table(
        "rooms",
        sa.Column("conversation_id", Whole, nullable=False, autoincrement=False),
        sa.Column("name", Name, nullable=False),
        sa.Column("name_key", Key, nullable=False),
        sa.Column("name_skeleton", Key, nullable=False),
        sa.Column("capacity", sa.Integer, nullable=False),
        sa.Column("members", sa.Integer, nullable=False, server_default="0"),
        sa.Column("owner_id", Whole, nullable=False),
        sa.Column("created_at", Whole, nullable=False),
        sa.PrimaryKeyConstraint("conversation_id", name="pk_rooms"),
        sa.UniqueConstraint("name_key", name="uq_rooms_name_key"),
        sa.UniqueConstraint("name_skeleton", name="uq_rooms_name_skeleton"),
        _reference("rooms", "conversation_id", "conversations.id", ondelete="CASCADE"),
        _reference("rooms", "owner_id", "accounts.id"),
    )
    _create_index("rooms", "owner_id")


def _friendships() -> None:
    _create_table(
        "friendships",
        sa.Column("conversation_id", Whole, nullable=False, autoincrement=False),
        sa.Column("low_id", Whole, nullable=False),
        sa.Column("high_id", Whole, nullable=False),
        sa.Column("since", Whole, nullable=False),
        sa.Column("ended_at", Whole),
        sa.PrimaryKeyConstraint("conversation_id", name="pk_friendships"),
        sa.UniqueConstraint("low_id", "high_id", name="uq_friendships_low_id_high_id"),
        _reference("friendships", "conversation_id", "conversations.id", ondelete="CASCADE"),
        _reference("friendships", "low_id", "accounts.id"),
        _reference("friendships", "high_id", "accounts.id"),
    )
    _create_index("friendships", "high_id")


def _memberships() -> None:
    _create_table(
        "memberships",
        sa.Column("conversation_id", Whole, nullable=False),
        sa.Column("account_id", Whole, nullable=False),
        sa.Column("nickname", Name),
        sa.Column("entered", sa.Boolean, nullable=False, server_default="0"),
        sa.Column("read_seq", Whole, nullable=False, server_default="0"),
        sa.Column("joined_seq", Whole, nullable=False, server_default="0"),
        sa.Column("joined_at", Whole, nullable=False),
        sa.PrimaryKeyConstraint("conversation_id", "account_id", name="pk_memberships"),
        _reference("memberships", "conversation_id", "conversations.id", ondelete="CASCADE"),
        _reference("memberships", "account_id", "accounts.id"),
    )
    _create_index("memberships", "account_id")


def _messages() -> None:
    _create_table(
        "messages",
        sa.Column("conversation_id", Whole, nullable=False),
        sa.Column("seq", Whole, nullable=False, autoincrement=False),
        sa.Column("account_id", Whole, nullable=False),
        sa.Column("kind", Word, nullable=False),
        sa.Column("nickname", Name, nullable=False),
        sa.Column("text", Body, nullable=False),
        sa.Column("target", Whole),
        sa.Column("cid", Ascii),
        sa.Column("sent_at", Whole, nullable=False),
        sa.Column("spoken", Whole, nullable=False),
        sa.PrimaryKeyConstraint("conversation_id", "seq", name="pk_messages"),
        sa.UniqueConstraint("account_id", "cid", name="uq_messages_account_id_cid"),
        _reference("messages", "conversation_id", "conversations.id", ondelete="CASCADE"),
        _reference("messages", "account_id", "accounts.id"),
        sqlite_with_rowid=False,
    )


def _servers() -> None:
    _create_table(
        "servers",
        sa.Column("id", Digest, nullable=False),
        sa.Column("seen_at", Whole, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_servers"),
    )
    _create_table(
        "attendances",
        sa.Column("server_id", Digest, nullable=False),
        sa.Column("account_id", Whole, nullable=False),
        sa.PrimaryKeyConstraint("server_id", "account_id", name="pk_attendances"),
        _reference("attendances", "server_id", "servers.id", ondelete="CASCADE"),
        _reference("attendances", "account_id", "accounts.id"),
    )


def _create_table(name: str, *parts: sa.schema.SchemaItem, **options: object) -> None:
    op.create_table(name, *parts, if_not_exists=True, **MYSQL, **options)


def _create_index(table: str, column: str) -> None:
    name = f"ix_{table}_{column}"
    if name not in {index["name"] for index in sa.inspect(op.get_bind()).get_indexes(table)}:
        op.create_index(name, table, [column])


def _reference(table: str, column: str, target: str, ondelete: str | None = None) -> sa.ForeignKeyConstraint:
    return sa.ForeignKeyConstraint([column], [target], name=f"fk_{table}_{column}", ondelete=ondelete)
