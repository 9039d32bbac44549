"""Prepared statements return what SQLAlchemy would return, on every engine."""

import pytest
from sqlalchemy import Connection, Engine, bindparam, delete, select, update

from chatroom.db.engine import begin_write, savepoint
from chatroom.db.errors import AlreadyExists, duplicates_as_already_exists, is_duplicate
from chatroom.db.prepared import PreparedChange, PreparedSelect, prepared_insert
from chatroom.db.schema import accounts, conversations, tokens

ADD = prepared_insert(conversations, "kind", "last_at")
BY_KIND = select(conversations.c.id, (conversations.c.kind == "room").label("is_room")).where(
    conversations.c.kind == bindparam("kind")
)
ADD_ACCOUNT = prepared_insert(
    accounts, "username", "username_key", "username_skeleton", "password_hash", "registered_at"
)
ADD_TOKEN = prepared_insert(tokens, "digest", "account_id", "family", "parent", "expires_at")


def add_account(connection: Connection, name: str) -> int:
    key = name.encode()
    ADD_ACCOUNT.execute(
        connection,
        username=name,
        username_key=key,
        username_skeleton=key,
        password_hash="x",
        registered_at=1,
    )
    id_query = PreparedSelect(select(accounts.c.id).where(accounts.c.username == bindparam("name")))
    id: int = id_query.row(connection, name=name).id
    return id


def test_prepared_select_returns_named_rows_with_booleans(engine: Engine) -> None:
    with begin_write(engine) as connection:
        ADD.execute(connection, kind="room", last_at=5)
        [row] = PreparedSelect(BY_KIND).rows(connection, kind="room")
        assert row.is_room is True
        assert PreparedSelect(BY_KIND).column(connection, kind="room") == [row.id]
        assert PreparedSelect(BY_KIND).row(connection, kind="direct") is None


def test_prepared_statements_keep_any_bytes_and_text(engine: Engine) -> None:
    digest, name = bytes(range(32)), "100%s ?'\"\\😀"
    with begin_write(engine) as connection:
        id = add_account(connection, name)
        ADD_TOKEN.execute(
            connection, digest=digest, account_id=id, family=digest[::-1], parent=None, expires_at=9
        )
        query = select(tokens.c.digest, tokens.c.family, tokens.c.parent).where(
            tokens.c.digest == bindparam("digest")
        )
        row = PreparedSelect(query).row(connection, digest=digest)
        assert (bytes(row.digest), bytes(row.family), row.parent) == (digest, digest[::-1], None)


def test_prepared_change_returns_the_rows_that_it_found(engine: Engine) -> None:
    rename = PreparedChange(
        update(accounts)
        .where(accounts.c.username == bindparam("old"))
        .values(password_hash=bindparam("new_hash"))
    )
    with begin_write(engine) as connection:
        add_account(connection, "Alice")
        assert rename.execute(connection, old="Alice", new_hash="x") == 1  # found, though unchanged
        assert rename.execute(connection, old="Bob", new_hash="x") == 0
        assert PreparedChange(delete(accounts)).execute(connection) == 1


def test_duplicate_key_of_a_prepared_insert_is_recognised(engine: Engine) -> None:
    with begin_write(engine) as connection:
        add_account(connection, "Alice")
        with pytest.raises(AlreadyExists), duplicates_as_already_exists():
            add_account(connection, "Alice")
        with pytest.raises(Exception) as raised:  # noqa: PT011 (the driver's own)
            add_account(connection, "Alice")
        assert is_duplicate(raised.value)


def test_savepoint_undoes_only_its_own_block(engine: Engine) -> None:
    with begin_write(engine) as connection:
        add_account(connection, "Alice")
        with pytest.raises(AlreadyExists), savepoint(connection), duplicates_as_already_exists():
            _ = add_account(connection, "Bob"), add_account(connection, "Alice")
        with savepoint(connection):
            add_account(connection, "Carol")
        names = PreparedSelect(select(accounts.c.username)).column(connection)
        assert sorted(names) == ["Alice", "Carol"]
