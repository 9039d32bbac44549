"""The errors of a database, and how to tell them apart.

::

    DatabaseError
    ├── DatabaseUnusable     this database cannot be used; one sentence for the operator
    │   └── DatabaseNotReady     … yet: it may be starting
    ├── AlreadyExists        the name (or seat, or friendship) exists already
    ├── LockedElsewhere      another session of the database keeps a row locked
    └── DatabaseUnavailable  the database cannot be reached, or cannot write, at the moment
        └── DatabaseFileMoved  the SQLite file was moved or deleted

The drivers raise errors with numbers. SQLAlchemy wraps them; ``raw_insert`` lets them through. This module
decides what a number means: retry at once (``is_transient``), retry on another connection
(``is_disconnect``), or retry later (``is_outage``).
"""

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager

from pymysql.constants import CR, ER
from pymysql.err import MySQLError
from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeout


class DatabaseError(Exception):
    """Base class of all errors that ``db`` raises itself."""


class DatabaseUnusable(DatabaseError):
    """This database cannot be used. The text is one sentence without the password."""


class DatabaseNotReady(DatabaseUnusable):
    """This database cannot be used yet: it does not answer or does not accept writes."""


class AlreadyExists(DatabaseError):
    """A unique key was violated. The caller must roll back the transaction or its savepoint."""


class LockedElsewhere(DatabaseError):
    """Another session of the database has locked a row that is needed here."""


class DatabaseUnavailable(DatabaseError):
    """The database cannot be reached, or cannot write, at the moment. The operation may have been done."""


class DatabaseFileMoved(DatabaseUnavailable):
    """The SQLite file was moved or deleted while it was open."""


SQLITE_DUPLICATE = {sqlite3.SQLITE_CONSTRAINT_UNIQUE, sqlite3.SQLITE_CONSTRAINT_PRIMARYKEY}
SQLITE_TRANSIENT = {sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED}
SQLITE_OUTAGE = {
    sqlite3.SQLITE_FULL,
    sqlite3.SQLITE_IOERR,
    sqlite3.SQLITE_READONLY,
    sqlite3.SQLITE_CANTOPEN,
    sqlite3.SQLITE_NOMEM,
    sqlite3.SQLITE_INTERRUPT,  # a search took too long
}

MYSQL_TRANSIENT = {
    ER.LOCK_DEADLOCK,  # Galera reports a conflict with another node like this, also at COMMIT
    3101,  # MySQL's group replication has rolled back the transaction at COMMIT
    ER.LOCK_WAIT_TIMEOUT,
    ER.CHECKREAD,
    ER.SP_DOES_NOT_EXIST,  # of a savepoint: a deadlock has rolled back everything, the savepoint with it
}
MYSQL_LOCK_TIMEOUT = {ER.LOCK_WAIT_TIMEOUT}
MYSQL_DISCONNECT = {
    0,  # PyMySQL: it has closed the connection itself
    CR.CR_CONNECTION_ERROR,
    CR.CR_CONN_HOST_ERROR,
    CR.CR_SERVER_GONE_ERROR,
    CR.CR_SERVER_LOST,
    ER.SERVER_SHUTDOWN,
    ER.FORCING_CLOSE,
    ER.NET_READ_ERROR,
    ER.NET_READ_INTERRUPTED,
    ER.NET_WRITE_INTERRUPTED,
    1927,  # MariaDB: connection was killed
    4031,  # MySQL: disconnected for inactivity
}
MYSQL_OUTAGE = MYSQL_DISCONNECT | {
    28,  # no space left on device, as InnoDB passes it on
    1180,  # error during COMMIT
    1223,  # a global read lock
    1792,  # a read-only transaction
    1836,  # running in read-only mode
    3024,  # maximum statement execution time exceeded
    3100,  # a replication hook refused the COMMIT
    ER.CANT_CREATE_FILE,
    ER.CANT_LOCK,
    ER.CON_COUNT_ERROR,
    ER.DISK_FULL,
    ER.ERROR_ON_WRITE,
    ER.OPTION_PREVENTS_STATEMENT,  # read_only
    ER.OUT_OF_RESOURCES,
    ER.OUTOFMEMORY,
    ER.QUERY_INTERRUPTED,
    ER.RECORD_FILE_FULL,
    ER.TOO_MANY_USER_CONNECTIONS,
    ER.UNKNOWN_COM_ERROR,  # a Galera node without quorum, or one that joins
    ER.USER_LIMIT_REACHED,
}


def driver_error_number(error: BaseException) -> int | None:
    """Return the driver's error number (MySQL's, or SQLite's extended result code), or ``None``."""
    origin = _driver_error(error)
    if isinstance(origin, sqlite3.Error):
        return getattr(origin, "sqlite_errorcode", None)
    first = origin.args[0] if origin is not None and origin.args else None
    return first if isinstance(first, int) else None


def _driver_error(error: BaseException) -> BaseException | None:
    """Return the driver's own exception, or ``None`` if the error did not come from a driver."""
    if isinstance(error, DBAPIError):
        return error.orig
    return error if isinstance(error, sqlite3.Error | MySQLError) else None


def driver_message(error: BaseException) -> str:
    """Return the driver's message on one line, without the statement and the link that SQLAlchemy adds."""
    origin = _driver_error(error) or error
    return " ".join(str(origin.args[-1] if origin.args else origin).split())


def is_transient(error: BaseException) -> bool:
    """Whether two transactions collided: the whole transaction should run again at once."""
    return _has_number(error, SQLITE_TRANSIENT, MYSQL_TRANSIENT)


def is_lock_timeout(error: BaseException) -> bool:
    """Whether another session, or another process that uses the file, keeps something locked. That may last
    long, so an immediate retry does not help.
    """
    return isinstance(error, LockedElsewhere) or _has_number(error, SQLITE_TRANSIENT, MYSQL_LOCK_TIMEOUT)


def is_disconnect(error: BaseException) -> bool:
    """Whether the connection is lost. The pool has discarded it and all connections of the same age; a new
    one may work.
    """
    invalidated = isinstance(error, DBAPIError) and error.connection_invalidated
    return invalidated or _has_number(error, set(), MYSQL_DISCONNECT)


def is_outage(error: BaseException) -> bool:
    """Whether the database is unavailable, full or read-only. The request itself is correct: wait and try
    again.
    """
    if isinstance(error, DatabaseUnavailable | PoolTimeout):
        return True
    return is_disconnect(error) or _has_number(error, SQLITE_OUTAGE, MYSQL_OUTAGE)


def is_duplicate(error: BaseException) -> bool:
    """Whether a unique key was violated."""
    duplicate = SQLITE_DUPLICATE if isinstance(_driver_error(error), sqlite3.Error) else {ER.DUP_ENTRY}
    return driver_error_number(error) in duplicate


def _has_number(error: BaseException, sqlite: set[int], mysql: set[int]) -> bool:
    code = driver_error_number(error)
    if code is None:
        return False
    if isinstance(_driver_error(error), sqlite3.Error):
        return code & 0xFF in sqlite  # the lower byte is the primary result code
    return code in mysql


@contextmanager
def duplicates_as_already_exists() -> Iterator[None]:
    """Raise ``AlreadyExists`` in place of the driver's error for a duplicate key."""
    try:
        yield
    except Exception as error:
        if is_duplicate(error):
            raise AlreadyExists from error
        raise
