"""A token is valid until it expires or is deleted: alone, with its family, or with all others of the
account.
"""

from collections.abc import Iterator

import pytest
from sqlalchemy import Connection, Engine

from chatroom.db.engine import begin_write
from chatroom.db.queries import tokens
from chatroom.db.queries.tokens import TokenRecord
from tests.unit.db.builders import make_account

LAPTOP, LAPTOP_NEXT, PHONE = b"\x01" * 32, b"\x02" * 32, b"\x00\xff" * 16
AT_HOME, AWAY = b"\x10" * 32, b"\x20" * 32


@pytest.fixture
def alice(engine: Engine) -> int:
    with begin_write(engine) as connection:
        return make_account(connection, "Alice")


@pytest.fixture
def connection(engine: Engine, alice: int) -> Iterator[Connection]:
    """Alice has two logins and has resumed one of them once."""
    with begin_write(engine) as connection:
        for digest, family, parent in [
            (LAPTOP, AT_HOME, None),
            (LAPTOP_NEXT, AT_HOME, LAPTOP),
            (PHONE, AWAY, None),
        ]:
            tokens.add_token(
                connection, digest=digest, account_id=alice, family=family, parent=parent, expires_at=1000
            )
        yield connection


def valid_tokens(connection: Connection) -> list[bytes]:
    return [token for token in (LAPTOP, LAPTOP_NEXT, PHONE) if tokens.find_token(connection, token, now=999)]


def test_find_token_returns_account_and_parent(connection: Connection, alice: int) -> None:
    assert tokens.find_token(connection, LAPTOP_NEXT, now=999) == TokenRecord(alice, AT_HOME, LAPTOP, 1000)
    assert tokens.find_token(connection, PHONE, now=999) == TokenRecord(alice, AWAY, None, 1000)


def test_expired_or_unknown_token_is_none(connection: Connection) -> None:
    assert tokens.find_token(connection, LAPTOP, now=1000) is None
    assert tokens.find_token(connection, b"\x03" * 32, now=1) is None


def test_delete_token_keeps_family(connection: Connection) -> None:
    tokens.delete_token(connection, LAPTOP)
    assert valid_tokens(connection) == [LAPTOP_NEXT, PHONE]


def test_delete_family_removes_all_its_tokens(connection: Connection) -> None:
    tokens.delete_family(connection, AT_HOME)
    assert valid_tokens(connection) == [PHONE]


def test_delete_account_tokens_may_keep_one(connection: Connection, alice: int) -> None:
    tokens.delete_account_tokens(connection, alice, except_digest=PHONE)
    assert valid_tokens(connection) == [PHONE]
    tokens.delete_account_tokens(connection, alice)
    assert valid_tokens(connection) == []


def test_expired_tokens_are_deleted(connection: Connection) -> None:
    tokens.delete_expired_tokens(connection, now=999)
    assert len(valid_tokens(connection)) == 3
    tokens.delete_expired_tokens(connection, now=1000)
    assert valid_tokens(connection) == []
