"""All tables. The migrations in ``migrations`` create them.

Rules for all tables:

* A time is an integer, milliseconds since 1970 (UTC): the date types of the engines differ.
* A name is stored as typed, and as its canonical key (bytes, unique), so that no collation matters.
* The row of a conversation is the lock for everything in it: a transaction that appends a message, takes or
  gives up a seat, enters or leaves holds it until COMMIT. ``head`` is the last seq, ``spoken`` counts the
  messages of the kinds text and action, and ``roster`` increases when the set of accounts that may read or
  write changes.
* Messages are keyed by (conversation, seq), which is also their order on the disk and the order of pages.
"""

from typing import Any

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    Text,
    UniqueConstraint,
    column,
    table,
)
from sqlalchemy.dialects import mysql, sqlite

NAMING = {
    "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "fk": "fk_%(table_name)s_%(column_0_N_name)s",
    "pk": "pk_%(table_name)s",
}
metadata = MetaData(naming_convention=NAMING)

Whole = BigInteger().with_variant(sqlite.INTEGER(), "sqlite")
MYSQL = ("mysql", "mariadb")
UTF8 = {"charset": "utf8mb4", "collation": "utf8mb4_bin"}
ASCII = {"charset": "ascii", "collation": "ascii_bin"}
Name = String(64).with_variant(mysql.VARCHAR(64, **UTF8), *MYSQL)
Word = String(16).with_variant(mysql.VARCHAR(16, **ASCII), *MYSQL)
Ascii = String(64).with_variant(mysql.VARCHAR(64, **ASCII), *MYSQL)
Line = String(512).with_variant(mysql.VARCHAR(512, **UTF8), *MYSQL)
Body = Text().with_variant(mysql.MEDIUMTEXT(**UTF8), *MYSQL)
Key = LargeBinary(255).with_variant(mysql.VARBINARY(255), *MYSQL)
Digest = LargeBinary(32).with_variant(mysql.BINARY(32), *MYSQL)

INNODB: dict[str, Any] = {
    "mysql_engine": "InnoDB",
    "mysql_charset": "utf8mb4",
    "mysql_collate": "utf8mb4_bin",
}

accounts = Table(
    "accounts",
    metadata,
    Column("id", Whole, primary_key=True, autoincrement=True),
    Column("username", Name, nullable=False),
    Column("username_key", Key, nullable=False, unique=True),
    Column("username_skeleton", Key, nullable=False, unique=True),
    Column("password_hash", Ascii, nullable=False),
    Column("registered_at", Whole, nullable=False),
    Column("disabled_at", Whole),
    Column("erased_at", Whole),  # since then its name is neutral and logins are refused
    Column("sessions_since", Whole, index=True),  # when its sessions were last ended
    Column("session_epoch", Whole, nullable=False, server_default="0"),  # how often they were ended ended
    **INNODB,
)

tokens = Table(
    "tokens",
    metadata,
    Column("digest", Digest, primary_key=True),
    Column("account_id", ForeignKey("accounts.id", ondelete="CASCADE"), nullable=False, index=True),
    Column("family", Digest, nullable=False, index=True),  # one login and all tokens that replaced its token
    Column("parent", Digest),  # the token that this one replaced
    Column("expires_at", Whole, nullable=False, index=True),
    **INNODB,
)

conversations = Table(
    "conversations",
    metadata,
    Column("id", Whole, primary_key=True, autoincrement=True),
    Column("kind", Word, nullable=False),  # room, direct
    Column("head", Whole, nullable=False, server_default="0"),
    Column("spoken", Whole, nullable=False, server_default="0"),
    Column("roster", Whole, nullable=False, server_default="0"),
    Column("last_at", Whole, nullable=False, server_default="0"),  # the time of the last message
    Column("first_seq", Whole, nullable=False, server_default="1"),  # all messages before it were removed
    Column("purged_spoken", Whole, nullable=False, server_default="0"),  # ``spoken`` of the last of these
    **INNODB,
)

rooms = Table(
    "rooms",
    metadata,
    Column("conversation_id", ForeignKey("conversations.id", ondelete="CASCADE"), primary_key=True),
    Column("name", Name, nullable=False),
    Column("name_key", Key, nullable=False, unique=True),
    Column("name_skeleton", Key, nullable=False, unique=True),
    Column("capacity", Integer, nullable=False),
    Column("members", Integer, nullable=False, server_default="0"),  # seats taken
    Column("owner_id", ForeignKey("accounts.id"), nullable=False, index=True),
    Column("created_at", Whole, nullable=False),
    Column("topic", Line),
    Column(
        "private", Boolean, nullable=False, server_default="0"
    ),  # visible to members and invited accounts only
    Column("password_hash", Ascii),  # of the password needed to join, if any
    Column("retention_days", Integer),  # after which messages are removed; NULL: the server's setting alone
    **INNODB,
)

former_room_names = Table(  # they still lead to the room, and no other room may have them
    "former_room_names",
    metadata,
    Column("name_key", Key, primary_key=True),
    Column("name_skeleton", Key, nullable=False, index=True),
    Column("name", Name, nullable=False),
    Column("conversation_id", ForeignKey("conversations.id", ondelete="CASCADE"), nullable=False, index=True),
    Column("renamed_at", Whole, nullable=False),
    **INNODB,
)

bans = Table(
    "bans",
    metadata,
    Column("conversation_id", ForeignKey("conversations.id", ondelete="CASCADE"), primary_key=True),
    Column("account_id", ForeignKey("accounts.id"), primary_key=True, index=True),
    Column("banned_at", Whole, nullable=False),
    **INNODB,
)

invitations = Table(  # until the invited account takes its seat
    "invitations",
    metadata,
    Column("conversation_id", ForeignKey("conversations.id", ondelete="CASCADE"), primary_key=True),
    Column("account_id", ForeignKey("accounts.id"), primary_key=True, index=True),
    Column("invited_at", Whole, nullable=False),
    **INNODB,
)

passes = Table(  # invite codes: each allows new accounts, and may give a seat in a room
    "passes",
    metadata,
    Column("digest", Digest, primary_key=True),
    Column("conversation_id", ForeignKey("conversations.id", ondelete="CASCADE"), index=True),
    Column("maker_id", ForeignKey("accounts.id"), index=True),  # NULL: made by the operator
    Column("uses_left", Integer, nullable=False),
    Column("made_at", Whole, nullable=False),
    Column("expires_at", Whole, nullable=False, index=True),
    **INNODB,
)

pass_uses = Table(  # the accounts that used an invite code
    "pass_uses",
    metadata,
    Column("digest", ForeignKey("passes.digest", ondelete="CASCADE"), primary_key=True),
    Column("account_id", ForeignKey("accounts.id"), primary_key=True, index=True),
    Column("used_at", Whole, nullable=False),
    Column("seated_at", Whole),  # when the use gave its one seat in the room
    **INNODB,
)

friendships = Table(
    "friendships",
    metadata,
    Column("conversation_id", ForeignKey("conversations.id", ondelete="CASCADE"), primary_key=True),
    Column("low_id", ForeignKey("accounts.id"), nullable=False),  # the smaller of the two account ids
    Column("high_id", ForeignKey("accounts.id"), nullable=False, index=True),
    Column("since", Whole, nullable=False),
    Column("ended_at", Whole),  # the private chat stays readable
    UniqueConstraint("low_id", "high_id"),
    **INNODB,
)

blocks = Table(  # which account blocks which
    "blocks",
    metadata,
    Column("account_id", ForeignKey("accounts.id", ondelete="CASCADE"), primary_key=True),
    Column("blocked_id", ForeignKey("accounts.id"), primary_key=True, index=True),
    Column("since", Whole, nullable=False),
    **INNODB,
)

memberships = Table(
    "memberships",
    metadata,
    Column("conversation_id", ForeignKey("conversations.id", ondelete="CASCADE"), primary_key=True),
    Column("account_id", ForeignKey("accounts.id"), primary_key=True),
    Column("nickname", Name),  # NULL before the first entry
    Column("entered", Boolean, nullable=False, server_default="0"),
    Column("read_seq", Whole, nullable=False, server_default="0"),
    Column("joined_seq", Whole, nullable=False, server_default="0"),  # the head when the seat was taken
    Column("joined_at", Whole, nullable=False),
    Column("moderator", Boolean, nullable=False, server_default="0"),  # of a room
    Index(None, "account_id"),
    **INNODB,
)

messages = Table(
    "messages",
    metadata,
    Column("conversation_id", ForeignKey("conversations.id", ondelete="CASCADE"), primary_key=True),
    Column("seq", Whole, primary_key=True, autoincrement=False),
    Column("account_id", ForeignKey("accounts.id"), nullable=False),
    Column("kind", Word, nullable=False),
    Column("nickname", Name, nullable=False),
    Column("text", Body, nullable=False),
    Column("target", Whole),  # the seq of the message that this one changes or replies to
    Column("cid", Ascii),  # NULL for system messages
    Column("sent_at", Whole, nullable=False),
    Column("spoken", Whole, nullable=False),  # messages of the kinds text and action up to this one
    # One message for each cid of an account. SQLite writes whole pages, so its index begins with the cid,
    # which begins with the time: concurrent messages of many accounts share a page. InnoDB logs only the
    # changes of a page, and its foreign key needs an index that begins with the account.
    UniqueConstraint("account_id", "cid").ddl_if("mysql"),
    Index("uq_messages_cid_account_id", "cid", "account_id", unique=True).ddl_if("sqlite"),
    sqlite_with_rowid=False,
    **INNODB,
)

servers = Table(
    "servers",
    metadata,
    Column("id", Digest, primary_key=True),
    Column("seen_at", Whole, nullable=False),  # updated while the process runs
    Column("name", Line),  # for administrators
    Column("started_at", Whole),
    **INNODB,
)

cluster_keys = Table(  # what all server processes on this database share
    "cluster_keys",
    metadata,
    Column("name", Ascii, primary_key=True),
    Column("value", Digest, nullable=False),
    **INNODB,
)

attendances = Table(  # the accounts that have sessions on a server process
    "attendances",
    metadata,
    Column("server_id", ForeignKey("servers.id", ondelete="CASCADE"), primary_key=True),
    Column("account_id", ForeignKey("accounts.id"), primary_key=True),
    **INNODB,
)

news = Table(  # the changes of a server process, for the other processes
    "news",
    metadata,
    Column("server_id", Digest, primary_key=True),
    Column("number", Whole, primary_key=True, autoincrement=False),  # increases with each of its transactions
    Column("body", Body, nullable=False),
    sqlite_with_rowid=False,
    **INNODB,
)

revisions = Table(  # the messages that change a target and are in effect
    "revisions",
    metadata,
    Column("conversation_id", ForeignKey("conversations.id", ondelete="CASCADE"), primary_key=True),
    Column("target", Whole, primary_key=True, autoincrement=False),
    Column("seq", Whole, primary_key=True, autoincrement=False),
    sqlite_with_rowid=False,
    **INNODB,
)

erasures = Table(  # messages whose text was erased: deleted ones, and texts that an edit replaced
    "erasures",
    metadata,
    Column("conversation_id", ForeignKey("conversations.id", ondelete="CASCADE"), primary_key=True),
    Column("seq", Whole, primary_key=True, autoincrement=False),
    Column("digest", Digest),  # of the text, so that a resend is recognised
    Column("erased_at", Whole, nullable=False, index=True),
    Column(
        "unindex_after", Whole, index=True
    ),  # the index holds its words; remove them after this seq is indexed
    sqlite_with_rowid=False,
    **INNODB,
)

account_erasures = Table(  # erased accounts whose messages are still being erased
    "account_erasures",
    metadata,
    Column("account_id", ForeignKey("accounts.id", ondelete="CASCADE"), primary_key=True),
    Column("username", Name, nullable=False),  # the name that it had, for notices that contain it
    Column("requested_at", Whole, nullable=False),
    Column("conversation_id", Whole, nullable=False, server_default="0"),  # how far the erasure is
    Column("seq", Whole, nullable=False, server_default="0"),
    Column("messages", Whole, nullable=False, server_default="0"),  # erased so far
    **INNODB,
)

erased_names = Table(  # digests of the names of erased accounts, which stay taken
    "erased_names",
    metadata,
    Column("digest", Digest, primary_key=True),
    Column("erased_at", Whole, nullable=False),
    **INNODB,
)

indexed = Table(  # up to which seq a conversation is in the search index
    "indexed",
    metadata,
    Column("conversation_id", ForeignKey("conversations.id", ondelete="CASCADE"), primary_key=True),
    Column("seq", Whole, nullable=False),
    **INNODB,
)

documents = table(  # the terms of messages; the migrations create a different table for each engine
    "documents",
    column("rowid", Whole),  # derived from the message's time, so that documents are in the order of messages
    column("terms", Text),
    column("conversation_id", Whole),
    column("seq", Whole),
)
