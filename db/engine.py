"""From a URL to an engine: the pool, the isolation, and what each database is told about durability.

The counterparts are ``check``, which looks whether the database will do, and ``migrate``, which brings the
schema.

* SQLite: WAL, so that readers never wait for the writer; ``synchronous=FULL``, so that a COMMIT is on the
  disk when it returns. One server process to a file.
* MySQL and MariaDB: utf8mb4, strict mode and READ COMMITTED, under which a transaction sees what the last
  holder of a lock committed (REPEATABLE READ would show the past instead, and is for those who only read).
"""

import math
import os
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from chatroom.db import files
from chatroom.db.errors import DatabaseUnusable, is_disconnect, is_outage
from filelock import FileLock, Timeout
from sqlalchemy import URL, Connection, Engine, create_engine, event, make_url
from sqlalchemy.engine import ExceptionContext
from sqlalchemy.exc import ArgumentError, DBAPIError

EXTRA_CONNECTIONS = 2
"""Connections beside the readers': the writer's, and one for what happens once in a while."""

SQLITE_PRAGMAS = {
    "journal_mode": "WAL",
    "synchronous": "FULL",
    "foreign_keys": "ON",
    "cache_size": "-16384",  # KiB, for each connection
    "wal_autocheckpoint": "4000",  # pages; rarer checkpoints write a page that many commits touched only once
    "journal_size_limit": str(64 << 20),  # bytes of WAL that may stay on the disk after a burst
    "temp_store": "MEMORY",
}

MYSQL_INIT_COMMAND = (
    "SET SESSION sql_mode = 'STRICT_TRANS_TABLES,ERROR_FOR_DIVISION_BY_ZERO,NO_ENGINE_SUBSTITUTION',"
    " innodb_lock_wait_timeout = 1"
)
CONNECT_TIMEOUT_SECONDS = 5

SQLITE_LOCK_SECONDS = 0.5
"""Seconds that a statement to SQLite waits for another program that has the file open: its thread can do
nothing else meanwhile. The writer tries again, for as long as its patience lasts."""

MIN_STATEMENT_SECONDS = 2.0
"""Seconds that any statement is given: a search may take so long."""

POOL_RECYCLE_SECONDS = 1800
"""Seconds after which a connection is replaced: well below MySQL's ``wait_timeout`` and most firewalls'."""


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
"""Options of a MySQL URL: those of PyMySQL that are text, numbers or yes and no."""


MYSQL_NUMBER_OPTIONS = {"client_flag", "connect_timeout", "read_timeout", "write_timeout"}
MYSQL_FILE_OPTIONS = {"ssl_ca", "ssl_capath", "ssl_cert", "ssl_key"}


def normalise_url(url: str | URL, password: str | None = None) -> URL:
    """The URL as the rest of us use it: driver named, file path absolute, password in its place.

    Raises ``DatabaseUnusable`` for what is no URL of a database that we know.
    """
    if isinstance(url, str) and has_unescaped_at(url):
        raise DatabaseUnusable(
            "the database URL has more than one @: in a user name or a password write %40 for @, %2F for /"
        )
    try:
        parsed = make_url(url)
    except (ArgumentError, ValueError):
        raise DatabaseUnusable(
            "the database URL does not parse; it looks like sqlite:///FILE or mysql://USER@HOST:3306/chatroom"
        ) from None
    match parsed.drivername:
        case "sqlite" | "sqlite+pysqlite":
            return _sqlite_url(parsed)
        case "mysql" | "mysql+pymysql" | "mariadb" | "mariadb+pymysql":
            return _mysql_url(parsed, password)
    raise DatabaseUnusable(f"{parsed.drivername} is no database that this server knows: sqlite and mysql are")


def _sqlite_url(url: URL) -> URL:
    file = url.database or ":memory:"
    if file == ":memory:" or file.startswith("file:") or url.host or url.query:
        raise DatabaseUnusable(
            "SQLite needs a plain file here, as in sqlite:///FILE: several threads share it"
        )
    try:
        return url.set(drivername="sqlite", database=str(Path(file).expanduser().resolve()))
    except (OSError, RuntimeError, ValueError) as error:  # no such user, a loop of links, a NUL
        reason = error.strerror if isinstance(error, OSError) else error
        raise DatabaseUnusable(f"cannot use the database file {file}: {reason}") from None


def has_unescaped_at(url: str) -> bool:
    """Whether the URL of a server has an @ too many, as in a password that is not escaped: then part of the
    password would be taken for the host or the database, and shown as such."""
    scheme, _, rest = url.partition("?")[0].partition("://")
    return scheme.partition("+")[0] != "sqlite" and (rest.count("@") > 1 or "@" in rest.partition("/")[2])


def _mysql_url(url: URL, password: str | None) -> URL:
    if not url.database:
        raise DatabaseUnusable(
            "the database URL names no database; it looks like mysql://USER@HOST:3306/chatroom"
        )
    url = url.set(drivername="mysql+pymysql").update_query_dict({"charset": "utf8mb4"})
    _check_options(url)
    return url if password is None else url.set(password=password)


def _check_options(url: URL) -> None:
    """The driver would raise all kinds of errors."""
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
    """An engine for ``readers`` threads that read and one that writes. A database that does not answer for
    ``patience`` seconds counts as away.

    A SQLite file is created, readable by its owner alone; nothing is connected yet. Its errors never hold
    what a statement was given, for that may be a message or a password's hash. Raises ``DatabaseUnusable``.
    """
    target = normalise_url(url, password)
    if is_sqlite(target):
        _create_file(_file_of(target))
        return _sqlite_engine(target, readers + EXTRA_CONNECTIONS, SQLITE_LOCK_SECONDS)
    silence = math.ceil(max(timeout, MIN_STATEMENT_SECONDS))
    timeouts = {"connect_timeout": silence, "read_timeout": silence, "write_timeout": silence}
    return _mysql_engine(target, readers + EXTRA_CONNECTIONS, timeouts)


def open_migration_engine(engine: Engine) -> Engine:
    """Another engine for the same database, whose statements may take as long as a migration does."""
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
    dbapi_connection.isolation_level = None  # the driver would begin transactions where it sees fit
    for pragma, value in SQLITE_PRAGMAS.items():
        dbapi_connection.execute(f"PRAGMA {pragma} = {value}").close()


def _begin_sqlite(connection: Connection) -> None:
    """By the driver's own hand, because it is said before every transaction, and some are short."""
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
    event.listen(engine, "begin", _begin_mysql)
    event.listen(engine, "handle_error", _notice_disconnect)
    return engine


def _password(url: URL) -> dict[str, bytes]:
    """The password as bytes: PyMySQL would encode it as Latin-1, which most scripts are not in."""
    return {} if url.password is None else {"password": str(url.password).encode()}


def _begin_mysql(connection: Connection) -> None:
    if connection.get_execution_options().get("one_moment"):
        connection.exec_driver_sql("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")


def _notice_disconnect(context: ExceptionContext) -> None:
    """SQLAlchemy knows fewer ways for a connection to be lost than there are.

    No ping precedes a transaction, which would cost a round trip each time: the first failure makes the pool
    replace all that is as old, and both doors try again.
    """
    if context.sqlalchemy_exception is not None and is_disconnect(context.sqlalchemy_exception):
        context.is_disconnect = True


@contextmanager
def begin_read(engine: Engine) -> Iterator[Connection]:
    """A transaction that only reads, and sees the database as of one moment.

    So whoever may read something when a transaction looks is shown nothing that came after losing the right.
    """
    with engine.connect() as connection:
        yield connection.execution_options(one_moment=True)


@contextmanager
def begin_write(engine: Engine) -> Iterator[Connection]:
    """A transaction that will write: committed at the end of the block, rolled back when it raises.

    SQLite is told at once, since a reader who becomes a writer half-way may find that it has read the past.
    """
    with engine.connect() as connection, _will_write(connection).begin():
        yield connection


def _will_write(connection: Connection) -> Connection:
    return connection.execution_options(sqlite_begin="IMMEDIATE")


class WriterConnection:
    """The connection of a thread that writes all day: from the pool once, then for one transaction after the
    other. All of it belongs to that thread.

    To fetch it and to give it back each time would take longer than a short transaction does by itself.
    """

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._connection: Connection | None = None

    @contextmanager
    def begin_write(self) -> Iterator[Connection]:
        """As ``begin_write`` does. After an outage the next transaction has another connection."""
        try:
            if self._connection is None:
                self._connection = _will_write(self._engine.connect())
            with self._connection.begin(), _forsaken_when_lost(self._connection):
                yield self._connection
        except Exception as error:
            if is_outage(error):
                self._replace()
            raise

    def close(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def _replace(self) -> None:
        """What lies in the pool, where the next one comes from, is as old."""
        if self._connection is not None:
            self._connection.invalidate()
        self.close()
        self._engine.dispose()


@contextmanager
def _forsaken_when_lost(connection: Connection) -> Iterator[None]:
    """Where the driver itself was spoken to, SQLAlchemy does not know that there is nothing to roll back."""
    try:
        yield
    except Exception as error:
        if is_disconnect(error):
            connection.invalidate()
        raise


def lock_file(url: str | URL) -> FileLock | None:
    """Keep other server processes away from a SQLite file until the lock is released, or this process ends.

    ``None`` for a database that several processes may share. Raises ``DatabaseUnusable`` when another one
    was first.
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
    """The folder and an empty file, unless they exist; SQLite gives its WAL the mode of the file."""
    try:
        files.create(path)
        for part in ("-wal", "-shm", ".lock"):
            if (beside := path.with_name(path.name + part)).is_file():
                files.make_private(beside)
    except OSError as error:
        raise DatabaseUnusable(f"cannot open the database file {path}: {error.strerror}") from None
