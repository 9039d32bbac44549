"""Backup, restore and move: lossless between engines, resumable, and without effect on a failure."""

import errno
import os
import sqlite3
import subprocess
import sys
import tracemalloc
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import URL, make_url

from chatroom.db.archive import snapshot, transfer
from chatroom.db.archive.backup_file import MAGIC
from chatroom.db.archive.transfer import CopyReport
from chatroom.db.engine import begin_write, lock_file, normalise_url, open_engine
from chatroom.db.errors import DatabaseUnusable
from chatroom.db.migrate import create_schema, newest_revision, upgrade_schema
from chatroom.db.queries import (
    accounts,
    blocks,
    friends,
    instances,
    invite_codes,
    messages,
    revisions,
    rooms,
    tokens,
)
from chatroom.db.records import MessageDraft
from tests.support.database import DatabaseServer, fresh_database
from tests.support.processes import ROOT
from tests.unit.db.builders import NOW, append_message, make_account, make_room, take_seats

TEXTS = (
    "hello",
    "你好，世界 👩‍👩‍👧",
    'it\'s \\ "quoted" % _ ?',
    "a\nb\tc\x7f\u2028",
    "None",
    "|",
    "x" * 3000,
)


def fill_database(url: str, rounds: int = 3) -> URL:
    """A database with something in every table that is copied."""
    engine = open_engine(url)
    upgrade_schema(engine)
    with begin_write(engine) as connection:
        alice, bob = make_account(connection, "Alice"), make_account(connection, "Bób")
        room = make_room(connection, "thuhole", alice)
        other = make_room(connection, "其他", bob)
        take_seats(connection, room, alice, bob)
        take_seats(connection, other, bob)
        rooms.set_topic(connection, room, "It's ünïcode %s")
        for _ in range(rounds):
            for text in TEXTS:
                append_message(connection, room, alice, text)
                append_message(connection, other, bob, text)
        append_message(connection, room, bob, "", "enter")
        draft = MessageDraft(room, bob, "Bób", "", "react", "👍", target=1)
        heads = messages.lock_heads(connection, [room])
        revisions.record_change(
            connection, messages.append_messages(connection, heads, [draft], NOW)[0].stored
        )
        friends.add_friendship(connection, alice, bob, NOW)
        blocks.add_block(connection, alice, bob, NOW)
        digest = b"\x00\xff'\\%\n\"`" * 4
        tokens.add_token(
            connection, digest=digest, account_id=alice, family=digest, parent=None, expires_at=NOW + 1
        )
        invite_codes.add_code(
            connection,
            digest=bytes(range(32)),
            conversation_id=room,
            maker_id=alice,
            uses=3,
            now=NOW,
            expires_at=NOW + 1,
        )
    engine.dispose()
    return engine.url


def no_progress(done: int, all_rows: int) -> None:
    assert 0 < done <= all_rows


def move(source: URL, target: URL | str) -> CopyReport:
    return transfer.move(source, normalise_url(target), progress=no_progress)


def back_up(source: URL, file: Path) -> CopyReport:
    return transfer.back_up(source, file, release="test", now=NOW, progress=no_progress)


def restore(file: Path, target: str) -> CopyReport:
    return transfer.restore(file, normalise_url(target), no_progress)


def all_rows(url: str) -> dict[str, list[Any]]:
    with snapshot.open_snapshot(normalise_url(url)) as copy:
        rows: dict[str, list[Any]] = {table.name: list(table.columns) for table in copy.tables}
        for block in copy.read_blocks():
            rows[block.table] += [tuple(row) for row in block.rows]
    return rows


@pytest.fixture
def source(tmp_path: Path) -> URL:
    return fill_database(f"sqlite:///{tmp_path / 'source.sqlite'}")


@pytest.fixture(autouse=True)
def small_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    """So that a small database has several blocks."""
    monkeypatch.setattr(snapshot, "BLOCK_ROWS", 5)


def test_every_copied_table_has_rows_in_these_tests(source: URL) -> None:
    rows = all_rows(str(source))
    used_by_other_tests = {"bans", "erasures", "invitations", "pass_uses"}
    assert not {name for name, cells in rows.items() if not cells} - used_by_other_tests
    assert set(rows) == set(snapshot.COPIED_TABLES)


def test_backup_is_restored_in_every_engine(source: URL, tmp_path: Path, database_url: str) -> None:
    written = back_up(source, tmp_path / "backup")
    restored = restore(tmp_path / "backup", database_url)
    assert restored == written
    assert all_rows(database_url) == all_rows(str(source))
    assert (tmp_path / "backup").stat().st_mode & 0o777 == 0o600
    again = back_up(normalise_url(database_url), tmp_path / "again")
    assert again == written


def test_database_survives_a_move_through_all_engines(
    source: URL, tmp_path: Path, mysql: DatabaseServer, mariadb: DatabaseServer
) -> None:
    with fresh_database(mysql) as first, fresh_database(mariadb) as second:
        last = f"sqlite:///{tmp_path / 'last.sqlite'}"
        reports = [move(source, first), move(normalise_url(first), second), move(normalise_url(second), last)]
    assert len({report.checksum for report in reports}) == 1
    assert all_rows(last) == all_rows(str(source))


def test_server_can_use_the_copy(source: URL, database_url: str) -> None:
    move(source, database_url)
    engine = open_engine(database_url)
    upgrade_schema(engine)
    with begin_write(engine) as connection:
        carol = make_account(connection, "Carol")
        assert carol not in accounts.usernames_by_id(connection, [1, 2])
        room = make_room(connection, "new", carol)
        assert append_message(connection, room, carol, "hi").seq == 1
        assert append_message(connection, 1, 1, "next").seq == 3 * len(TEXTS) + 3
    engine.dispose()


def test_backup_of_an_older_schema_is_upgraded(tmp_path: Path, database_url: str) -> None:
    old = open_engine(f"sqlite:///{tmp_path / 'old.sqlite'}")
    create_schema(old, "0008")
    with begin_write(old) as connection:
        make_account(connection, "Alice")
    old.dispose()
    back_up(old.url, tmp_path / "backup")
    restore(tmp_path / "backup", database_url)
    rows = all_rows(database_url)
    assert any("Alice" in row for row in rows["accounts"][6:])
    with snapshot.open_snapshot(normalise_url(database_url)) as copy:
        assert copy.revision == newest_revision()


# Interrupted

KILLED = """
import os, sys
from chatroom.db.archive import snapshot, transfer
from chatroom.db.engine import normalise_url
snapshot.BLOCK_ROWS = 5
left = int(sys.argv[3])

def progress(done, all_rows):
    global left
    left -= 1
    if not left:
        os._exit(9)

transfer.move(normalise_url(sys.argv[1]), normalise_url(sys.argv[2]), progress=progress)
"""


@pytest.mark.parametrize("blocks", [1, 4, 12])
def test_killed_move_continues(source: URL, database_url: str, blocks: int) -> None:
    source_url = source.render_as_string(hide_password=False)
    for after in (blocks, blocks + 1):
        killed = subprocess.run(
            [sys.executable, "-c", KILLED, source_url, database_url, str(after)], cwd=ROOT
        )
        assert killed.returncode == 9
    if not database_url.startswith("sqlite"):
        with pytest.raises(DatabaseUnusable, match="incomplete"):
            upgrade_schema(open_engine(database_url))
    assert move(source, database_url).rows["messages"]
    assert all_rows(database_url) == all_rows(str(source))


def test_other_source_replaces_an_interrupted_copy(source: URL, mysql_url: str, tmp_path: Path) -> None:
    source_url = source.render_as_string(hide_password=False)
    subprocess.run([sys.executable, "-c", KILLED, source_url, mysql_url, "9"], cwd=ROOT)
    other = fill_database(f"sqlite:///{tmp_path / 'other.sqlite'}", rounds=1)
    move(other, mysql_url)
    assert all_rows(mysql_url) == all_rows(str(other))


def test_changed_source_is_noticed_and_the_next_run_starts_again(source: URL, mysql_url: str) -> None:
    source_url = source.render_as_string(hide_password=False)
    subprocess.run([sys.executable, "-c", KILLED, source_url, mysql_url, "9"], cwd=ROOT)
    with closing(sqlite3.connect(str(source.database))) as connection:
        connection.execute("UPDATE accounts SET password_hash = 'other'")
        connection.commit()
    with pytest.raises(DatabaseUnusable, match="differs"):
        move(source, mysql_url)
    move(source, mysql_url)
    assert all_rows(mysql_url) == all_rows(str(source))


# Refused


def damaged(content: bytes, kind: str) -> bytes:
    match kind:
        case "empty":
            return b""
        case "text":
            return b"Dear diary,\n" * 100
        case "magic only":
            return content[:20]
        case "half":
            return content[: len(content) // 2]
        case "one byte less":
            return content[:-1]
        case "one byte more":
            return content + b"x"
        case "one byte changed":
            return content[:99] + bytes([content[99] ^ 1]) + content[100:]
        case "other format":
            return content.replace(MAGIC + b"1", MAGIC + b"2", 1)
    raise AssertionError(kind)


@pytest.mark.parametrize(
    "kind",
    [
        "empty",
        "text",
        "magic only",
        "half",
        "one byte less",
        "one byte more",
        "one byte changed",
        "other format",
    ],
)
def test_unreadable_backup_changes_nothing(source: URL, tmp_path: Path, kind: str) -> None:
    back_up(source, tmp_path / "backup")
    (tmp_path / "backup").write_bytes(damaged((tmp_path / "backup").read_bytes(), kind))
    with pytest.raises(DatabaseUnusable) as refused:
        restore(tmp_path / "backup", f"sqlite:///{tmp_path / 'folder' / 'new.sqlite'}")
    assert "\n" not in str(refused.value)
    assert not (tmp_path / "folder").exists()


def test_backup_of_a_newer_release_is_refused(
    source: URL, tmp_path: Path, database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    back_up(source, tmp_path / "backup")
    monkeypatch.setattr(transfer, "known_revisions", lambda: {"0001"})
    with pytest.raises(DatabaseUnusable, match="newer release"):
        restore(tmp_path / "backup", database_url)
    with pytest.raises(DatabaseUnusable):
        all_rows(database_url)


def test_database_of_a_newer_release_is_refused(source: URL, tmp_path: Path) -> None:
    with closing(sqlite3.connect(str(source.database))) as connection:
        connection.execute("UPDATE alembic_version SET version_num = '9999'")
        connection.commit()
    with pytest.raises(DatabaseUnusable, match="newer"):
        back_up(source, tmp_path / "backup")
    assert not (tmp_path / "backup").exists()


def test_database_with_data_is_refused_and_unchanged(source: URL, tmp_path: Path, database_url: str) -> None:
    back_up(source, tmp_path / "backup")
    filled = fill_database(database_url, rounds=1)
    before = all_rows(database_url)
    with pytest.raises(DatabaseUnusable, match="holds data"):
        restore(tmp_path / "backup", database_url)
    with pytest.raises(DatabaseUnusable, match="holds data"):
        move(source, filled)
    assert all_rows(database_url) == before


def test_database_that_a_server_has_created_is_empty(source: URL, database_url: str) -> None:
    upgrade_schema(engine := open_engine(database_url))
    engine.dispose()
    move(source, database_url)
    assert all_rows(database_url) == all_rows(str(source))


def test_other_tables_are_refused(source: URL, mysql_url: str, mysql_server: DatabaseServer) -> None:
    mysql_server.execute(f"CREATE TABLE {make_url(mysql_url).database}.diary (id INT)")
    with pytest.raises(DatabaseUnusable, match="diary"):
        move(source, mysql_url)


def test_existing_file_is_not_replaced(source: URL, tmp_path: Path) -> None:
    (tmp_path / "backup").write_text("precious")
    with pytest.raises(DatabaseUnusable, match="exists already"):
        back_up(source, tmp_path / "backup")
    assert (tmp_path / "backup").read_text() == "precious"


def test_backup_needs_no_links_of_the_file_system(
    source: URL, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse_link(*_: object) -> None:
        raise PermissionError(errno.EPERM, "Operation not permitted")

    monkeypatch.setattr(os, "link", refuse_link)
    written = back_up(source, tmp_path / "backup")
    assert restore(tmp_path / "backup", f"sqlite:///{tmp_path / 'new.sqlite'}") == written
    assert not (tmp_path / "backup.part").exists()


def test_database_in_use_is_refused(source: URL, tmp_path: Path) -> None:
    target = f"sqlite:///{tmp_path / 'used.sqlite'}"
    for used in (source, target):
        lock = lock_file(used)
        assert lock is not None
        with pytest.raises(DatabaseUnusable, match="another chat-server"):
            move(source, target)
        lock.release()


def test_mysql_database_in_use_is_refused(source: URL, mysql_url: str, tmp_path: Path) -> None:
    engine = open_engine(mysql_url)
    upgrade_schema(engine)
    with begin_write(engine) as connection:
        instances.record_heartbeat(connection, b"s" * 32, instances.database_now(connection))
    engine.dispose()
    with pytest.raises(DatabaseUnusable, match="stop it first"):
        move(source, mysql_url)
    with pytest.raises(DatabaseUnusable, match="stop it first"):
        move(engine.url, f"sqlite:///{tmp_path / 'new.sqlite'}")


def test_missing_database_is_refused_and_not_created(tmp_path: Path) -> None:
    url = normalise_url(f"sqlite:///{tmp_path / 'none.sqlite'}")
    with pytest.raises(DatabaseUnusable, match="there is no database"):
        move(url, f"sqlite:///{tmp_path / 'new.sqlite'}")
    with pytest.raises(DatabaseUnusable, match="there is no database"):
        back_up(url, tmp_path / "backup")
    assert not list(tmp_path.iterdir())


# Cost


def peak_memory(work: Callable[[], object]) -> int:
    tracemalloc.start()
    try:
        work()
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


def test_memory_does_not_grow_with_the_database(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(snapshot, "BLOCK_ROWS", 50)
    peaks = []
    for rounds in (20, 200):
        source = fill_database(f"sqlite:///{tmp_path / f'{rounds}.sqlite'}", rounds)
        file = tmp_path / f"{rounds}.backup"
        # mypy infers no lambda with a default.
        written = peak_memory(lambda source=source, file=file: back_up(source, file))  # type: ignore[misc]
        target = f"sqlite:///{tmp_path / f'{rounds}.copy'}"
        # As above.
        stored = peak_memory(lambda file=file, target=target: restore(file, target))  # type: ignore[misc]
        peaks.append((written, stored))
    (few_written, few_stored), (many_written, many_stored) = peaks
    assert many_written < 1.5 * few_written + (1 << 20)
    assert many_stored < 1.5 * few_stored + (1 << 20)
