"""The classification of driver errors by number."""

import sqlite3
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Barrier

import pymysql
import pytest
from sqlalchemy import Engine, insert, text
from sqlalchemy.exc import DBAPIError, IntegrityError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from chatroom.db.engine import begin_write, open_engine
from chatroom.db.errors import DatabaseUnavailable, is_disconnect, is_duplicate, is_outage, is_transient
from chatroom.db.schema import attendances, servers
from tests.support.database import DatabaseServer


def wrapped_error(number: int) -> Exception:
    return OperationalError("SELECT 1", {}, driver_error(number))


def driver_error(number: int) -> Exception:
    return pymysql.err.OperationalError(number, "what the server says")


Raise = Callable[[int], Exception]
with_each_source = pytest.mark.parametrize(
    "mysql", [wrapped_error, driver_error], ids=["by SQLAlchemy", "by the driver"]
)


def classify(error: Exception) -> tuple[bool, bool, bool]:
    return is_transient(error), is_disconnect(error), is_outage(error)


@with_each_source
@pytest.mark.parametrize("number", [1205, 1213])
def test_deadlock_is_transient(mysql: Raise, number: int) -> None:
    assert classify(mysql(number)) == (True, False, False)


@with_each_source
@pytest.mark.parametrize("number", [2003, 2006, 2013, 1053, 1927, 4031])
def test_lost_connection_is_disconnect_and_outage(mysql: Raise, number: int) -> None:
    assert classify(mysql(number)) == (False, True, True)


@with_each_source
@pytest.mark.parametrize("number", [28, 1021, 1040, 1114, 1290, 1317, 3024])
def test_full_or_busy_or_read_only_server_is_outage(mysql: Raise, number: int) -> None:
    assert classify(mysql(number)) == (False, False, True)


@with_each_source
@pytest.mark.parametrize("number", [1045, 1049, 1054, 1064, 1146])
def test_permanent_error_is_not_retried(mysql: Raise, number: int) -> None:
    assert classify(mysql(number)) == (False, False, False)


@pytest.mark.parametrize("error", [DatabaseUnavailable("away"), PoolTimeout("all connections are busy")])
def test_error_without_driver_number_may_be_outage(error: Exception) -> None:
    assert classify(error) == (False, False, True)


@pytest.mark.parametrize("error", [KeyError(0), ValueError(2013), RuntimeError()])
def test_programming_error_is_not_classified(error: Exception) -> None:
    assert classify(error) == (False, False, False)


def test_busy_sqlite_is_transient(sqlite_url: str, tmp_path: Path) -> None:
    engine = open_engine(sqlite_url)
    other = sqlite3.connect(tmp_path / "chat.db", isolation_level=None)
    with engine.connect() as connection:
        connection.exec_driver_sql("PRAGMA busy_timeout = 0")
    other.execute("BEGIN IMMEDIATE")
    with pytest.raises(DBAPIError) as refused, begin_write(engine):
        pass
    other.close()
    engine.dispose()
    assert classify(refused.value) == (True, False, False)


def test_sqlite_on_full_disk_is_outage(sqlite_url: str) -> None:
    engine = open_engine(sqlite_url)
    with begin_write(engine) as connection:
        connection.exec_driver_sql("CREATE TABLE t (x)")
    with engine.connect() as connection:
        connection.exec_driver_sql("PRAGMA max_page_count = 3")  # the error of a full disk
    with pytest.raises(OperationalError) as refused, begin_write(engine) as connection:
        connection.exec_driver_sql("INSERT INTO t VALUES (zeroblob(100000))")
    assert classify(refused.value) == (False, False, True)
    with begin_write(engine) as connection:
        connection.exec_driver_sql("INSERT INTO t VALUES (1)")
    engine.dispose()


def test_killed_connection_is_disconnect_and_next_one_works(
    mysql_url: str, mysql_server: DatabaseServer
) -> None:
    engine = open_engine(mysql_url)
    with engine.connect() as connection:
        id = connection.scalar(text("SELECT connection_id()"))
        mysql_server.execute(f"KILL {id}")
        with pytest.raises(OperationalError) as lost:
            connection.execute(text("SELECT 1"))
    with engine.connect() as connection:
        assert connection.scalar(text("SELECT 1")) == 1
    engine.dispose()
    assert classify(lost.value) == (False, True, True)


def test_deadlock_in_savepoint_is_transient(mysql_url: str) -> None:
    engine = open_engine(mysql_url)
    with begin_write(engine) as connection:
        connection.execute(text("CREATE TABLE t (id INTEGER PRIMARY KEY, x INTEGER) ENGINE=InnoDB"))
        connection.execute(text("INSERT INTO t VALUES (1, 0), (2, 0)"))
    both_hold_one = Barrier(2)

    def cross(mine: int, yours: int) -> Exception | None:
        try:
            with begin_write(engine) as connection, connection.begin_nested():
                connection.execute(text(f"UPDATE t SET x = 1 WHERE id = {mine}"))
                both_hold_one.wait()
                connection.execute(text(f"UPDATE t SET x = 1 WHERE id = {yours}"))
        except OperationalError as error:
            return error
        return None

    with ThreadPoolExecutor(2) as pool:
        errors = [error for error in pool.map(cross, (1, 2), (2, 1)) if error]
    engine.dispose()
    assert [classify(error) for error in errors] == [(True, False, False)]


def test_lock_timeout_is_transient(mysql_url: str) -> None:
    engine = open_engine(mysql_url)
    with begin_write(engine) as connection:
        connection.execute(text("CREATE TABLE t (id INTEGER PRIMARY KEY, x INTEGER) ENGINE=InnoDB"))
        connection.execute(text("INSERT INTO t VALUES (1, 0), (2, 0)"))
    with engine.connect() as first, engine.connect() as second:
        second.execute(text("SET innodb_lock_wait_timeout = 0"))
        first.execute(text("UPDATE t SET x = 1 WHERE id = 1"))
        with pytest.raises(OperationalError) as refused:
            second.execute(text("UPDATE t SET x = 1 WHERE id = 1"))
    engine.dispose()
    assert classify(refused.value) == (True, False, False)


def test_only_duplicate_key_is_a_duplicate(engine: Engine) -> None:
    with begin_write(engine) as connection:
        connection.execute(insert(servers).values(id=b"1" * 32, seen_at=1))
    with pytest.raises(IntegrityError) as duplicate, begin_write(engine) as connection:
        connection.execute(insert(servers).values(id=b"1" * 32, seen_at=1))
    with pytest.raises(IntegrityError) as missing, begin_write(engine) as connection:
        connection.execute(insert(attendances).values(server_id=b"1" * 32, account_id=17))
    assert is_duplicate(duplicate.value)
    assert not is_duplicate(missing.value)
