"""Several MySQL hosts in one URL: ``mysql://USER@HOST1,HOST2:3307/chatroom``.

A new connection goes to the host of the last one. If that host cannot be reached or does not accept writes,
the first host of the list that does is taken. So all connections of a process go to one host, and after a
loss to the next one.
"""

import re
from collections.abc import Sequence
from typing import Any, NamedTuple

from pymysql.constants import ER
from pymysql.err import MySQLError, OperationalError

from chatroom.db.errors import DatabaseUnusable

HOSTS_OPTION = "hosts"
"""The option of a parsed URL that holds its list of hosts. It is set by ``engine`` only."""

DEFAULT_PORT = 3306

CONNECT_SECONDS = 2
"""Timeout for one host of several: the next one may answer."""

_SERVER_URL = re.compile(
    r"(?P<before>[\w+]+://(?:[^@/]*@)?)(?P<hosts>[^/?@]*,[^/?@]*)(?P<after>(?:[/?].*)?)", re.DOTALL
)


class DatabaseHost(NamedTuple):
    name: str
    port: int


def split_hosts(url: str) -> tuple[str, str]:
    """Return the URL of the first host, and the list of hosts as written; empty if there is only one."""
    match = _SERVER_URL.fullmatch(url)
    if match is None:
        return url, ""
    hosts = match["hosts"]
    return f"{match['before']}{hosts.partition(',')[0]}{match['after']}", hosts


def parse_hosts(hosts: str) -> list[DatabaseHost]:
    """Raises ``DatabaseUnusable``."""
    return [_parse_host(host) for host in hosts.split(",")]


def _parse_host(host: str) -> DatabaseHost:
    match = re.fullmatch(r"(\[[^\]]+\]|[^:\[\]]+)(?::(\d{1,5}))?", host)
    if match is None:
        raise DatabaseUnusable(
            "the database URL has a list of hosts that does not parse: write HOST1:PORT,HOST2"
        )
    return DatabaseHost(match[1].strip("[]"), int(match[2] or DEFAULT_PORT))


class HostSelector:
    """Connects to the host in use, or else to the first one that accepts writes. Used by any thread."""

    def __init__(self, hosts: Sequence[DatabaseHost]) -> None:
        self._hosts = hosts
        self._current = hosts[0]

    def connect(self, dialect: Any, record: object, arguments: Any, parameters: dict[str, Any]) -> Any:
        """Connect: SQLAlchemy's event ``do_connect``. Raises the error of a read-only host, or the first."""
        options = {name: value for name, value in parameters.items() if name != HOSTS_OPTION}
        options["connect_timeout"] = min(options.get("connect_timeout", CONNECT_SECONDS), CONNECT_SECONDS)
        failure: MySQLError | None = None
        for host in dict.fromkeys([self._current, *self._hosts]):
            try:
                connection = dialect.connect(*arguments, **options | {"host": host.name, "port": host.port})
                _check_writable(connection, host)
            except MySQLError as error:
                if failure is None or _is_read_only(error):
                    failure = error
            else:
                self._current = host
                return connection
        assert failure is not None
        raise failure


def _is_read_only(error: MySQLError) -> bool:
    return bool(error.args) and error.args[0] == ER.OPTION_PREVENTS_STATEMENT


def _check_writable(connection: Any, host: DatabaseHost) -> None:
    """Close the connection and raise if the host does not accept writes."""
    try:
        with connection.cursor() as cursor:
            cursor.execute("SELECT @@global.read_only")
            (read_only,) = cursor.fetchone()
        if read_only:
            raise OperationalError(ER.OPTION_PREVENTS_STATEMENT, f"{host.name}:{host.port} is read-only")
    except MySQLError:
        connection.close()
        raise
