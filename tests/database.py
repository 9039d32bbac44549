"""Real databases for tests: a SQLite file, and a MariaDB of our own that is thrown away afterwards.

``CHAT_TEST_DATABASE_URL`` names a MySQL server to use instead, by a user who may create databases. The name
of the database in it does not matter; each test gets one of its own. Where there is neither that nor
MariaDB's programs, the tests that need it are skipped, but never under CI.
"""

import os
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import Any, Self

import pymysql
import pytest
from sqlalchemy import URL, Engine

from db.engine import is_sqlite, normalise, open_engine
from db.migrate import upgrade

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
        """Cut everybody off; how many that were."""
        victims = self.execute(
            "SELECT id FROM information_schema.processlist"
            " WHERE id != connection_id() AND user NOT IN ('system user', 'event_scheduler')"
        )
        for (id,) in victims:
            with suppress(pymysql.err.OperationalError):  # it had ended already
                self.execute(f"KILL {id}")
        return len(victims)


class PrivateMariaDB(DatabaseServer):
    """A MariaDB server in a folder, on a port that it keeps across restarts. Its user root has no
    password."""

    def __init__(self, folder: Path) -> None:
        super().__init__(URL.create("mysql+pymysql", username="root", host="127.0.0.1", port=_free_port()))
        self._data = folder / "data"
        self._log = folder / "log"
        self._where = [
            "--no-defaults",
            f"--datadir={self._data}",
            f"--tmpdir={folder}",  # a server that starts removes what others have in a folder they share
        ]
        self._options = [
            *self._where,
            f"--socket={folder / 'socket'}",
            f"--port={self.address.port}",
            "--bind-address=127.0.0.1",
            *_as_root(),
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
            self._process = subprocess.Popen(["mariadbd", *self._options, *options], stdout=log, stderr=log)
        deadline = time.monotonic() + PATIENCE
        while not self._answers():
            assert self.process.poll() is None, self._log.read_text()
            assert time.monotonic() < deadline, self._log.read_text()
            time.sleep(0.01)
        return self

    def _install(self) -> None:
        subprocess.run(
            [
                "mariadb-install-db",
                *self._where,
                "--auth-root-authentication-method=normal",
                "--skip-test-db",
                *_as_root(),
            ],
            check=True,
            stdout=subprocess.DEVNULL,
        )

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


def _as_root() -> list[str]:
    """MariaDB runs as root only when told to."""
    return ["--user=root"] if os.geteuid() == 0 else []


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port: int = probe.getsockname()[1]
        return port


def _need_mariadb() -> None:
    missing = [program for program in ("mariadbd", "mariadb-install-db") if shutil.which(program) is None]
    if missing and not os.environ.get("CI"):
        pytest.skip(f"there is no {' and no '.join(missing)} here")


@pytest.fixture(scope="session")
def mariadb(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DatabaseServer]:
    """A server shared by all tests: each makes its own databases there, and none stops it."""
    if given := os.environ.get("CHAT_TEST_DATABASE_URL"):
        yield DatabaseServer(normalise(given))
        return
    _need_mariadb()
    folder = tmp_path_factory.mktemp("mariadb")
    server = PrivateMariaDB(folder).start("--innodb-flush-method=nosync")  # no test cuts its power
    yield server
    server.kill()


@pytest.fixture
def fragile_mariadb(tmp_path: Path) -> Iterator[PrivateMariaDB]:
    """A server for one test, which may do to it whatever it likes."""
    _need_mariadb()
    folder = tmp_path / "mariadb"
    folder.mkdir()
    server = PrivateMariaDB(folder).start()
    yield server
    server.kill()


_numbers = count(1)


@pytest.fixture
def mysql_url(mariadb: DatabaseServer) -> Iterator[str]:
    """A fresh MySQL database."""
    name = f"chat_{os.getpid()}_{next(_numbers)}"
    yield mariadb.url(name)
    mariadb.drop(name)


@pytest.fixture
def sqlite_url(tmp_path: Path) -> str:
    """A SQLite file that does not exist yet."""
    return f"sqlite:///{tmp_path / 'chat.db'}"


@pytest.fixture(params=["sqlite", "mysql"])
def database_url(request: pytest.FixtureRequest) -> str:
    """A fresh database of each engine in turn."""
    url: str = request.getfixturevalue(f"{request.param}_url")
    return url


@pytest.fixture
def engine(request: pytest.FixtureRequest, database_url: str) -> Iterator[Engine]:
    """A fresh database with every table in it, and none of them with a row."""
    engine = open_engine(database_url)
    if is_sqlite(engine.url):
        shutil.copyfile(request.getfixturevalue("sqlite_model"), str(engine.url.database))
    else:
        request.getfixturevalue("mysql_model").copy_to(str(engine.url.database))
    yield engine
    engine.dispose()


# What the migrations make, once for all tests: they take longer than most of them.


@pytest.fixture(scope="session")
def sqlite_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A file to copy."""
    file = tmp_path_factory.mktemp("model") / "chat.db"
    _migrate(f"sqlite:///{file}")
    return file


@dataclass(frozen=True)
class MySQLModel:
    """A database whose tables are made again, by the statements that the server itself tells, in another."""

    server: DatabaseServer
    name: str
    statements: tuple[str, ...]

    def copy_to(self, name: str) -> None:
        self.server.execute(
            f"USE {name}",
            "SET foreign_key_checks = 0",  # the tables come in the order of their names
            *self.statements,
            f"INSERT INTO alembic_version SELECT * FROM {self.name}.alembic_version",
        )


@pytest.fixture(scope="session")
def mysql_model(mariadb: DatabaseServer) -> Iterator[MySQLModel]:
    """A database to copy."""
    name = f"chat_{os.getpid()}_model"
    _migrate(mariadb.url(name))
    tables = mariadb.execute(f"SHOW TABLES IN {name}")
    made = [mariadb.execute(f"SHOW CREATE TABLE {name}.{table}")[0][1] for (table,) in tables]
    yield MySQLModel(mariadb, name, tuple(made))
    mariadb.drop(name)


def _migrate(url: str) -> None:
    engine = open_engine(url)
    upgrade(engine)
    engine.dispose()
