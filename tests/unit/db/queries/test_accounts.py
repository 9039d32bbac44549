"""An account is told apart by its keys alone, whatever a collation would say of its name."""

import pytest
from chatroom.db.engine import begin_write
from chatroom.db.errors import AlreadyExists
from chatroom.db.queries import accounts
from sqlalchemy import Engine

from tests.unit.db.people import NOW, make_account

TRAPS = [
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
"""Names that one collation of MySQL or another takes for each other."""


def test_whoever_registered_is_found_by_key_by_look_and_by_id(engine: Engine) -> None:
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


def test_nobody_is_found_by_another_key(engine: Engine) -> None:
    with begin_write(engine) as connection:
        id = make_account(connection, "Alice")
        assert accounts.find_account(connection, b"ALICE") is None
        assert accounts.find_account(connection, b"alice ") is None
        assert accounts.find_look_alike(connection, b"bob") is None
        assert accounts.find_account_by_id(connection, id + 1) is None


@pytest.mark.parametrize(("key", "skeleton"), [(b"admin", b"other"), (b"other", b"admin")])
def test_a_name_and_its_look_are_taken_once(engine: Engine, key: bytes, skeleton: bytes) -> None:
    with begin_write(engine) as connection:
        make_account(connection, "admin")
    with pytest.raises(AlreadyExists), begin_write(engine) as connection:
        accounts.add_account(connection, username="x", key=key, skeleton=skeleton, password_hash="-", now=NOW)


def test_a_refused_name_leaves_the_rest_of_the_transaction_alone(engine: Engine) -> None:
    with begin_write(engine) as connection:
        make_account(connection, "Alice")
        with pytest.raises(AlreadyExists), connection.begin_nested():
            make_account(connection, "alice")
        bob = make_account(connection, "Bob")
    with engine.connect() as connection:
        assert accounts.usernames_by_id(connection, [bob]) == {bob: "Bob"}


def test_no_collation_has_a_say_in_who_is_who(engine: Engine) -> None:
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
            for name in TRAPS
        }
    with engine.connect() as connection:
        assert accounts.usernames_by_id(connection, ids) == ids
        for id, name in ids.items():
            found = accounts.find_account(connection, name.encode())
            assert found is not None
            assert (found.id, found.username) == (id, name)


def test_a_password_is_changed_for_one_account_only(engine: Engine) -> None:
    with begin_write(engine) as connection:
        alice, bob = make_account(connection, "Alice"), make_account(connection, "Bob")
        accounts.set_password(connection, alice, "new")
        hashes = [
            account.password_hash
            for id in (alice, bob)
            if (account := accounts.find_account_by_id(connection, id))
        ]
    assert hashes == ["new", "-"]


def test_the_names_of_nobody_are_asked_for_in_vain(engine: Engine) -> None:
    with engine.connect() as connection:
        assert accounts.usernames_by_id(connection, []) == {}
        assert accounts.usernames_by_id(connection, [17]) == {}
