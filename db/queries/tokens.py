"""Tokens: the stored right to resume. Only a digest of each is here, so that a stolen database opens no
session.

A *family* is one login and all that its token was exchanged for since. The *parent* of a token is the one
that it was exchanged for, which stays good until the new one is used.
"""

from dataclasses import dataclass

from chatroom.db.schema import tokens
from sqlalchemy import ColumnElement, Connection, delete, insert, select


@dataclass(frozen=True, slots=True)
class TokenRecord:
    """``expires_at`` in milliseconds since 1970."""

    account_id: int
    family: bytes
    parent: bytes | None
    expires_at: int


def add_token(
    connection: Connection,
    *,
    digest: bytes,
    account_id: int,
    family: bytes,
    parent: bytes | None,
    expires_at: int,
) -> None:
    connection.execute(
        insert(tokens).values(
            digest=digest, account_id=account_id, family=family, parent=parent, expires_at=expires_at
        )
    )


def find_token(connection: Connection, digest: bytes, now: int) -> TokenRecord | None:
    """The token, unless it has expired."""
    row = tokens.c
    query = select(row.account_id, row.family, row.parent, row.expires_at)
    found = connection.execute(query.where(row.digest == digest, row.expires_at > now)).one_or_none()
    return None if found is None else TokenRecord(*found)


def delete_token(connection: Connection, digest: bytes) -> None:
    _delete_where(connection, tokens.c.digest == digest)


def delete_family(connection: Connection, family: bytes) -> None:
    _delete_where(connection, tokens.c.family == family)


def delete_account_tokens(
    connection: Connection, account_id: int, except_digest: bytes | None = None
) -> None:
    """Every token of an account, or all but the one with this digest."""
    others = () if except_digest is None else (tokens.c.digest != except_digest,)
    _delete_where(connection, tokens.c.account_id == account_id, *others)


def delete_expired_tokens(connection: Connection, now: int) -> None:
    _delete_where(connection, tokens.c.expires_at <= now)


def _delete_where(connection: Connection, *conditions: ColumnElement[bool]) -> None:
    connection.execute(delete(tokens).where(*conditions))
