"""A token is good until it expires or is dropped: by itself, with its family, or with all others."""

from collections.abc import Iterator

import pytest
from chatroom.db.engine import begin_write
from chatroom.db.queries import tokens
from chatroom.db.queries.tokens import TokenRecord
from sqlalchemy import Connection, Engine

from tests.unit.db.people import make_account

LAPTOP, LAPTOP_NEXT, PHONE = b"\x01" * 32, b"\x02" * 32, b"\x00\xff" * 16
AT_HOME, AWAY = b"\x10" * 32, b"\x20" * 32


@pytest.fixture
def alice(engine: Engine) -> int:
    with begin_write(engine) as connection:
        return make_account(connection, "Alice")


@pytest.fixture
def connection(engine: Engine, alice: int) -> Iterator[Connection]:
    """Alice is logged in twice, and has resumed once on her laptop."""
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


def good(connection: Connection) -> list[bytes]:
    return [one for one in (LAPTOP, LAPTOP_NEXT, PHONE) if tokens.find_token(connection, one, now=999)]


def test_a_token_says_whose_it_is_and_what_it_was_exchanged_for(connection: Connection, alice: int) -> None:
    assert tokens.find_token(connection, LAPTOP_NEXT, now=999) == TokenRecord(alice, AT_HOME, LAPTOP, 1000)
    assert tokens.find_token(connection, PHONE, now=999) == TokenRecord(alice, AWAY, None, 1000)


def test_an_expired_or_unknown_token_is_none(connection: Connection) -> None:
    assert tokens.find_token(connection, LAPTOP, now=1000) is None
    assert tokens.find_token(connection, b"\x03" * 32, now=1) is None


def test_dropping_one_leaves_its_family(connection: Connection) -> None:
    tokens.delete_token(connection, LAPTOP)
    assert good(connection) == [LAPTOP_NEXT, PHONE]


def test_logging_out_drops_the_family(connection: Connection) -> None:
    tokens.delete_family(connection, AT_HOME)
    assert good(connection) == [PHONE]


def test_a_new_password_drops_all_or_all_others(connection: Connection, alice: int) -> None:
    tokens.delete_account_tokens(connection, alice, except_digest=PHONE)
    assert good(connection) == [PHONE]
    tokens.delete_account_tokens(connection, alice)
    assert good(connection) == []


def test_what_has_expired_is_swept(connection: Connection) -> None:
    tokens.delete_expired_tokens(connection, now=999)
    assert len(good(connection)) == 3
    tokens.delete_expired_tokens(connection, now=1000)
    assert good(connection) == []
