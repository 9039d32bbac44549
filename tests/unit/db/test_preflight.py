"""An unusable database is refused at start with one line that contains no password."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from sqlalchemy import make_url, text
from sqlalchemy.exc import DataError

from chatroom.db.engine import open_engine
from chatroom.db.errors import DatabaseUnusable
from chatroom.db.preflight import PreflightFinding, check_database
from tests.support.database import DatabaseServer, PrivateMariaDB
from tests.support.galera import GaleraCluster, need_galera


def refusal_text(url: str) -> str:
    engine = open_engine(url)
    with pytest.raises(DatabaseUnusable) as refused:
        check_database(engine)
    engine.dispose()
    message = str(refused.value)
    assert "\n" not in message
    assert "secret" not in message
    return message


def findings(url: str) -> list[PreflightFinding]:
    engine = open_engine(url)
    reported = check_database(engine)
    engine.dispose()
    return reported


def test_sqlite_has_no_findings(sqlite_url: str) -> None:
    assert findings(sqlite_url) == []


def test_other_file_is_refused_and_unchanged(tmp_path: Path) -> None:
    diary = tmp_path / "diary.txt"
    diary.write_text("Dear diary, today I wrote a line that is longer than a header.\n" * 30)
    before = diary.read_bytes()
    assert (
        refusal_text(f"sqlite:///{diary}") == f"cannot use the database file {diary}: file is not a database"
    )
    assert diary.read_bytes() == before


def test_unreachable_server_is_refused() -> None:
    assert refusal_text("mysql://me:secret@127.0.0.1:1/chat") == "cannot reach the database at 127.0.0.1:1"


def test_unknown_host_is_refused() -> None:
    assert refusal_text("mysql://me:secret@host.invalid/chat").startswith(
        "cannot reach the database at host.invalid"
    )


def test_missing_database_is_refused(mysql_server: DatabaseServer) -> None:
    url = mysql_server.address.set(database="nowhere").render_as_string(hide_password=False)
    assert refusal_text(url).endswith("make one with: CREATE DATABASE nowhere CHARACTER SET utf8mb4")


def test_wrong_password_is_refused(mysql_url: str) -> None:
    url = make_url(mysql_url).set(username="mallory", password="secret")
    assert "refuses the user 'mallory' or the password" in refusal_text(
        url.render_as_string(hide_password=False)
    )


def test_user_without_privileges_is_refused(mysql_url: str, mysql_server: DatabaseServer) -> None:
    with database_user(mysql_server, "outsider") as name:
        url = make_url(mysql_url).set(username=name, password="secret")
        message = refusal_text(url.render_as_string(hide_password=False))
    assert message.startswith(f"the user {name!r} may not use the database {url.database!r}")


@contextmanager
def database_user(server: DatabaseServer, name: str) -> Iterator[str]:
    """A user who may log in and nothing else."""
    server.execute(f"DROP USER IF EXISTS {name}@'%'", f"CREATE USER {name}@'%' IDENTIFIED BY 'secret'")
    yield name
    server.execute(f"DROP USER {name}@'%'")


def test_empty_database_is_converted_to_utf8mb4(mysql_url: str, mysql_server: DatabaseServer) -> None:
    name = make_url(mysql_url).database
    mysql_server.execute(f"ALTER DATABASE {name} CHARACTER SET latin1")
    engine = open_engine(mysql_url)
    check_database(engine)
    engine.dispose()
    assert "utf8mb4" in mysql_server.execute(f"SHOW CREATE DATABASE {name}")[0][1]


def test_database_with_other_character_set_is_refused(mysql_url: str, mysql_server: DatabaseServer) -> None:
    name = make_url(mysql_url).database
    mysql_server.execute(f"ALTER DATABASE {name} CHARACTER SET latin1")
    mysql_server.execute(f"CREATE TABLE {name}.existing (id INT)")
    message = refusal_text(mysql_url)
    assert message == (
        f"the database {name!r} is in latin1; change it with: ALTER DATABASE {name} CHARACTER SET utf8mb4"
    )


def test_strict_mode_is_set_on_non_strict_server(fragile_mariadb: PrivateMariaDB) -> None:
    fragile_mariadb.execute("SET GLOBAL sql_mode = ''")
    engine = open_engine(fragile_mariadb.url("chat"))
    check_database(engine)
    with engine.connect() as connection:
        connection.execute(text("CREATE TABLE names (name VARCHAR(3))"))
        with pytest.raises(DataError):
            connection.execute(text("INSERT INTO names VALUES ('Alice')"))
    engine.dispose()


def test_statement_binlog_format_is_refused(fragile_mariadb: PrivateMariaDB) -> None:
    url = fragile_mariadb.url("chat")
    fragile_mariadb.stop()
    fragile_mariadb.start("--log-bin", "--binlog-format=STATEMENT")
    assert refusal_text(url).startswith("binlog_format is STATEMENT")


@pytest.mark.parametrize("option", ["--innodb-ft-min-token-size=4", "--innodb-ft-max-token-size=80"])
def test_unsuitable_token_size_is_refused(fragile_mariadb: PrivateMariaDB, option: str) -> None:
    url = fragile_mariadb.url("chat")
    fragile_mariadb.stop()
    fragile_mariadb.start(option)
    assert "search would miss words" in refusal_text(url)


def test_settings_that_may_lose_messages_are_reported(fragile_mariadb: PrivateMariaDB) -> None:
    url = fragile_mariadb.url("chat")
    (harmless,) = findings(url)
    assert harmless.text.startswith("sync_binlog is 0, not 1: this does no harm")
    assert not harmless.serious
    fragile_mariadb.execute("SET GLOBAL innodb_flush_log_at_trx_commit = 2")
    fragile_mariadb.execute("SET GLOBAL sync_binlog = 1")
    (lossy,) = findings(url)
    assert lossy.text.startswith("innodb_flush_log_at_trx_commit is 2, not 1: ")
    assert lossy.serious
    fragile_mariadb.stop()
    assert refusal_text(url).startswith("cannot reach the database at 127.0.0.1")


@pytest.fixture
def galera_node() -> Iterator[GaleraCluster]:
    need_galera()
    cluster = GaleraCluster(nodes=1)
    yield cluster
    cluster.close()


def test_galera_without_binary_log_is_refused(galera_node: GaleraCluster) -> None:
    galera_node.open("--skip-log-bin")
    assert "log_bin=OFF" in refusal_text(galera_node.url("chat"))


def test_sessions_on_galera_wait_for_other_nodes(galera_node: GaleraCluster) -> None:
    galera_node.open()
    assert all(not finding.serious or "log" in finding.text for finding in findings(galera_node.url("chat")))
    engine = open_engine(galera_node.url("chat"))
    with engine.connect() as connection:
        assert connection.scalar(text("SELECT @@session.wsrep_sync_wait")) == 7
    engine.dispose()
