"""Creates an engine from a URL: connection pool, isolation level and durability settings.

``preflight`` checks the database and ``migrate`` creates its schema.

* SQLite: WAL, so that readers never wait for the writer; ``synchronous=FULL``, so that a COMMIT is on the
  disk when it returns. Only one server process may use a file.
* MySQL and MariaDB: utf8mb4, strict mode and READ COMMITTED. Under READ COMMITTED a transaction sees what the
  previous holder of a lock committed. Read-only transactions use REPEATABLE READ, which shows one snapshot.
"""

import math
import os
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout
from sqlalchemy import URL, Connection, Engine, create_engine, event, make_url
from sqlalchemy.engine import ExceptionContext
from sqlalchemy.exc import ArgumentError, DBAPIError

from chatroom.db import files
from chatroom.db.errors import DatabaseFileMoved, DatabaseUnusable, is_disconnect, is_outage
from chatroom.db.mysql_hosts import HOSTS_OPTION, HostSelector, parse_hosts, split_hosts

EXTRA_CONNECTIONS = 2
"""Connections in addition to the readers': one for the writer, one for occasional work."""

SQLITE_PRAGMAS = {
    "journal_mode": "WAL",
    "synchronous": "FULL",
    "foreign_keys": "ON",
    "cache_size": "-16384",  # KiB, for each connection
    "wal_autocheckpoint": "4000",  # pages; rarer checkpoints write a page that many commits touched only once
    "journal_size_limit": str(64 << 20),  # bytes of WAL that may stay on the disk after a burst
    "temp_store": "MEMORY",
    "secure_delete": "ON",  # overwrite what is deleted
}

MYSQL_INIT_COMMAND = (
    "SET SESSION sql_mode = 'STRICT_TRANS_TABLES,ERROR_FOR_DIVISION_BY_ZERO,NO_ENGINE_SUBSTITUTION',"
    " innodb_lock_wait_timeout = 1"
)
CONNECT_TIMEOUT_SECONDS = 5

SQLITE_LOCK_SECONDS = 0.5
"""Time that a SQLite statement waits while another program has locked the file. Its thread can do nothing
else meanwhile; the writer retries until its timeout.
"""

MIN_STATEMENT_SECONDS = 2.0
"""Shortest timeout of a statement: a search may take this long."""

POOL_RECYCLE_SECONDS = 1800
"""Age at which a connection is replaced: well below MySQL's ``wait_timeout`` and the idle timeout of most
firewalls.
"""


MYSQL_OPTIONS = {
    "bind_address",
    "charset",
    "client_flag",
    "compress",
    "connect_timeout",
    "local_infile",
    "passwd",
    "password",
    "program_name",
    "read_default_file",
    "read_default_group",
    "read_timeout",
    "server_public_key",
    "ssl_ca",
    "ssl_capath",
    "ssl_cert",
    "ssl_check_hostname",
    "ssl_cipher",
    "ssl_disabled",
    "ssl_key",
    "ssl_key_password",
    "ssl_verify_cert",
    "ssl_verify_identity",
    "unix_socket",
    "use_unicode",
    "user",
    "write_timeout",
}
"""Allowed options of a MySQL URL: those of PyMySQL that are text, numbers or booleans."""


MYSQL_NUMBER_OPTIONS = {"client_flag", "connect_timeout", "read_timeout", "write_timeout"}
MYSQL_FILE_OPTIONS = {"ssl_ca", "ssl_capath", "ssl_cert", "ssl_key"}


def normalise_url(url: str | URL, password: str | None = None) -> URL:
    """Return the URL with driver, absolute file path and password filled in.

    Raises ``DatabaseUnusable`` if it is not the URL of a supported database.
    """
    if isinstance(url, str) and has_unescaped_at(url):
        raise DatabaseUnusable(
            "the database URL has more than one @: in a user name or a password write %40 for @, %2F for /"
        )
    url, hosts = split_hosts(url) if isinstance(url, str) else (url, "")
    try:
        parsed = make_url(url)
    except (ArgumentError, ValueError):
        raise DatabaseUnusable(
            "the database URL does not parse; it looks like sqlite:///FILE or mysql://USER@HOST:3306/chatroom"
        ) from None
    if isinstance(url, str) and HOSTS_OPTION in parsed.query:
        raise DatabaseUnusable("the database URL has an option that does not exist: hosts")
    match parsed.drivername:
        case "sqlite" | "sqlite+pysqlite":
            return _sqlite_url(parsed)
        case "mysql" | "mysql+pymysql" | "mariadb" | "mariadb+pymysql":
            return _mysql_url(parsed, password, hosts)
    raise DatabaseUnusable(f"{parsed.drivername} is not a supported database: use sqlite or mysql")


def _sqlite_url(url: URL) -> URL:
    file = url.database or ":memory:"
    if file == ":memory:" or file.startswith("file:") or url.host or url.query:
        raise DatabaseUnusable(
            "SQLite needs a plain file here, as in sqlite:///FILE: several threads share it"
        )
    try:
        return url.set(drivername="sqlite", database=str(Path(file).expanduser().resolve()))
    except (
        OSError,
        RuntimeError,
        ValueError,
    ) as error:  # unknown user, loop of symbolic links, NUL character
        reason = error.strerror if isinstance(error, OSError) else error
        raise DatabaseUnusable(f"cannot use the database file {file}: {reason}") from None


def has_unescaped_at(url: str) -> bool:
    """Whether a server URL has an unescaped @, for example in a password. Part of the password would then be
    parsed as host or database name, and be shown in messages.
    """
    scheme, _, rest = url.partition("?")[0].partition("://")
    return scheme.partition("+")[0] != "sqlite" and (rest.count("@") > 1 or "@" in rest.partition("/")[2])


def _mysql_url(url: URL, password: str | None, hosts: str) -> URL:
    if not url.database:
        raise DatabaseUnusable(
            "the database URL names no database; it looks like mysql://USER@HOST:3306/chatroom"
        )
    url = url.set(drivername="mysql+pymysql").update_query_dict({"charset": "utf8mb4"})
    known_hosts = url.query.get(HOSTS_OPTION)
    url = url.difference_update_query([HOSTS_OPTION])
    _check_options(url)
    if hosts:
        parse_hosts(hosts)
        known_hosts = hosts
    if known_hosts:
        url = url.update_query_dict({HOSTS_OPTION: known_hosts})
    return url if password is None else url.set(password=password)


def _check_options(url: URL) -> None:
    """Check the options of a URL here: for a wrong one the driver raises many kinds of exceptions."""
    if "ssl" in url.query:
        raise DatabaseUnusable(
            "the database URL takes no option ssl: name a certificate with ssl_ca=FILE instead"
        )
    if unknown := sorted(url.query.keys() - MYSQL_OPTIONS):
        name = unknown[0] if unknown[0].isidentifier() else "(it may be part of a password)"
        raise DatabaseUnusable(f"the database URL has an option that does not exist: {name}")
    for name, value in url.normalized_query.items():
        _check_option(name, value[-1])
    try:
        url.get_dialect()().create_connect_args(url)
    except (ValueError, TypeError) as error:
        raise DatabaseUnusable(f"the database URL has an option with a wrong value: {error}") from None


def _check_option(name: str, value: str) -> None:
    if name in MYSQL_NUMBER_OPTIONS and not value.isdecimal():
        raise DatabaseUnusable(f"the option {name} of the database URL must be a whole number")
    if name in MYSQL_FILE_OPTIONS and not os.access(value, os.R_OK):
        raise DatabaseUnusable(f"cannot read {value}, the {name} of the database URL")


def is_sqlite(url: URL) -> bool:
    return url.get_backend_name() == "sqlite"


def open_engine(
    url: str | URL, *, readers: int = 4, password: str | None = None, timeout: float = CONNECT_TIMEOUT_SECONDS
) -> Engine:
    """Create an engine for ``readers`` reading threads and one writer. A database that does not answer within
    ``timeout`` seconds counts as unavailable.

    A SQLite file is created if it is missing, readable by its owner only; no connection is opened yet. Errors
    never contain the parameters of a statement, which may be a message or a password hash. Raises
    ``DatabaseUnusable``.
    """
    target = normalise_url(url, password)
    if is_sqlite(target):
        _create_file(_file_of(target))
        return _sqlite_engine(target, readers + EXTRA_CONNECTIONS, SQLITE_LOCK_SECONDS)
    seconds = math.ceil(max(timeout, MIN_STATEMENT_SECONDS))
    timeouts = {"connect_timeout": seconds, "read_timeout": seconds, "write_timeout": seconds}
    return _mysql_engine(target, readers + EXTRA_CONNECTIONS, timeouts)


def open_migration_engine(engine: Engine) -> Engine:
    """Create another engine for the same database, without a statement timeout: a migration may take long."""
    if is_sqlite(engine.url):
        return _sqlite_engine(engine.url, 1, CONNECT_TIMEOUT_SECONDS)
    return _mysql_engine(engine.url, 1, {"connect_timeout": CONNECT_TIMEOUT_SECONDS})


def _sqlite_engine(url: URL, connections: int, lock_wait: float) -> Engine:
    engine = create_engine(
        url,
        pool_size=connections,
        max_overflow=0,
        pool_timeout=5,
        hide_parameters=True,
        connect_args={"timeout": lock_wait},
    )
    event.listen(engine, "connect", _set_up_sqlite)
    event.listen(engine, "begin", _begin_sqlite)
    return engine


def _set_up_sqlite(dbapi_connection: Any, record: object) -> None:
    dbapi_connection.isolation_level = None  # otherwise the driver begins transactions by itself
    for pragma, value in SQLITE_PRAGMAS.items():
        dbapi_connection.execute(f"PRAGMA {pragma} = {value}").close()


def _begin_sqlite(connection: Connection) -> None:
    """Begin a transaction through the driver's cursor, which is faster: this runs for every transaction."""
    statement = f"BEGIN {connection.get_execution_options().get('sqlite_begin', 'DEFERRED')}"
    try:
        connection.connection.cursor().execute(statement)
    except sqlite3.Error as error:
        raise DBAPIError(statement, None, error) from error


def _mysql_engine(url: URL, connections: int, timeouts: dict[str, int]) -> Engine:
    engine = create_engine(
        url,
        pool_size=connections,
        max_overflow=0,
        pool_timeout=5,
        pool_recycle=POOL_RECYCLE_SECONDS,
        hide_parameters=True,
        isolation_level="READ COMMITTED",
        connect_args={"init_command": MYSQL_INIT_COMMAND, **_password(url), **timeouts},
    )
    if hosts := url.query.get(HOSTS_OPTION):
        event.listen(engine, "do_connect", HostSelector(parse_hosts(str(hosts))).connect)
    event.listen(engine, "connect", _set_up_mysql)
    event.listen(engine, "begin", _begin_mysql)
    event.listen(engine, "handle_error", _notice_disconnect)
    return engine


def _set_up_mysql(dbapi_connection: Any, record: object) -> None:
    """On a Galera node, let reads wait for what other nodes have committed."""
    with dbapi_connection.cursor() as cursor:
        cursor.execute("SHOW VARIABLES LIKE 'wsrep_on'")
        variable = cursor.fetchone()
        if variable is not None and variable[1] == "ON":
            cursor.execute("SET SESSION wsrep_sync_wait = 7")


def _password(url: URL) -> dict[str, bytes]:
    """Return the password as bytes: PyMySQL would encode it as Latin-1."""
    return {} if url.password is None else {"password": str(url.password).encode()}


def _begin_mysql(connection: Connection) -> None:
    if connection.get_execution_options().get("single_snapshot"):
        connection.exec_driver_sql("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")


def _notice_disconnect(context: ExceptionContext) -> None:
    """Mark disconnects that SQLAlchemy does not recognise.

    There is no ping before a transaction, since it would cost a round trip each time. The first failure makes
    the pool replace all connections of the same age, and reader and writer try again.
    """
    if context.sqlalchemy_exception is not None and is_disconnect(context.sqlalchemy_exception):
        context.is_disconnect = True


@contextmanager
def begin_read(engine: Engine) -> Iterator[Connection]:
    """Begin a read-only transaction that sees one snapshot of the database.

    A right that is checked in it therefore holds for everything that it reads: nothing stored after the right
    was lost is visible.
    """
    with engine.connect() as connection, _replace_when_lost(connection):
        snapshot = connection.execution_options(single_snapshot=True)
        snapshot.begin()  # now: a prepared statement would begin a transaction that is no snapshot
        yield snapshot


@contextmanager
def begin_write(engine: Engine) -> Iterator[Connection]:
    """Begin a transaction that writes. It commits at the end of the block and rolls back on an exception.

    SQLite begins it IMMEDIATE: a read transaction that turns into a write transaction would fail if another
    one has written meanwhile.
    """
    with engine.connect() as connection, _will_write(connection).begin():
        yield connection


def _will_write(connection: Connection) -> Connection:
    return connection.execution_options(sqlite_begin="IMMEDIATE")


@contextmanager
def savepoint(connection: Connection) -> Iterator[None]:
    """Undo the statements of the block if it raises an exception.

    ``Connection.begin_nested`` does the same, but takes thirty times as long: this runs for every job.
    """
    cursor = connection.connection.cursor()
    cursor.execute("SAVEPOINT job")
    try:
        yield
    except Exception as error:
        if not is_disconnect(error):
            cursor.execute("ROLLBACK TO SAVEPOINT job")
        raise
    cursor.execute("RELEASE SAVEPOINT job")


class WriterConnection:
    """The writer thread's connection: fetched from the pool once and used for one transaction after another.
    All methods belong to that thread.

    Fetching and returning a connection each time would take longer than a short transaction.
    """

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._connection: Connection | None = None
        self._file = files.DatabaseFile(_file_of(engine.url)) if is_sqlite(engine.url) else None

    @contextmanager
    def begin_write(self) -> Iterator[Connection]:
        """Begin a transaction as ``begin_write`` does. After an outage the next transaction gets a new
        connection.
        """
        try:
            self._check_file()
            if self._connection is None:
                self._connection = _will_write(self._engine.connect())
            with self._connection.begin(), _replace_when_lost(self._connection):
                yield self._connection
            self._check_file()
        except DatabaseFileMoved:
            raise  # the open connections are the only way to the file
        except Exception as error:
            if is_outage(error):
                self._replace()
            raise

    def _check_file(self) -> None:
        if self._file is not None and not self._file.is_in_place():
            raise DatabaseFileMoved(
                f"{self._file.path} was moved or deleted: put it back, or copy it from /proc/{os.getpid()}/fd"
                " before this process ends"
            )

    def close(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def _replace(self) -> None:
        """Discard this connection and those in the pool, which are as old."""
        if self._connection is not None:
            self._connection.invalidate()
        self.close()
        self._engine.dispose()
        if self._file is not None:
            self._file.forget_log()


@contextmanager
def _replace_when_lost(connection: Connection) -> Iterator[None]:
    """Discard a lost connection, and those in the pool, which are as old. SQLAlchemy does not see errors of
    statements that went to the driver directly.
    """
    try:
        yield
    except Exception as error:
        if is_disconnect(error):
            connection.invalidate()
            connection.engine.dispose()
        raise


def lock_file(url: str | URL) -> FileLock | None:
    """Lock a SQLite file against other server processes until the lock is released or this process ends.

    Returns ``None`` for a database that several processes may share. Raises ``DatabaseUnusable`` if another
    process holds the lock.
    """
    target = normalise_url(url)
    if not is_sqlite(target):
        return None
    path = _file_of(target)
    _create_file(path)
    lock = FileLock(f"{path}.lock", timeout=0, mode=0o600, thread_local=False)
    try:
        lock.acquire()
    except Timeout:
        raise DatabaseUnusable(f"another chat-server uses this database file: {path}") from None
    except OSError as error:
        raise DatabaseUnusable(f"cannot lock the database file {path}: {error.strerror}") from None
    return lock


def _file_of(url: URL) -> Path:
    return Path(str(url.database))


def _create_file(path: Path) -> None:
    """Create the folder and an empty file if they are missing. SQLite gives the WAL the mode of the file."""
    try:
        files.create(path)
        for part in ("-wal", "-shm", ".lock"):
            if (beside := path.with_name(path.name + part)).is_file():
                files.make_private(beside)
    except OSError as error:
        raise DatabaseUnusable(f"cannot open the database file {path}: {error.strerror}") from None
