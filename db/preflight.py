"""Checks at start whether the database can be used, so that a wrong setting is one line now instead of a lost
message later.
"""

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import NamedTuple

from pymysql.constants import CR, ER
from pymysql.err import MySQLError
from sqlalchemy import URL, Connection, Engine, inspect, text
from sqlalchemy.exc import DBAPIError

from chatroom.db.engine import begin_write, is_sqlite
from chatroom.db.errors import (
    DatabaseNotReady,
    DatabaseUnusable,
    driver_error_number,
    driver_message,
    is_outage,
)
from chatroom.db.mysql_hosts import HOSTS_OPTION
from chatroom.db.search.tokenizer import MAX_TERM_LENGTH, MIN_TERM_LENGTH

MIN_PACKET_BYTES = 1 << 20
"""The smallest ``max_allowed_packet``. Statements are split to fit; one row is much shorter."""

MIN_TOKEN_VARIABLE = "innodb_ft_min_token_size"
MAX_TOKEN_VARIABLE = "innodb_ft_max_token_size"

ServerVariables = dict[str, str]
"""Variables of a MySQL or MariaDB server, by their names."""


class PreflightFinding(NamedTuple):
    """Something that the operator should know, and whether it may lose messages."""

    text: str
    serious: bool


def check_database(engine: Engine) -> list[PreflightFinding]:
    """Return what the operator should know. Raises ``DatabaseUnusable`` if the database cannot be used."""
    with errors_as_unusable(engine), engine.connect() as connection:
        inspect_engine = _inspect_sqlite if is_sqlite(engine.url) else _inspect_mysql
        return list(inspect_engine(connection))


@contextmanager
def errors_as_unusable(engine: Engine) -> Iterator[None]:
    """Raise ``DatabaseUnusable`` in place of any error while connecting and reading.

    Some problems are not raised as an error of the driver: a missing TLS file is an ``OSError``, an invalid
    host name a ``UnicodeError``.
    """
    try:
        yield
    except (DBAPIError, sqlite3.Error, MySQLError) as error:
        raise as_unusable(engine.url, error) from error
    except (OSError, RuntimeError, ValueError) as error:
        where = engine.url.database if is_sqlite(engine.url) else _database_location(engine.url)
        raise DatabaseUnusable(f"cannot use the database at {where}: {_reason(error)}") from error


def check_may_write(engine: Engine) -> None:
    """Raise ``DatabaseUnusable`` if the user may not change rows or the server is read-only. Changes nothing;
    the schema must exist.
    """
    no_op_statements = (
        "INSERT INTO servers (id, seen_at) SELECT id, seen_at FROM servers WHERE 1 = 0",
        "UPDATE servers SET seen_at = 0 WHERE 1 = 0",
        "DELETE FROM servers WHERE 1 = 0",
    )
    try:
        with begin_write(engine) as connection:
            for statement in no_op_statements:
                connection.execute(text(statement))
    except DBAPIError as error:
        raise as_unusable(engine.url, error) from error


def _reason(error: Exception) -> str:
    if isinstance(error, UnicodeError):
        return "the host name is invalid"
    if isinstance(error, OSError) and error.filename:
        return f"{error.filename}: {error.strerror}"
    return driver_message(error)


def as_unusable(url: URL, error: Exception) -> DatabaseUnusable:
    """Turn the driver's error into a sentence for the operator."""
    if is_sqlite(url):
        return DatabaseUnusable(_sqlite_reason(url, error))
    kind = DatabaseNotReady if is_outage(error) else DatabaseUnusable
    return kind(_mysql_reason(url, error))


def _sqlite_reason(url: URL, error: Exception) -> str:
    return f"cannot use the database file {url.database}: {driver_message(error)}"


def _mysql_reason(url: URL, error: Exception) -> str:
    where = _database_location(url)
    match driver_error_number(error):
        case ER.ACCESS_DENIED_ERROR | 1698:
            return f"the database at {where} refuses the user {url.username!r} or the password"
        case ER.DBACCESS_DENIED_ERROR:
            return f"the user {url.username!r} may not use the database {url.database!r} at {where}"
        case ER.BAD_DB_ERROR:
            return (
                f"there is no database {url.database!r} at {where};"
                f" make one with: CREATE DATABASE {url.database} CHARACTER SET utf8mb4"
            )
        case CR.CR_CONNECTION_ERROR | CR.CR_CONN_HOST_ERROR | CR.CR_UNKNOWN_HOST:
            return f"cannot reach the database at {where}"
        case ER.OPTION_PREVENTS_STATEMENT | 1836:
            return f"the database at {where} is read-only: give the host that accepts writes"
        case ER.UNKNOWN_COM_ERROR:
            return f"the database at {where} is a Galera node outside of its cluster"
    return f"the database at {where} says: {driver_message(error)}"


def _database_location(url: URL) -> str:
    if where := url.query.get("unix_socket") or url.query.get(HOSTS_OPTION):
        return str(where)
    return f"{url.host or 'localhost'}:{url.port or 3306}"


def _inspect_sqlite(connection: Connection) -> Iterator[PreflightFinding]:
    if connection.exec_driver_sql("PRAGMA journal_mode").scalar_one() != "wal":
        path = connection.engine.url.database
        raise DatabaseUnusable(f"SQLite cannot keep a WAL beside {path}: is that a network drive?")
    return iter(())


def _inspect_mysql(connection: Connection) -> Iterator[PreflightFinding]:
    facts = server_variables(connection)
    if facts["character_set_database"] != "utf8mb4" and _convert_empty_database(connection):
        facts["character_set_database"] = "utf8mb4"
    for check in MYSQL_CHECKS.values():
        check(connection, facts)
    return mysql_findings(facts)


def _check_charset(connection: Connection, facts: ServerVariables) -> None:
    database = connection.engine.url.database
    if facts["character_set_connection"] != "utf8mb4":
        raise DatabaseUnusable("the connection to the database does not use utf8mb4")
    if facts["character_set_database"] != "utf8mb4":
        raise DatabaseUnusable(
            f"the database {database!r} is in {facts['character_set_database']};"
            f" change it with: ALTER DATABASE {database} CHARACTER SET utf8mb4"
        )


def _check_strict_mode(_: Connection, facts: ServerVariables) -> None:
    if "STRICT_TRANS_TABLES" not in facts["sql_mode"]:
        raise DatabaseUnusable(
            "the database refuses strict mode: it would silently truncate values that are too long"
        )


def _check_binary_log(_: Connection, facts: ServerVariables) -> None:
    if facts["log_bin"] == "ON" and facts["binlog_format"] == "STATEMENT":
        raise DatabaseUnusable(
            "binlog_format is STATEMENT, with which the database refuses READ COMMITTED: set it to ROW"
        )
    if facts.get("wsrep_on") == "ON" and facts["log_bin"] == "OFF":
        raise DatabaseUnusable(
            "this Galera node has log_bin=OFF, with which it replicates rows that were rolled back, and is"
            " expelled: set log_bin=ON on every node"
        )


def _check_storage_engine(connection: Connection, _: ServerVariables) -> None:
    if not _has_innodb(connection):
        raise DatabaseUnusable(
            "the database has no InnoDB, which is required to keep confirmed messages safe"
        )


def _check_search_index(_: Connection, facts: ServerVariables) -> None:
    """The full-text index silently leaves out terms that are shorter or longer than these limits."""
    minimum, maximum = int(facts[MIN_TOKEN_VARIABLE]), int(facts[MAX_TOKEN_VARIABLE])
    if minimum > MIN_TERM_LENGTH:
        raise DatabaseUnusable(
            f"{MIN_TOKEN_VARIABLE} is {minimum}, so search would miss words:"
            f" set it to {MIN_TERM_LENGTH} or less"
        )
    if maximum < MAX_TERM_LENGTH:
        raise DatabaseUnusable(
            f"{MAX_TOKEN_VARIABLE} is {maximum}, so search would miss words:"
            f" set it to {MAX_TERM_LENGTH} or more"
        )


def _check_packet_size(_: Connection, facts: ServerVariables) -> None:
    packet = int(facts["max_allowed_packet"])
    if packet < MIN_PACKET_BYTES:
        raise DatabaseUnusable(
            f"max_allowed_packet is {packet} bytes, which is too small for messages:"
            f" set it to {MIN_PACKET_BYTES} (1 MiB) or more"
        )


MYSQL_CHECKS: dict[str, Callable[[Connection, ServerVariables], None]] = {
    "character set": _check_charset,
    "strict mode": _check_strict_mode,
    "binary log": _check_binary_log,
    "storage engine": _check_storage_engine,
    "search index": _check_search_index,
    "packet size": _check_packet_size,
}
"""What a MySQL or MariaDB database must have. Each check raises ``DatabaseUnusable``."""


def _convert_empty_database(connection: Connection) -> bool:
    """Change an empty database to utf8mb4: ``CREATE DATABASE`` alone often uses an old default. Returns
    whether it did.
    """
    if inspect(connection).get_table_names():
        return False
    try:
        connection.execute(text("ALTER DATABASE CHARACTER SET utf8mb4 COLLATE utf8mb4_bin"))
    except DBAPIError:
        return False
    return True


def mysql_findings(facts: ServerVariables) -> Iterator[PreflightFinding]:
    if facts["innodb_flush_log_at_trx_commit"] != "1":
        yield PreflightFinding(
            f"innodb_flush_log_at_trx_commit is {facts['innodb_flush_log_at_trx_commit']}, not 1:"
            " a crash of the database's machine may lose messages that were confirmed",
            serious=True,
        )
    if facts["sync_binlog"] != "1":
        risk = "after a crash of the database's machine its replicas may lack messages that were confirmed"
        logs = facts["log_bin"] == "ON"
        yield PreflightFinding(
            f"sync_binlog is {facts['sync_binlog']}, not 1: "
            + (risk if logs else "this does no harm as long as the binary log stays off"),
            serious=logs,
        )


def server_variables(connection: Connection) -> ServerVariables:
    names = (
        "binlog_format",
        "character_set_connection",
        "character_set_database",
        "innodb_flush_log_at_trx_commit",
        MIN_TOKEN_VARIABLE,
        MAX_TOKEN_VARIABLE,
        "log_bin",
        "max_allowed_packet",
        "sql_mode",
        "sync_binlog",
        "version",
        "wsrep_on",
    )
    name_list = ", ".join(f"'{name}'" for name in names)
    rows = connection.execute(text(f"SHOW VARIABLES WHERE variable_name IN ({name_list})"))
    return {name.lower(): value for name, value in rows}


def _has_innodb(connection: Connection) -> bool:
    engines = {row.Engine: row.Support for row in connection.execute(text("SHOW ENGINES"))}
    return engines.get("InnoDB") in ("YES", "DEFAULT")
