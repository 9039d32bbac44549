"""Every table on one screen. How a database gets here is in ``migrations``.

Rules that hold for all of it:

* A time is an integer, milliseconds since 1970 (UTC): no engine's date type agrees with another's.
* A name is stored as typed and as its canonical key (bytes, unique), so that no collation has a say.
* A conversation's row is the lock for everything in it: whoever appends a message, takes or gives up a seat,
  enters or leaves holds it until COMMIT. ``head`` is the last seq given, ``spoken`` counts the messages that
  people would call messages, and ``roster`` grows whenever it changes who may read or speak here.
* Messages are keyed by (conversation, seq), which is also how they lie on disk and how they are paged.
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
    Column("sessions_since", Whole, index=True),  # when its sessions were ended last
    Column("session_epoch", Whole, nullable=False, server_default="0"),  # how often they were
    **INNODB,
)

tokens = Table(
    "tokens",
    metadata,
    Column("digest", Digest, primary_key=True),
    Column("account_id", ForeignKey("accounts.id", ondelete="CASCADE"), nullable=False, index=True),
    Column("family", Digest, nullable=False, index=True),  # one login and all that it was exchanged for
    Column("parent", Digest),  # what this one was exchanged for
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
    Column("private", Boolean, nullable=False, server_default="0"),  # seen by members and the invited alone
    Column("password_hash", Ascii),  # of the password that a seat takes, if it takes one
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

invitations = Table(  # until the seat is taken
    "invitations",
    metadata,
    Column("conversation_id", ForeignKey("conversations.id", ondelete="CASCADE"), primary_key=True),
    Column("account_id", ForeignKey("accounts.id"), primary_key=True, index=True),
    Column("invited_at", Whole, nullable=False),
    **INNODB,
)

passes = Table(  # what a code in an invitation opens: a new account, and perhaps a room
    "passes",
    metadata,
    Column("digest", Digest, primary_key=True),
    Column("conversation_id", ForeignKey("conversations.id", ondelete="CASCADE"), index=True),
    Column("maker_id", ForeignKey("accounts.id"), index=True),  # none for whoever runs the server
    Column("uses_left", Integer, nullable=False),
    Column("made_at", Whole, nullable=False),
    Column("expires_at", Whole, nullable=False, index=True),
    **INNODB,
)

pass_uses = Table(  # who has come in by a pass
    "pass_uses",
    metadata,
    Column("digest", ForeignKey("passes.digest", ondelete="CASCADE"), primary_key=True),
    Column("account_id", ForeignKey("accounts.id"), primary_key=True, index=True),
    Column("used_at", Whole, nullable=False),
    Column(
        "seated_at", Whole
    ),  # since when it has been used for a seat in the room, and is for none any more
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

blocks = Table(  # who wants to hear nothing more from whom
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
    Column("nickname", Name),  # none before the first entry
    Column("entered", Boolean, nullable=False, server_default="0"),
    Column("read_seq", Whole, nullable=False, server_default="0"),
    Column("joined_seq", Whole, nullable=False, server_default="0"),  # the head when the seat was taken
    Column("joined_at", Whole, nullable=False),
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
    Column("target", Whole),  # the seq of the message that this one changes, or answers
    Column("cid", Ascii),  # none for notices
    Column("sent_at", Whole, nullable=False),
    Column("spoken", Whole, nullable=False),  # how many up to this one people would call messages
    # One message for each cid of an account. SQLite writes whole pages, so its index begins with the cid,
    # which begins with the time: what many say at once lies together. InnoDB writes down what has changed
    # in a page, and has to have an index that begins with the account.
    UniqueConstraint("account_id", "cid").ddl_if("mysql"),
    Index("uq_messages_cid_account_id", "cid", "account_id", unique=True).ddl_if("sqlite"),
    sqlite_with_rowid=False,
    **INNODB,
)

servers = Table(
    "servers",
    metadata,
    Column("id", Digest, primary_key=True),
    Column("seen_at", Whole, nullable=False),  # renewed while the process lives
    **INNODB,
)

attendances = Table(  # on which server process an account has sessions
    "attendances",
    metadata,
    Column("server_id", ForeignKey("servers.id", ondelete="CASCADE"), primary_key=True),
    Column("account_id", ForeignKey("accounts.id"), primary_key=True),
    **INNODB,
)

news = Table(  # what a server process has changed, for the others to look at
    "news",
    metadata,
    Column("server_id", Digest, primary_key=True),
    Column("number", Whole, primary_key=True, autoincrement=False),  # of its transactions, ever larger
    Column("body", Body, nullable=False),
    sqlite_with_rowid=False,
    **INNODB,
)

revisions = Table(  # which of the messages that change a target still count
    "revisions",
    metadata,
    Column("conversation_id", ForeignKey("conversations.id", ondelete="CASCADE"), primary_key=True),
    Column("target", Whole, primary_key=True, autoincrement=False),
    Column("seq", Whole, primary_key=True, autoincrement=False),
    sqlite_with_rowid=False,
    **INNODB,
)

indexed = Table(  # how far search looks into the index, and behind which seq it reads the messages themselves
    "indexed",
    metadata,
    Column("conversation_id", ForeignKey("conversations.id", ondelete="CASCADE"), primary_key=True),
    Column("seq", Whole, nullable=False),
    **INNODB,
)

documents = table(  # the terms of messages; each engine has it in a form of its own, which is in migrations
    "documents",
    column("rowid", Whole),  # the message's time, so that their order is that of the messages
    column("terms", Text),
    column("conversation_id", Whole),
    column("seq", Whole),
)
