"""Real databases for tests: SQLite files, and private MariaDB and MySQL servers that are removed afterwards.

``CHAT_TEST_DATABASE_URL`` names a server to use in place of MariaDB, with a user that may create databases.
The database in the URL does not matter; each test gets its own. ``CHAT_TEST_MYSQLD`` names the ``mysqld`` of
Oracle's MySQL if it is not on the PATH; ``.ci/mysql`` fetches one, and ``skip`` leaves MySQL out. Tests whose
server is missing are skipped, but never under CI.
"""

import os
import shutil
import signal
import socket
import subprocess
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from functools import cache
from itertools import count
from pathlib import Path
from typing import Any, Self

import pymysql
import pytest
from sqlalchemy import URL, Engine

from chatroom.db.engine import normalise_url, open_engine
from chatroom.db.migrate import upgrade_schema

PATIENCE = 60.0
"""Seconds after which a test gives up waiting for a database."""


class DatabaseServer:
    """A MySQL or MariaDB server on which tests may make databases."""

    def __init__(self, address: URL) -> None:
        self.address = address.set(database=None)

    def url(self, name: str) -> str:
        """The URL of a database, which is made if there is none of that name."""
        self.execute(f"CREATE DATABASE IF NOT EXISTS {name} CHARACTER SET utf8mb4")
        return self.address.set(database=name).render_as_string(hide_password=False)

    def drop(self, name: str) -> None:
        self.execute(f"DROP DATABASE IF EXISTS {name}")

    def execute(self, *statements: str) -> list[tuple[Any, ...]]:
        """Run statements as the administrator, on a connection of their own; what the last one finds."""
        at = self.address
        with (
            pymysql.connect(
                host=at.host,
                port=at.port or 3306,
                user=at.username,
                password=at.password or "",
                autocommit=True,
            ) as connection,
            connection.cursor() as cursor,
        ):
            for statement in statements:
                cursor.execute(statement)
            return list(cursor.fetchall())

    def kill_connections(self) -> int:
        """Kill all connections and return how many there were."""
        victims = self.execute(
            "SELECT id FROM information_schema.processlist"
            " WHERE id != connection_id() AND user NOT IN ('system user', 'event_scheduler')"
        )
        for (id,) in victims:
            with suppress(pymysql.err.OperationalError):  # it had ended already
                self.execute(f"KILL {id}")
        return len(victims)


class PrivateServer(DatabaseServer, ABC):
    """A server in a folder, on a port that it keeps across restarts. Its user root has no password."""

    def __init__(self, folder: Path) -> None:
        super().__init__(URL.create("mysql+pymysql", username="root", host="127.0.0.1", port=_free_port()))
        self._data = folder / "data"
        self._log = folder / "log"
        self._where = [
            "--no-defaults",
            f"--datadir={self._data}",
            f"--tmpdir={folder}",  # a server that starts removes what others have in a folder they share
            *_as_root(),
        ]
        self._options = [
            *self._where,
            f"--socket={folder / 'socket'}",
            f"--pid-file={folder / 'pid'}",
            f"--port={self.address.port}",
            "--bind-address=127.0.0.1",
        ]
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def process(self) -> subprocess.Popen[bytes]:
        assert self._process is not None, "this database was never started"
        return self._process

    def start(self, *options: str) -> Self:
        """Start it, with empty data the first time, and wait until it can be used."""
        if not self._data.exists():
            self._install()
        with self._log.open("ab") as log:
            self._process = subprocess.Popen([*self._command(), *options], stdout=log, stderr=log)
        deadline = time.monotonic() + PATIENCE
        while not self._answers():
            assert self.process.poll() is None, self._log.read_text()
            assert time.monotonic() < deadline, self._log.read_text()
            time.sleep(0.01)
        return self

    @abstractmethod
    def _command(self) -> list[str]:
        """The program with the options of every start."""

    @abstractmethod
    def _install(self) -> None:
        """Make the data of an empty server."""

    def _answers(self) -> bool:
        try:
            self.execute("SELECT 1")
        except pymysql.err.OperationalError:
            return False
        return True

    def stop(self) -> None:
        """Ask it to end, and wait until it has."""
        self._end(signal.SIGTERM)

    def kill(self) -> None:
        """End it at once, as a power cut would."""
        self._end(signal.SIGKILL)

    def restart(self) -> Self:
        self.stop()
        return self.start()

    def pause(self) -> None:
        """It keeps its connections and answers nothing."""
        self.process.send_signal(signal.SIGSTOP)
        os.waitid(os.P_PID, self.process.pid, os.WSTOPPED | os.WNOWAIT)

    def resume(self) -> None:
        self.process.send_signal(signal.SIGCONT)

    def _end(self, by: signal.Signals) -> None:
        self.process.send_signal(by)
        self.process.send_signal(signal.SIGCONT)
        self.process.wait(PATIENCE)


class PrivateMariaDB(PrivateServer):
    def _command(self) -> list[str]:
        return ["mariadbd", *self._options]

    def _install(self) -> None:
        options = [*self._where, "--auth-root-authentication-method=normal", "--skip-test-db"]
        subprocess.run(["mariadb-install-db", *options], check=True, stdout=subprocess.DEVNULL)


class PrivateMySQL(PrivateServer):
    """Oracle's MySQL."""

    def _command(self) -> list[str]:
        own = [
            "--mysqlx=OFF",
            "--secure-file-priv=NULL",
            "--performance-schema=OFF",
            "--information-schema-stats-expiry=0",
        ]
        return [_mysqld(), *self._options, *own]

    def _install(self) -> None:
        with self._log.open("ab") as log:
            command = [_mysqld(), *self._where, "--initialize-insecure"]
            subprocess.run(command, check=True, stdout=log, stderr=log)


def _as_root() -> list[str]:
    """Return the flag without which neither server runs as root."""
    return ["--user=root"] if os.geteuid() == 0 else []


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port: int = probe.getsockname()[1]
        return port


def _need_mariadb() -> None:
    missing = [program for program in ("mariadbd", "mariadb-install-db") if shutil.which(program) is None]
    if missing and not os.environ.get("CI"):
        pytest.skip(f"there is no {' and no '.join(missing)} here")


def _mysqld() -> str:
    return os.environ.get("CHAT_TEST_MYSQLD") or shutil.which("mysqld") or ""


def has_mysql() -> bool:
    """Whether there is an Oracle MySQL; Debian's MariaDB has a ``mysqld``, too."""
    program = _mysqld()
    return program not in ("", "skip") and "MariaDB" not in _version(program)


def _need_mysql() -> None:
    if has_mysql():
        return
    if _mysqld() == "skip":
        pytest.skip("CHAT_TEST_MYSQLD says to leave MySQL out")
    if os.environ.get("CI"):
        pytest.fail("there is no MySQL here: set CHAT_TEST_MYSQLD to what .ci/mysql prints")
    pytest.skip("there is no MySQL here: .ci/mysql fetches one")


@cache
def _version(program: str) -> str:
    return subprocess.run([program, "--no-defaults", "--version"], capture_output=True, text=True).stdout


UNSAFE = ("--innodb-flush-method=nosync",)
"""For servers whose power is never cut."""


@pytest.fixture(scope="session")
def mariadb(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DatabaseServer]:
    """A server shared by all tests: each makes its own databases there, and none stops it."""
    if given := os.environ.get("CHAT_TEST_DATABASE_URL"):
        yield DatabaseServer(normalise_url(given))
        return
    _need_mariadb()
    folder = tmp_path_factory.mktemp("mariadb")
    server = PrivateMariaDB(folder).start(*UNSAFE)
    yield server
    server.kill()


@pytest.fixture(scope="session")
def mysql(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DatabaseServer]:
    """The same with MySQL."""
    _need_mysql()
    folder = tmp_path_factory.mktemp("mysql")
    server = PrivateMySQL(folder).start(*UNSAFE, "--skip-log-bin")
    yield server
    server.kill()


@pytest.fixture(scope="session", params=["mariadb", "mysql"])
def mysql_server(request: pytest.FixtureRequest) -> DatabaseServer:
    """The shared MariaDB and the shared MySQL in turn."""
    server: DatabaseServer = request.getfixturevalue(request.param)
    return server


@pytest.fixture
def fragile_mariadb(tmp_path: Path) -> Iterator[PrivateServer]:
    """A server for one test, which may stop, kill or configure it."""
    _need_mariadb()
    folder = tmp_path / "mariadb"
    folder.mkdir()
    server = PrivateMariaDB(folder).start()
    yield server
    server.kill()


@pytest.fixture
def fragile_mysql(tmp_path: Path) -> Iterator[PrivateServer]:
    """The same with MySQL."""
    _need_mysql()
    folder = tmp_path / "mysql"
    folder.mkdir()
    server = PrivateMySQL(folder).start()
    yield server
    server.kill()


_numbers = count(1)


@contextmanager
def fresh_database(server: DatabaseServer) -> Iterator[str]:
    """Yield the URL of a new database, which is dropped afterwards."""
    name = f"chat_{os.getpid()}_{next(_numbers)}"
    yield server.url(name)
    server.drop(name)


@pytest.fixture
def mysql_url(mysql_server: DatabaseServer) -> Iterator[str]:
    """A fresh database on MariaDB and on MySQL in turn."""
    with fresh_database(mysql_server) as url:
        yield url


@pytest.fixture
def sqlite_url(tmp_path: Path) -> str:
    """A SQLite file that does not exist yet."""
    return f"sqlite:///{tmp_path / 'chat.db'}"


@pytest.fixture(params=["sqlite", "mariadb", "mysql"])
def database_url(request: pytest.FixtureRequest) -> Iterator[str]:
    """A fresh database of each engine in turn."""
    if request.param == "sqlite":
        yield request.getfixturevalue("sqlite_url")
        return
    with fresh_database(request.getfixturevalue(request.param)) as url:
        yield url


@pytest.fixture(params=["sqlite", "mariadb", "mysql"])
def engine(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Engine]:
    """A database of each engine in turn, with every table in it, and none of them with a row."""
    if request.param == "sqlite":
        shutil.copyfile(request.getfixturevalue("sqlite_model"), tmp_path / "chat.db")
        engine = open_engine(f"sqlite:///{tmp_path / 'chat.db'}")
        yield engine
        engine.dispose()
        return
    empty_databases = request.getfixturevalue("empty_databases")
    with empty_databases(request.getfixturevalue(request.param)).lend() as url:
        engine = open_engine(url)
        yield engine
        engine.dispose()


# What the migrations make, once for all tests: they take longer than most of them.


@pytest.fixture(scope="session")
def sqlite_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A file to copy."""
    file = tmp_path_factory.mktemp("model") / "chat.db"
    _migrate(f"sqlite:///{file}")
    return file


class EmptyDatabases:
    """Databases on one server with the tables of the newest schema and no rows. They are made once, lent to
    one test after another, and emptied in between: to make the tables takes longer than most tests.
    """

    def __init__(self, server: DatabaseServer) -> None:
        self._server = server
        self._names: list[str] = []  # of all
        self._free: list[str] = []
        self._model = self._add_name()
        _migrate(server.url(self._model))
        self._tables = self._table_names(self._model)
        # The statements that the server recommends.
        self._statements = [
            server.execute(f"SHOW CREATE TABLE {self._model}.{table}")[0][1] for table in self._tables
        ]

    @contextmanager
    def lend(self) -> Iterator[str]:
        """The URL of an empty database."""
        name = self._free.pop() if self._free else self._make()
        yield self._server.url(name)
        if self._table_names(name) == self._tables and self._version(name) == self._version(self._model):
            self._empty(name)
            self._free.append(name)

    def drop_all(self) -> None:
        with suppress(pymysql.err.OperationalError):  # a private server may have ended before
            for name in self._names:
                self._server.drop(name)

    def _add_name(self) -> str:
        self._names.append(f"chat_{os.getpid()}_empty{len(self._names)}")
        return self._names[-1]

    def _make(self) -> str:
        name = self._add_name()
        self._server.url(name)
        self._server.execute(
            f"USE {name}",
            "SET foreign_key_checks = 0",  # the tables come in the order of their names
            *self._statements,
            f"INSERT INTO alembic_version SELECT * FROM {self._model}.alembic_version",
        )
        return name

    def _table_names(self, name: str) -> list[str]:
        return sorted(table for (table,) in self._server.execute(f"SHOW TABLES IN {name}"))

    def _version(self, name: str) -> list[tuple[Any, ...]]:
        return self._server.execute(f"SELECT version_num FROM {name}.alembic_version")

    def _empty(self, name: str) -> None:
        """Empty the tables that a test has used, also if it has rolled back: ids begin with 1 again."""
        tables = [table for table in self._tables if table != "alembic_version"]
        filled = " UNION ALL ".join(
            f"SELECT '{table}' FROM DUAL WHERE EXISTS (SELECT 1 FROM {name}.{table})" for table in tables
        )
        counted = (
            "SELECT table_name FROM information_schema.tables"
            f" WHERE table_schema = '{name}' AND auto_increment > 1"
        )
        used = {table for (table,) in self._server.execute(filled) + self._server.execute(counted)}
        self._server.execute(
            f"USE {name}",
            "SET foreign_key_checks = 0",
            *(f"TRUNCATE TABLE {table}" for table in sorted(used)),
        )


@pytest.fixture(scope="session")
def empty_databases() -> Iterator[Callable[[DatabaseServer], EmptyDatabases]]:
    """Return a function that gives the empty databases of a server."""
    databases_by_server: dict[int, EmptyDatabases] = {}

    def find(server: DatabaseServer) -> EmptyDatabases:
        if id(server) not in databases_by_server:
            databases_by_server[id(server)] = EmptyDatabases(server)
        return databases_by_server[id(server)]

    yield find
    for databases in databases_by_server.values():
        databases.drop_all()


def _migrate(url: str) -> None:
    engine = open_engine(url)
    upgrade_schema(engine)
    engine.dispose()
