"""A database that will not do is found out at start, in one line that tells no password."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from chatroom.db.engine import open_engine
from chatroom.db.errors import DatabaseUnusable
from chatroom.db.preflight import PreflightFinding, check_database
from sqlalchemy import make_url, text
from sqlalchemy.exc import DataError

from tests.support.database import DatabaseServer, PrivateMariaDB


def refusal(url: str) -> str:
    engine = open_engine(url)
    with pytest.raises(DatabaseUnusable) as refused:
        check_database(engine)
    engine.dispose()
    told = str(refused.value)
    assert "\n" not in told
    assert "secret" not in told
    return told


def remarks(url: str) -> list[PreflightFinding]:
    engine = open_engine(url)
    told = check_database(engine)
    engine.dispose()
    return told


def test_sqlite_is_fine(sqlite_url: str) -> None:
    assert remarks(sqlite_url) == []


def test_a_file_that_is_something_else_is_left_alone(tmp_path: Path) -> None:
    diary = tmp_path / "diary.txt"
    diary.write_text("Dear diary, today I wrote a line that is longer than a header.\n" * 30)
    before = diary.read_bytes()
    assert refusal(f"sqlite:///{diary}") == f"cannot use the database file {diary}: file is not a database"
    assert diary.read_bytes() == before


def test_a_server_that_nobody_answers_at() -> None:
    assert refusal("mysql://me:secret@127.0.0.1:1/chat") == "cannot reach the database at 127.0.0.1:1"


def test_a_host_that_does_not_exist() -> None:
    assert refusal("mysql://me:secret@host.invalid/chat").startswith(
        "cannot reach the database at host.invalid"
    )


def test_a_database_that_does_not_exist(mysql_server: DatabaseServer) -> None:
    url = mysql_server.address.set(database="nowhere").render_as_string(hide_password=False)
    assert refusal(url).endswith("make one with: CREATE DATABASE nowhere CHARACTER SET utf8mb4")


def test_a_user_who_is_not_let_in(mysql_url: str) -> None:
    url = make_url(mysql_url).set(username="mallory", password="secret")
    assert "refuses the user 'mallory' or the password" in refusal(url.render_as_string(hide_password=False))


def test_a_user_who_may_not_use_this_database(mysql_url: str, mysql_server: DatabaseServer) -> None:
    with somebody(mysql_server, "outsider") as name:
        url = make_url(mysql_url).set(username=name, password="secret")
        told = refusal(url.render_as_string(hide_password=False))
    assert told.startswith(f"the user {name!r} may not use the database {url.database!r}")


@contextmanager
def somebody(server: DatabaseServer, name: str) -> Iterator[str]:
    """A user who may log in and no more."""
    server.execute(f"DROP USER IF EXISTS {name}@'%'", f"CREATE USER {name}@'%' IDENTIFIED BY 'secret'")
    yield name
    server.execute(f"DROP USER {name}@'%'")


def test_an_empty_database_in_another_character_set_is_put_right(
    mysql_url: str, mysql_server: DatabaseServer
) -> None:
    name = make_url(mysql_url).database
    mysql_server.execute(f"ALTER DATABASE {name} CHARACTER SET latin1")
    engine = open_engine(mysql_url)
    check_database(engine)
    engine.dispose()
    assert "utf8mb4" in mysql_server.execute(f"SHOW CREATE DATABASE {name}")[0][1]


def test_a_database_in_another_character_set(mysql_url: str, mysql_server: DatabaseServer) -> None:
    name = make_url(mysql_url).database
    mysql_server.execute(f"ALTER DATABASE {name} CHARACTER SET latin1")
    mysql_server.execute(f"CREATE TABLE {name}.somebodys (id INT)")
    told = refusal(mysql_url)
    assert told == (
        f"the database {name!r} is in latin1; change it with: ALTER DATABASE {name} CHARACTER SET utf8mb4"
    )


def test_a_server_that_is_lax_by_default_is_strict_with_us(fragile_mariadb: PrivateMariaDB) -> None:
    fragile_mariadb.execute("SET GLOBAL sql_mode = ''")
    engine = open_engine(fragile_mariadb.url("chat"))
    check_database(engine)
    with engine.connect() as connection:
        connection.execute(text("CREATE TABLE names (name VARCHAR(3))"))
        with pytest.raises(DataError):
            connection.execute(text("INSERT INTO names VALUES ('Alice')"))
    engine.dispose()


def test_a_binary_log_that_would_refuse_every_write(fragile_mariadb: PrivateMariaDB) -> None:
    url = fragile_mariadb.url("chat")
    fragile_mariadb.stop()
    fragile_mariadb.start("--log-bin", "--binlog-format=STATEMENT")
    assert refusal(url).startswith("binlog_format is STATEMENT")


@pytest.mark.parametrize("option", ["--innodb-ft-min-token-size=4", "--innodb-ft-max-token-size=80"])
def test_index_that_would_leave_out_words_is_refused(fragile_mariadb: PrivateMariaDB, option: str) -> None:
    url = fragile_mariadb.url("chat")
    fragile_mariadb.stop()
    fragile_mariadb.start(option)
    assert "search would miss words" in refusal(url)


def test_what_may_lose_confirmed_messages_is_told(fragile_mariadb: PrivateMariaDB) -> None:
    url = fragile_mariadb.url("chat")
    (harmless,) = remarks(url)
    assert harmless.text.startswith("sync_binlog is 0, not 1: this does no harm")
    assert not harmless.serious
    fragile_mariadb.execute("SET GLOBAL innodb_flush_log_at_trx_commit = 2")
    fragile_mariadb.execute("SET GLOBAL sync_binlog = 1")
    (lossy,) = remarks(url)
    assert lossy.text.startswith("innodb_flush_log_at_trx_commit is 2, not 1: ")
    assert lossy.serious
    fragile_mariadb.stop()
    assert refusal(url).startswith("cannot reach the database at 127.0.0.1")
