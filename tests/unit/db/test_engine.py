"""Database URLs, engines and transactions, valid and invalid ones."""

import stat
from pathlib import Path

import pytest
from sqlalchemy import Engine, func, insert, select, text
from sqlalchemy.exc import DBAPIError

from chatroom.db.engine import begin_write, lock_file, normalise_url, open_engine
from chatroom.db.errors import DatabaseUnusable
from chatroom.db.schema import servers


@pytest.mark.parametrize(
    "url",
    ["mysql://me@h/chat", "mysql+pymysql://me@h/chat", "mariadb://me@h/chat", "mariadb+pymysql://me@h/chat"],
)
def test_mysql_url_variants_are_equivalent(url: str) -> None:
    assert str(normalise_url(url)) == "mysql+pymysql://me@h/chat?charset=utf8mb4"


def test_separate_password_replaces_password_of_url() -> None:
    url = normalise_url("mysql://me:old@h/chat", password="p@ss/word")
    assert url.password == "p@ss/word"
    assert "p@ss" not in str(url)


def test_sqlite_path_becomes_absolute(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert normalise_url("sqlite:///chat.db").database == str(tmp_path / "chat.db")


@pytest.mark.parametrize(
    ("url", "reason"),
    [
        ("", "does not parse"),
        ("chat.db", "does not parse"),
        ("mysql://me:secret@h:port/chat", "does not parse"),
        ("postgresql://me:secret@h/chat", "postgresql is not a supported database"),
        ("mysql://me:secret@h", "names no database"),
        ("sqlite://", "plain file"),
        ("sqlite:///:memory:", "plain file"),
        ("sqlite:///file:chat?mode=memory&uri=true", "plain file"),
    ],
)
def test_unusable_url_is_refused_in_one_line(url: str, reason: str) -> None:
    with pytest.raises(DatabaseUnusable, match=reason) as refusal:
        open_engine(url)
    assert "secret" not in str(refusal.value)
    assert "\n" not in str(refusal.value)


def test_new_file_and_wal_are_private(tmp_path: Path) -> None:
    engine = open_engine(f"sqlite:///{tmp_path}/new/folder/chat.db")
    with begin_write(engine) as connection:
        connection.exec_driver_sql("CREATE TABLE t (x)")
        modes = {file.name: stat.S_IMODE(file.stat().st_mode) for file in (tmp_path / "new/folder").iterdir()}
    engine.dispose()
    assert modes == {"chat.db": 0o600, "chat.db-wal": 0o600, "chat.db-shm": 0o600}


def test_uncreatable_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(DatabaseUnusable, match=r"cannot open the database file .*/file/chat\.db: "):
        open_engine(f"sqlite:///{tmp_path}/file/chat.db")


def test_sqlite_file_is_locked_by_one_process(sqlite_url: str, tmp_path: Path) -> None:
    first = lock_file(sqlite_url)
    assert first is not None
    (tmp_path / "alias.db").symlink_to(tmp_path / "chat.db")
    for url in (sqlite_url, f"sqlite:///{tmp_path}/alias.db"):
        with pytest.raises(
            DatabaseUnusable, match=r"another chat-server uses this database file: .*/chat\.db"
        ):
            lock_file(url)
    first.release()
    second = lock_file(sqlite_url)
    assert second is not None
    second.release()


def test_mysql_database_needs_no_lock_file() -> None:
    assert lock_file("mysql://me@nowhere/chat") is None


def test_write_transaction_is_atomic(engine: Engine) -> None:
    count = select(func.count()).select_from(servers)
    with begin_write(engine) as connection:
        connection.execute(insert(servers).values(id=b"1" * 32, seen_at=1))
        with engine.connect() as reader:
            assert reader.scalar(count) == 0

    def fail() -> None:
        with begin_write(engine) as connection:
            connection.execute(insert(servers).values(id=b"2" * 32, seen_at=1))
            raise KeyError

    with pytest.raises(KeyError):
        fail()
    with engine.connect() as reader:
        assert reader.scalar(count) == 1


def test_sqlite_reader_keeps_its_snapshot(sqlite_url: str) -> None:
    engine = open_engine(sqlite_url)
    with begin_write(engine) as connection:
        connection.exec_driver_sql("CREATE TABLE t (x)")
    count = "SELECT count(*) FROM t"
    with engine.connect() as reader:
        assert reader.exec_driver_sql(count).scalar() == 0
        with begin_write(engine) as connection:
            connection.exec_driver_sql("INSERT INTO t VALUES (1)")
        assert reader.exec_driver_sql(count).scalar() == 0
    with engine.connect() as reader:
        assert reader.exec_driver_sql(count).scalar() == 1
    engine.dispose()


def test_sqlite_pragmas_are_set(sqlite_url: str) -> None:
    engine = open_engine(sqlite_url)
    with engine.connect() as connection:
        pragmas = {
            name: connection.exec_driver_sql(f"PRAGMA {name}").scalar()
            for name in ("journal_mode", "synchronous", "foreign_keys")
        }
    engine.dispose()
    assert pragmas == {"journal_mode": "wal", "synchronous": 2, "foreign_keys": 1}


def test_error_hides_statement_parameters(engine: Engine) -> None:
    with pytest.raises(DBAPIError) as failure, begin_write(engine) as connection:
        connection.execute(text("INSERT INTO nowhere VALUES (:said)"), {"said": "private text"})
    assert "private text" not in str(failure.value)


def test_readable_database_file_is_made_private(tmp_path: Path) -> None:
    """For example after a restore from a backup."""
    file = tmp_path / "chatroom.sqlite"
    names = (file.name, f"{file.name}-wal", f"{file.name}-shm")
    for name in names:
        (tmp_path / name).touch(mode=0o644)
    open_engine(f"sqlite:///{file}").dispose()
    assert {(tmp_path / name).stat().st_mode & 0o777 for name in names} == {0o600}
