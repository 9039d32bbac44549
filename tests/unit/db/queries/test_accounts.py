"""Accounts are distinguished by their keys only, independently of collations."""

import pytest
from sqlalchemy import Engine

from chatroom.db.engine import begin_write
from chatroom.db.errors import AlreadyExists
from chatroom.db.queries import accounts
from tests.unit.db.builders import NOW, make_account

COLLATION_TRAPS = [
    "Admin",
    "ádmin",
    "ADMÏN",
    "admin_",
    "ａｄｍｉｎ",
    "Straße",
    "strasse",
    "ß",
    "ss",
    "中文",
    "😀",
    "😁",
    "İ",
    "ı",
]
"""Names that some collation of MySQL considers equal."""


def test_account_is_found_by_key_skeleton_and_id(engine: Engine) -> None:
    with begin_write(engine) as connection:
        id = accounts.add_account(
            connection, username="Alice", key=b"alice", skeleton=b"a1ice", password_hash="$2b$x", now=NOW
        )
    with engine.connect() as connection:
        alice = accounts.find_account_by_id(connection, id)
        assert alice is not None
        assert (alice.username, alice.password_hash, alice.disabled) == ("Alice", "$2b$x", False)
        assert accounts.find_account(connection, b"alice") == alice
        assert accounts.find_look_alike(connection, b"a1ice") == alice


def test_unknown_key_is_none(engine: Engine) -> None:
    with begin_write(engine) as connection:
        id = make_account(connection, "Alice")
        assert accounts.find_account(connection, b"ALICE") is None
        assert accounts.find_account(connection, b"alice ") is None
        assert accounts.find_look_alike(connection, b"bob") is None
        assert accounts.find_account_by_id(connection, id + 1) is None


@pytest.mark.parametrize(("key", "skeleton"), [(b"admin", b"other"), (b"other", b"admin")])
def test_duplicate_name_or_look_alike_is_refused(engine: Engine, key: bytes, skeleton: bytes) -> None:
    with begin_write(engine) as connection:
        make_account(connection, "admin")
    with pytest.raises(AlreadyExists), begin_write(engine) as connection:
        accounts.add_account(connection, username="x", key=key, skeleton=skeleton, password_hash="-", now=NOW)


def test_refused_name_keeps_rest_of_transaction(engine: Engine) -> None:
    with begin_write(engine) as connection:
        make_account(connection, "Alice")
        with pytest.raises(AlreadyExists), connection.begin_nested():
            make_account(connection, "alice")
        bob = make_account(connection, "Bob")
    with engine.connect() as connection:
        assert accounts.usernames_by_id(connection, [bob]) == {bob: "Bob"}


def test_names_equal_under_collation_are_distinct(engine: Engine) -> None:
    with begin_write(engine) as connection:
        ids = {
            accounts.add_account(
                connection,
                username=name,
                key=name.encode(),
                skeleton=name.encode(),
                password_hash="-",
                now=NOW,
            ): name
            for name in COLLATION_TRAPS
        }
    with engine.connect() as connection:
        assert accounts.usernames_by_id(connection, ids) == ids
        for id, name in ids.items():
            record = accounts.find_account(connection, name.encode())
            assert record is not None
            assert (record.id, record.username) == (id, name)


def test_set_password_changes_one_account(engine: Engine) -> None:
    with begin_write(engine) as connection:
        alice, bob = make_account(connection, "Alice"), make_account(connection, "Bob")
        accounts.set_password(connection, alice, "new")
        hashes = [
            account.password_hash
            for id in (alice, bob)
            if (account := accounts.find_account_by_id(connection, id))
        ]
    assert hashes == ["new", "-"]


def test_usernames_of_unknown_ids_are_empty(engine: Engine) -> None:
    with engine.connect() as connection:
        assert accounts.usernames_by_id(connection, []) == {}
        assert accounts.usernames_by_id(connection, [17]) == {}
