"""Examines a database for ``chat-server doctor``, without changing anything in it.

``preflight`` refuses a database at the start; this module reports every check, also those that pass.
"""

import os
import re
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path
from typing import NamedTuple

from sqlalchemy import URL, Connection, Engine, func, inspect, select, text

from chatroom.db.engine import is_sqlite, normalise_url, open_engine
from chatroom.db.errors import DatabaseUnusable
from chatroom.db.migrate import newest_revision, present_revisions
from chatroom.db.preflight import (
    MYSQL_CHECKS,
    ServerVariables,
    check_may_write,
    errors_as_unusable,
    mysql_findings,
    server_variables,
)

NEEDED_PRIVILEGES = {"SELECT", "INSERT", "UPDATE", "DELETE", "CREATE", "DROP", "ALTER", "INDEX", "REFERENCES"}
"""Privileges on the database that the server and its migrations use."""

OLDEST_VERSIONS = {"MySQL": (8, 0), "MariaDB": (10, 6)}

MAX_CLOCK_DIFFERENCE_SECONDS = 5.0
"""Difference between the clocks of server and database that is not worth a warning."""


class CheckStatus(StrEnum):
    OK = "ok"
    WARNING = "warning"
    ERROR = "error"


class CheckResult(NamedTuple):
    """The result of one check. ``advice`` is the remedy of a warning or an error."""

    name: str
    status: CheckStatus
    message: str
    advice: str = ""


def check_passed(name: str, message: str) -> CheckResult:
    return CheckResult(name, CheckStatus.OK, message)


def check_warning(name: str, message: str, advice: str) -> CheckResult:
    return CheckResult(name, CheckStatus.WARNING, message, advice)


def check_error(name: str, message: str, advice: str) -> CheckResult:
    return CheckResult(name, CheckStatus.ERROR, message, advice)


def diagnose_database(url: str | URL, password: str | None, timeout: float) -> Iterator[CheckResult]:
    """Yield the results of all checks of a database."""
    try:
        target = normalise_url(url, password)
    except DatabaseUnusable as error:
        yield check_error("database", str(error), "correct --database, or database.url in the configuration")
        return
    if is_sqlite(target):
        yield from _diagnose_sqlite(Path(str(target.database)))
    else:
        engine = open_engine(target, readers=1, timeout=timeout)
        try:
            yield from _diagnose_mysql(engine)
        finally:
            engine.dispose()


# SQLite


def _diagnose_sqlite(file: Path) -> Iterator[CheckResult]:
    if not os.path.lexists(file):  # ``Path.exists`` raises an error for a name that is too long
        yield check_passed("database", f"{file} does not exist yet; the server creates it at its start")
        return
    try:
        with closing(sqlite3.connect(f"{file.as_uri()}?mode=ro", uri=True)) as connection:
            tables = {name for (name,) in connection.execute("SELECT name FROM sqlite_master")}
            (journal,) = connection.execute("PRAGMA journal_mode").fetchone()
            present = set()
            if "alembic_version" in tables:
                present = {id for (id,) in connection.execute("SELECT version_num FROM alembic_version")}
    except sqlite3.Error as error:
        advice = "check the path and the file's owner, or restore the file from a backup"
        yield check_error("database", f"cannot use the database file {file}: {error}", advice)
        return
    yield check_passed("database", f"SQLite {sqlite3.sqlite_version}, {file}")
    if journal in ("wal", "delete"):  # a new file gets its WAL with the first connection of the server
        yield check_passed("durability", "the server uses WAL with synchronous=FULL")
    else:
        advice = "let no other program change the file's journal mode"
        yield check_warning("durability", f"the file has the journal mode {journal}", advice)
    yield _schema_result(present, bool(tables))


# MySQL and MariaDB


def _diagnose_mysql(engine: Engine) -> Iterator[CheckResult]:
    try:
        with errors_as_unusable(engine), engine.connect() as connection:
            yield from _examine_mysql(connection)
    except DatabaseUnusable as error:
        advice = "check that the database server runs, and host, port, user, password and database name"
        yield check_error("database", str(error), advice)


def _examine_mysql(connection: Connection) -> Iterator[CheckResult]:
    facts = server_variables(connection)
    yield _version_result(connection.engine.url, facts)
    yield _privileges_result(connection)
    for name, check in MYSQL_CHECKS.items():
        try:
            check(connection, facts)
        except DatabaseUnusable as error:
            yield check_error(name, str(error), "the server does not start until this is changed")
        else:
            yield check_passed(name, _describe_fact(name, facts))
    yield from _durability_results(facts)
    yield check_passed("isolation", f"{connection.get_isolation_level()}, set for each connection")
    yield _clock_result(connection)
    yield from _table_results(connection)


def _table_results(connection: Connection) -> Iterator[CheckResult]:
    tables = inspect(connection).get_table_names()
    try:
        yield _schema_result(present_revisions(connection), bool(tables))
    except DatabaseUnusable as error:
        yield check_error("schema", str(error), "use a database of its own for the server")
    if "servers" in tables:
        yield _write_result(connection.engine)


def _version_result(url: URL, facts: ServerVariables) -> CheckResult:
    product = "MariaDB" if "mariadb" in facts["version"].lower() else "MySQL"
    number = re.match(r"(\d+)\.(\d+)", facts["version"])
    oldest = OLDEST_VERSIONS[product]
    where = f"{product} {facts['version']} at {url.host or 'localhost'}, database {url.database}"
    if number is not None and (int(number[1]), int(number[2])) < oldest:
        return check_warning("database", where, f"upgrade {product} to {oldest[0]}.{oldest[1]} or later")
    return check_passed("database", where)


def _privileges_result(connection: Connection) -> CheckResult:
    database = str(connection.engine.url.database)
    grants = [row[0] for row in connection.execute(text("SHOW GRANTS"))]
    missing = NEEDED_PRIVILEGES - privileges_on(database, grants)
    if not missing:
        return check_passed("privileges", "the user may create, change and use tables")
    if any(" ON " not in grant for grant in grants):
        return check_passed("privileges", "the user has roles, whose privileges are not examined")
    advice = f"run: GRANT ALL PRIVILEGES ON {database}.* TO the user"
    return check_error("privileges", f"the user lacks {', '.join(sorted(missing))} on {database}", advice)


def privileges_on(database: str, grants: list[str]) -> set[str]:
    """Return the privileges on all tables of a database, from the lines of SHOW GRANTS."""
    held: set[str] = set()
    for grant in grants:
        match = re.match(r"GRANT (.+?) ON (\*|`(?:[^`]|``)*`)\.\* TO ", grant)
        if match is not None and _is_pattern_of(match[2], database):
            names = {name.strip() for name in match[1].split(",")}
            held |= NEEDED_PRIVILEGES if "ALL PRIVILEGES" in names else names
    return held


def _is_pattern_of(pattern: str, database: str) -> bool:
    """Whether a database name in a GRANT, in which % and _ are wildcards, covers a database."""
    if pattern == "*":
        return True
    parts = re.findall(r"\\.|.", pattern[1:-1].replace("``", "`"))
    wildcards = {"%": ".*", "_": "."}
    expression = "".join(wildcards.get(part) or re.escape(part.removeprefix("\\")) for part in parts)
    return re.fullmatch(expression, database) is not None


def _describe_fact(name: str, facts: ServerVariables) -> str:
    match name:
        case "character set":
            return facts["character_set_database"]
        case "strict mode":
            return "set for each connection"
        case "binary log":
            return "off" if facts["log_bin"] != "ON" else f"on, {facts['binlog_format']}"
        case "storage engine":
            return "InnoDB"
        case _:
            return "token sizes fit"


def _durability_results(facts: ServerVariables) -> Iterator[CheckResult]:
    serious = [finding.text for finding in mysql_findings(facts) if finding.serious]
    for finding in serious:
        variable = finding.partition(" ")[0]
        yield check_warning("durability", finding, f"set {variable} = 1 in the configuration of the database")
    if not serious:
        yield check_passed("durability", "a commit is on the disk when it returns")


def _clock_result(connection: Connection) -> CheckResult:
    """Compare the clocks of both machines, in UTC."""
    database_time: datetime = connection.execute(select(func.utc_timestamp(3))).scalar_one()
    difference = (database_time.replace(tzinfo=UTC) - datetime.now(UTC)).total_seconds()
    if abs(difference) > MAX_CLOCK_DIFFERENCE_SECONDS:
        message = f"the clock of the database differs by {difference:.1f} s"
        return check_warning("database clock", message, "synchronise the clocks of both machines, with NTP")
    return check_passed("database clock", "agrees with this machine")


def _write_result(engine: Engine) -> CheckResult:
    try:
        check_may_write(engine)
    except DatabaseUnusable as error:
        return check_error("writing", str(error), "let the user write, and end the read-only mode, if any")
    return check_passed("writing", "rows can be changed")


# Both


def _schema_result(present: set[str], has_tables: bool) -> CheckResult:
    newest = newest_revision()
    if present == {newest}:
        return check_passed("schema", f"revision {newest}, of this release")
    if not present and has_tables:
        message = "the database has tables, but none of a chat-server"
        return check_error("schema", message, "use a database of its own for the server")
    if not present:
        return check_passed("schema", "empty; the server creates the tables at its start")
    revision = max(present)
    if revision < newest:
        message = f"revision {revision}; the server upgrades to {newest} at its start"
        return check_warning("schema", message, "make a backup before the first start of this release")
    message = f"revision {revision} is of a newer release; this one has {newest}"
    return check_error("schema", message, "install that release, or restore an older backup")
