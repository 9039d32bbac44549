"""The names of erased accounts: a neutral one replaces each, and the old one stays taken.

A later account with the old name would pass for the erased user, so no account may have that name or one
that looks like it. Only digests of it are kept.
"""

import hashlib

from sqlalchemy import Connection, insert, select

from chatroom.db.schema import erased_names

NEUTRAL_PREFIX = "deleted-"
"""The beginning of the names of erased accounts. No other account may have such a name."""


def neutral_name(account_id: int) -> str:
    """Return the name of an erased account: ``deleted-002a``. No two accounts have the same."""
    return f"{NEUTRAL_PREFIX}{account_id:04x}"


def reserve_name(connection: Connection, key: bytes, skeleton: bytes, now: int) -> None:
    """Keep the name with this key, and those that look like it, from being registered again."""
    digests = set(_digests(key, skeleton)) - _reserved(connection, key, skeleton)
    if digests:
        rows = [{"digest": digest, "erased_at": now} for digest in sorted(digests)]
        connection.execute(insert(erased_names), rows)


def is_reserved(connection: Connection, key: bytes, skeleton: bytes) -> bool:
    """Whether an erased account had this name, or one that looks like it; or whether it is a neutral name."""
    return key.startswith(NEUTRAL_PREFIX.encode()) or bool(_reserved(connection, key, skeleton))


def erasure_time(connection: Connection, key: bytes) -> int | None:
    """When the account with this name was erased; ``None`` if no such account was."""
    query = select(erased_names.c.erased_at).where(erased_names.c.digest == _digest(b"key", key))
    return connection.execute(query).scalar_one_or_none()


def _reserved(connection: Connection, key: bytes, skeleton: bytes) -> set[bytes]:
    column = erased_names.c.digest
    return set(connection.scalars(select(column).where(column.in_(_digests(key, skeleton)))))


def _digests(key: bytes, skeleton: bytes) -> list[bytes]:
    return [_digest(b"key", key), _digest(b"skeleton", skeleton)]


def _digest(kind: bytes, value: bytes) -> bytes:
    return hashlib.sha256(kind + b" " + value).digest()
