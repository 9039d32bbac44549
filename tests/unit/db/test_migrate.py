"""The way of a database to the schema: from nothing, from half, from before, never from a stranger's."""

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
from chatroom.db import migrate, schema
from chatroom.db.engine import begin_write, open_engine
from chatroom.db.errors import DatabaseUnusable
from chatroom.db.migrate import upgrade_schema
from chatroom.db.queries import accounts, messages
from sqlalchemy import Engine, event, inspect, text

from tests.support.database import DatabaseServer, fresh_database
from tests.unit.db.people import append_message, make_account, make_room

NEXT_STEP = '''
"""A step that is not there yet: accounts get a colour."""

import sqlalchemy as sa
from alembic import op

revision = "9000"
down_revision = {head!r}


def upgrade() -> None:
    if "colour" not in {{column["name"] for column in sa.inspect(op.get_bind()).get_columns("accounts")}}:
        op.add_column("accounts", sa.Column("colour", sa.Integer, nullable=False, server_default="7"))
'''


NOT_FOR = {"sqlite": "uq_messages_account_id_cid", "mysql": "uq_messages_cid_account_id"}
"""What the schema has for the other engine; Alembic does not look whom a constraint is for."""


@pytest.fixture
def bare(database_url: str) -> Iterator[Engine]:
    """A database without a table."""
    engine = open_engine(database_url)
    yield engine
    engine.dispose()


@pytest.fixture
def next_step(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """This program, one step later."""
    later = tmp_path / "migrations"
    shutil.copytree(migrate.MIGRATIONS, later, ignore=shutil.ignore_patterns("__pycache__"))
    (head,) = ScriptDirectory(str(later)).get_heads()
    (later / "versions" / "9000_colour.py").write_text(NEXT_STEP.format(head=head))
    monkeypatch.setattr(migrate, "MIGRATIONS", later)


def differences(engine: Engine) -> list[Any]:
    """What Alembic would still have to do to arrive at ``db.schema``."""

    def is_for_this_engine(one: object, name: str | None, *_: object) -> bool:
        return name != NOT_FOR[engine.dialect.name]

    with engine.connect() as connection:
        options = {
            "compare_type": True,
            "compare_server_default": True,
            "include_name": is_in_schema,
            "include_object": is_for_this_engine,
        }
        found: list[Any] = compare_metadata(
            MigrationContext.configure(connection, opts=options), schema.metadata
        )
        return found


def is_in_schema(name: str | None, type: str, _parents: object) -> bool:
    """The index of search is a table of each engine's own, with what SQLite keeps for it beside it."""
    return type != "table" or name is None or not name.startswith("documents")


def tables(engine: Engine) -> set[str]:
    with engine.connect() as connection:
        return set(inspect(connection).get_table_names())


def test_the_steps_arrive_at_the_schema(bare: Engine) -> None:
    upgrade_schema(bare)
    assert differences(bare) == []


def test_upgrading_again_changes_nothing_and_loses_nothing(bare: Engine) -> None:
    upgrade_schema(bare)
    with begin_write(bare) as connection:
        alice = make_account(connection, "Alice")
    upgrade_schema(bare)
    with bare.connect() as connection:
        assert accounts.usernames_by_id(connection, [alice]) == {alice: "Alice"}


@pytest.mark.usefixtures("engine", "next_step")
def test_a_database_that_holds_data_takes_the_next_step(bare: Engine) -> None:
    with begin_write(bare) as connection:
        alice = make_account(connection, "Alice")
    upgrade_schema(bare)
    with bare.connect() as connection:
        colours = connection.execute(text("SELECT id, username, colour FROM accounts")).all()
    assert colours == [(alice, "Alice", 7)]


def test_messages_stay_when_the_index_of_their_cids_changes(
    bare: Engine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    earlier = tmp_path / "earlier"
    shutil.copytree(
        migrate.MIGRATIONS, earlier, ignore=shutil.ignore_patterns("__pycache__", "0007*", "0008*", "0009*")
    )
    with monkeypatch.context() as before:
        before.setattr(migrate, "MIGRATIONS", earlier)
        upgrade_schema(bare)
    with begin_write(bare) as connection:
        alice = make_account(connection, "Alice")
        here = make_room(connection, "here", alice)
        for text in ("one", "two", "three"):
            append_message(connection, here, alice, text)
    upgrade_schema(bare)
    assert differences(bare) == []
    with begin_write(bare) as connection:
        assert append_message(connection, here, alice, "four").seq == 4
        found, _ = messages.message_page(connection, here, limit=9)
        assert [(one.seq, one.text) for one in found] == [(1, "one"), (2, "two"), (3, "three"), (4, "four")]


def test_killed_behind_every_statement_it_is_done_in_the_end(bare: Engine) -> None:
    lives = 0
    while True:
        try:
            with killed_behind(statements=lives):
                upgrade_schema(bare)
            break
        except Killed:
            lives += 1
    assert lives >= 10
    assert differences(bare) == []


class Killed(Exception):
    """The process is gone."""


@contextmanager
def killed_behind(statements: int) -> Iterator[None]:
    """After so many that change something, the next one is not answered any more."""
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


def test_servers_that_start_at_once_agree(database_url: str, bare: Engine) -> None:
    engines = [open_engine(database_url) for _ in range(3)]
    with ThreadPoolExecutor(3) as pool:
        assert list(pool.map(upgrade_schema, engines)) == [None] * 3
    for engine in engines:
        engine.dispose()
    assert differences(bare) == []


def test_whoever_waits_too_long_for_the_other_says_so(
    mysql_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(migrate, "UPGRADE_LOCK_SECONDS", 0)
    engine = open_engine(mysql_url)
    with (
        migrate._schema_lock(engine),
        pytest.raises(DatabaseUnusable, match="another chat-server is upgrading this database"),
    ):
        upgrade_schema(engine)
    engine.dispose()


def test_upgrade_lock_has_the_name_that_earlier_releases_use(mariadb: DatabaseServer) -> None:
    named_by_mariadb = "SELECT concat('chatroom upgrade ', md5(database()))"
    with fresh_database(mariadb) as url:
        engine = open_engine(url)
        with engine.connect() as connection:
            assert migrate._lock_name(connection) == connection.scalar(text(named_by_mariadb))
        engine.dispose()


def test_a_database_of_a_newer_server_is_left_alone(engine: Engine) -> None:
    with begin_write(engine) as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    with pytest.raises(DatabaseUnusable, match="at revision 9999, unknown to this chat-server"):
        upgrade_schema(engine)


def test_a_database_of_another_program_is_left_alone(bare: Engine) -> None:
    with begin_write(bare) as connection:
        connection.execute(text("CREATE TABLE rooms (beds INTEGER)"))
    with pytest.raises(DatabaseUnusable, match="holds tables of another program: rooms"):
        upgrade_schema(bare)
    assert tables(bare) == {"rooms"}


def test_tables_of_other_names_are_no_concern_of_ours(bare: Engine) -> None:
    with begin_write(bare) as connection:
        connection.execute(text("CREATE TABLE diary (page INTEGER)"))
    upgrade_schema(bare)
    assert {"diary", "rooms"} < tables(bare)
