"""Tokens to resume a session. Only a digest of each is stored, so that a stolen database contains no usable
token.

A *family* is one login and all tokens that replaced its token. The *parent* of a token is the one that it
replaced; it remains valid until the new one is used.
"""

from dataclasses import dataclass

from sqlalchemy import ColumnElement, Connection, bindparam, delete, select

from chatroom.db.prepared import PreparedChange, PreparedSelect, prepared_insert
from chatroom.db.schema import tokens


@dataclass(frozen=True, slots=True)
class TokenRecord:
    """``expires_at`` in milliseconds since 1970."""

    account_id: int
    family: bytes
    parent: bytes | None
    expires_at: int


_ADD = prepared_insert(tokens, "digest", "account_id", "family", "parent", "expires_at")
_BY_DIGEST = PreparedSelect(
    select(tokens.c.account_id, tokens.c.family, tokens.c.parent, tokens.c.expires_at).where(
        tokens.c.digest == bindparam("digest"), tokens.c.expires_at > bindparam("now")
    )
)
_DELETE = PreparedChange(delete(tokens).where(tokens.c.digest == bindparam("digest")))


def add_token(
    connection: Connection,
    *,
    digest: bytes,
    account_id: int,
    family: bytes,
    parent: bytes | None,
    expires_at: int,
) -> None:
    _ADD.execute(
        connection, digest=digest, account_id=account_id, family=family, parent=parent, expires_at=expires_at
    )


def find_token(connection: Connection, digest: bytes, now: int) -> TokenRecord | None:
    """Return the token, unless it has expired."""
    token = _BY_DIGEST.row(connection, digest=digest, now=now)
    return None if token is None else TokenRecord(*token)


def delete_token(connection: Connection, digest: bytes) -> None:
    _DELETE.execute(connection, digest=digest)


def delete_family(connection: Connection, family: bytes) -> None:
    _delete_where(connection, tokens.c.family == family)


def delete_account_tokens(
    connection: Connection, account_id: int, except_digest: bytes | None = None
) -> None:
    """Delete all tokens of an account, except the one with the digest ``except_digest``."""
    exceptions = () if except_digest is None else (tokens.c.digest != except_digest,)
    _delete_where(connection, tokens.c.account_id == account_id, *exceptions)


def delete_expired_tokens(connection: Connection, now: int) -> None:
    _delete_where(connection, tokens.c.expires_at <= now)


def _delete_where(connection: Connection, *conditions: ColumnElement[bool]) -> None:
    connection.execute(delete(tokens).where(*conditions))
