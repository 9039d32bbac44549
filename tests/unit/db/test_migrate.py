"""Migrations: from an empty, partial or older database to the schema; other databases are refused."""

import shutil
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, Engine, event, inspect, select, text

from chatroom.db import migrate, schema
from chatroom.db.engine import begin_write, open_engine
from chatroom.db.errors import DatabaseUnusable
from chatroom.db.migrate import upgrade_schema
from chatroom.db.queries import accounts, messages
from chatroom.db.records import MessageDraft
from tests.support.database import DatabaseServer, fresh_database
from tests.unit.db.builders import NOW, append_message, make_account

NEXT_MIGRATION = '''
"""A future migration: accounts get a colour."""

import sqlalchemy as sa
from alembic import op

revision = "9000"
down_revision = {head!r}


def upgrade() -> None:
    if "colour" not in {{column["name"] for column in sa.inspect(op.get_bind()).get_columns("accounts")}}:
        op.add_column("accounts", sa.Column("colour", sa.Integer, nullable=False, server_default="7"))
'''


OTHER_ENGINE_CONSTRAINTS = {"sqlite": "uq_messages_account_id_cid", "mysql": "uq_messages_cid_account_id"}
"""Constraints of the schema for the other engine; Alembic does not distinguish them."""


@pytest.fixture
def bare(database_url: str) -> Iterator[Engine]:
    """A database without tables."""
    engine = open_engine(database_url)
    yield engine
    engine.dispose()


@pytest.fixture
def next_migration(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """This program with one more migration."""
    later = tmp_path / "migrations"
    shutil.copytree(migrate.MIGRATIONS, later, ignore=shutil.ignore_patterns("__pycache__"))
    (head,) = ScriptDirectory(str(later)).get_heads()
    (later / "versions" / "9000_colour.py").write_text(NEXT_MIGRATION.format(head=head))
    monkeypatch.setattr(migrate, "MIGRATIONS", later)


def make_earlier_room(connection: Connection, name: str, owner_id: int) -> int:
    """Create a room in a schema without later tables."""
    added = connection.execute(text("INSERT INTO conversations (kind) VALUES ('room')"))
    room_id: int = added.lastrowid
    names = ", ".join(("name", "name_key", "name_skeleton", "capacity", "owner_id", "created_at"))
    connection.execute(
        text(f"INSERT INTO rooms (conversation_id, {names}) VALUES (:id, :name, :key, :key, 5, :owner, 0)"),
        {"id": room_id, "name": name, "key": name.encode(), "owner": owner_id},
    )
    return room_id


def differences(engine: Engine) -> list[Any]:
    """Return the changes that Alembic would still make to arrive at ``db.schema``."""

    def is_for_this_engine(item: object, name: str | None, *_: object) -> bool:
        return name != OTHER_ENGINE_CONSTRAINTS[engine.dialect.name]

    with engine.connect() as connection:
        options = {
            "compare_type": True,
            "compare_server_default": True,
            "include_name": is_in_schema,
            "include_object": is_for_this_engine,
        }
        differing: list[Any] = compare_metadata(
            MigrationContext.configure(connection, opts=options), schema.metadata
        )
        return differing


def is_in_schema(name: str | None, type: str, _parents: object) -> bool:
    """The search index is a different table in each engine, with SQLite's internal tables beside it."""
    return type != "table" or name is None or not name.startswith("documents")


def tables(engine: Engine) -> set[str]:
    with engine.connect() as connection:
        return set(inspect(connection).get_table_names())


def test_migrations_produce_the_schema(bare: Engine) -> None:
    upgrade_schema(bare)
    assert differences(bare) == []


def test_second_upgrade_changes_nothing(bare: Engine) -> None:
    upgrade_schema(bare)
    with begin_write(bare) as connection:
        alice = make_account(connection, "Alice")
    upgrade_schema(bare)
    with bare.connect() as connection:
        assert accounts.usernames_by_id(connection, [alice]) == {alice: "Alice"}


def test_database_with_data_is_migrated(bare: Engine, request: pytest.FixtureRequest) -> None:
    upgrade_schema(bare)
    with begin_write(bare) as connection:
        alice = make_account(connection, "Alice")
    request.getfixturevalue("next_migration")
    upgrade_schema(bare)
    with bare.connect() as connection:
        colours = connection.execute(text("SELECT id, username, colour FROM accounts")).all()
    assert colours == [(alice, "Alice", 7)]


def test_cid_index_migration_keeps_messages(
    bare: Engine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as before:
        before.setattr(migrate, "MIGRATIONS", migrations_until("0006", tmp_path))
        upgrade_schema(bare)
    with begin_write(bare) as connection:
        alice = make_account(connection, "Alice")
        room_id = make_earlier_room(connection, "here", alice)
        insert_early_messages(
            connection, room_id, alice, [(None, words, "text") for words in ("one", "two", "three")]
        )
    upgrade_schema(bare)
    assert differences(bare) == []
    with begin_write(bare) as connection:
        assert append_message(connection, room_id, alice, "four").seq == 4
        page, _ = messages.message_page(connection, room_id, limit=9)
        assert [(message.seq, message.text) for message in page] == [
            (1, "one"),
            (2, "two"),
            (3, "three"),
            (4, "four"),
        ]


def insert_early_messages(
    connection: Connection, conversation_id: int, account_id: int, changes: list[tuple[int | None, str, str]]
) -> None:
    """Store messages with the columns of the first release. ``changes`` are targets, texts and kinds."""
    insert = text(
        "INSERT INTO messages (conversation_id, seq, account_id, kind, nickname, text, target, cid, sent_at,"
        " spoken)"
        " VALUES (:conversation_id, :seq, :account_id, :kind, 'Alice', :text, :target, :cid, :now, :seq)"
    )
    common = {"conversation_id": conversation_id, "account_id": account_id, "now": NOW}
    for seq, (target, words, kind) in enumerate(changes, 1):
        row = {"seq": seq, "target": target, "text": words, "kind": kind, "cid": f"c{seq}"}
        connection.execute(insert, common | row)
    head = {"id": conversation_id, "head": len(changes)}
    connection.execute(text("UPDATE conversations SET head = :head, spoken = :head WHERE id = :id"), head)


def migrations_until(newest: str, folder: Path) -> Path:
    """The migrations of an earlier release."""
    earlier = folder / "earlier"
    shutil.copytree(migrate.MIGRATIONS, earlier, ignore=shutil.ignore_patterns("__pycache__"))
    for file in (earlier / "versions").glob("[0-9]*.py"):
        if file.name.partition("_")[0] > newest:
            file.unlink()
    return earlier


def test_erasure_migration_erases_deleted_and_replaced_texts(
    bare: Engine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as before:
        before.setattr(migrate, "MIGRATIONS", migrations_until("0009", tmp_path))
        upgrade_schema(bare)
    with begin_write(bare) as connection:
        alice = make_account(connection, "Alice")
        room_id = make_earlier_room(connection, "here", alice)
        changes = [
            (None, "kept", "text"), (None, "deleted", "text"), (None, "first", "action"),
            (2, "deleted edit", "edit"), (3, "second", "edit"), (3, "third", "edit"), (2, "", "delete"),
            (None, "Caf\u00e9", "text"),
        ]  # fmt: skip
        insert_early_messages(connection, room_id, alice, changes)
        for target, seq in ((3, 6), (2, 7)):
            row = {"conversation_id": room_id, "target": target, "seq": seq}
            connection.execute(schema.revisions.insert().values(row))
    upgrade_schema(bare)
    with begin_write(bare) as connection:
        page, _ = messages.message_page(connection, room_id, limit=9)
        assert [message.text for message in page] == ["kept", "", "", "", "", "third", "", "Caf\u00e9"]
        drafts = [
            MessageDraft(room_id, alice, "Alice", "Alice", kind, words, f"c{number}", target)
            for number, (target, words, kind) in enumerate(changes, 1)
        ]
        again = messages.append_messages(connection, messages.lock_heads(connection, [room_id]), drafts, NOW)
        assert {outcome.verdict for outcome in again} == {messages.DUPLICATE}
        pending = connection.execute(select(schema.erasures.c.seq, schema.erasures.c.unindex_after)).all()
        assert sorted(pending) == [(2, 8), (3, 8), (8, 8)]


def test_upgrade_killed_after_any_statement_completes_later(bare: Engine) -> None:
    attempts = 0
    while True:
        try:
            with killed_after(statements=attempts):
                upgrade_schema(bare)
            break
        except Killed:
            attempts += 1
    assert attempts >= 10
    assert differences(bare) == []


class Killed(Exception):
    """The process was killed."""


@contextmanager
def killed_after(statements: int) -> Iterator[None]:
    """Raise ``Killed`` after so many statements that change something."""
    left = [statements]

    def count(_c: object, _cursor: object, statement: str, *_rest: object) -> None:
        if statement.lstrip().upper().startswith(("ALTER", "CREATE", "INSERT")):
            if not left[0]:
                raise Killed
            left[0] -= 1

    event.listen(Engine, "after_cursor_execute", count)
    try:
        yield
    finally:
        event.remove(Engine, "after_cursor_execute", count)


def test_concurrent_upgrades_succeed(database_url: str, bare: Engine) -> None:
    engines = [open_engine(database_url) for _ in range(3)]
    with ThreadPoolExecutor(3) as pool:
        assert list(pool.map(upgrade_schema, engines)) == [None] * 3
    for engine in engines:
        engine.dispose()
    assert differences(bare) == []


def test_upgrade_lock_timeout_is_reported(mysql_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(migrate, "UPGRADE_LOCK_SECONDS", 0)
    engine = open_engine(mysql_url)
    with (
        migrate._schema_lock(engine),
        pytest.raises(DatabaseUnusable, match="another chat-server is upgrading this database"),
    ):
        upgrade_schema(engine)
    engine.dispose()


def test_upgrade_lock_name_matches_earlier_releases(mariadb: DatabaseServer) -> None:
    named_by_mariadb = "SELECT concat('chatroom upgrade ', md5(database()))"
    with fresh_database(mariadb) as url:
        engine = open_engine(url)
        with engine.connect() as connection:
            assert migrate._lock_name(connection) == connection.scalar(text(named_by_mariadb))
        engine.dispose()


def test_database_of_newer_server_is_refused(engine: Engine) -> None:
    with begin_write(engine) as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    with pytest.raises(DatabaseUnusable, match="at revision 9999, unknown to this chat-server"):
        upgrade_schema(engine)


def test_database_of_another_program_is_refused(bare: Engine) -> None:
    with begin_write(bare) as connection:
        connection.execute(text("CREATE TABLE rooms (beds INTEGER)"))
    with pytest.raises(DatabaseUnusable, match="holds tables of another program: rooms"):
        upgrade_schema(bare)
    assert tables(bare) == {"rooms"}


def test_unrelated_tables_are_ignored(bare: Engine) -> None:
    with begin_write(bare) as connection:
        connection.execute(text("CREATE TABLE diary (page INTEGER)"))
    upgrade_schema(bare)
    assert {"diary", "rooms"} < tables(bare)
