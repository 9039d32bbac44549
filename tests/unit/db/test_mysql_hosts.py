"""Several hosts in one database URL: the one in use, or else the first that accepts writes."""

import pymysql
import pytest
from sqlalchemy import text
from sqlalchemy.exc import OperationalError

from chatroom.db.engine import normalise_url, open_engine
from chatroom.db.errors import DatabaseUnusable
from chatroom.db.mysql_hosts import DatabaseHost, HostSelector, parse_hosts, split_hosts
from tests.support.database import PrivateServer

UNREACHABLE = "127.0.0.1:1"


def test_split_hosts_keeps_a_url_of_one_host() -> None:
    assert split_hosts("mysql://u:p,q@h1:3306/chat") == ("mysql://u:p,q@h1:3306/chat", "")
    assert split_hosts("sqlite:////tmp/a,b") == ("sqlite:////tmp/a,b", "")


def test_split_hosts_returns_the_url_of_the_first_host() -> None:
    assert split_hosts("mysql://u:p@h1,h2:3307,[::1]:3308/chat?ssl_ca=x") == (
        "mysql://u:p@h1/chat?ssl_ca=x",
        "h1,h2:3307,[::1]:3308",
    )


def test_parse_hosts_reads_names_and_ports() -> None:
    assert parse_hosts("h1,h2:3307,[::1]:3308") == [
        DatabaseHost("h1", 3306),
        DatabaseHost("h2", 3307),
        DatabaseHost("::1", 3308),
    ]


@pytest.mark.parametrize("hosts", ["h1,", "h1,:3306", "h1:x,h2", "::1,h2"])
def test_invalid_list_of_hosts_is_refused(hosts: str) -> None:
    with pytest.raises(DatabaseUnusable):
        normalise_url(f"mysql://u@{hosts}/chat")


def test_hosts_survive_a_second_normalisation() -> None:
    url = normalise_url("mysql://u@h1,h2/chat", password="secret")
    assert normalise_url(url).query["hosts"] == "h1,h2"


def test_option_hosts_of_a_user_is_refused() -> None:
    with pytest.raises(DatabaseUnusable):
        normalise_url("mysql://u@h1/chat?hosts=h2")


def port_of(engine_text: object) -> int:
    return int(str(engine_text))


def test_first_host_that_accepts_writes_is_used(fragile_mariadb: PrivateServer) -> None:
    url = fragile_mariadb.url("chat")
    engine = open_engine(url.replace("127.0.0.1:", f"{UNREACHABLE},127.0.0.1:"))
    with engine.connect() as connection:
        assert port_of(connection.scalar(text("SELECT @@port"))) == fragile_mariadb.address.port
    engine.dispose()
    fragile_mariadb.execute("SET GLOBAL read_only = 1")
    with pytest.raises(OperationalError, match="read-only"):
        engine.connect()
    fragile_mariadb.execute("SET GLOBAL read_only = 0")
    engine.connect().close()
    engine.dispose()


class FakeDialect:
    def __init__(self, down: set[str]) -> None:
        self.down = down
        self.asked: list[str] = []

    def connect(self, **options: object) -> "FakeDialect":
        host = str(options["host"])
        assert "hosts" not in options
        self.asked.append(host)
        if host in self.down:
            raise pymysql.err.OperationalError(2003, f"cannot connect to {host}")
        return self

    def cursor(self) -> "FakeDialect":
        return self

    def __enter__(self) -> "FakeDialect":
        return self

    def __exit__(self, *_: object) -> None:
        pass

    def execute(self, statement: str) -> None:
        pass

    def fetchone(self) -> tuple[int]:
        return (0,)


def test_host_in_use_is_kept_until_it_is_lost() -> None:
    selector = HostSelector(parse_hosts("h1,h2,h3"))
    dialect = FakeDialect({"h1"})
    for _ in range(2):
        selector.connect(dialect, None, (), {"hosts": "h1,h2,h3"})
    assert dialect.asked == ["h1", "h2", "h2"]
    dialect.down, dialect.asked = {"h2"}, []
    selector.connect(dialect, None, (), {"hosts": "h1,h2,h3"})
    assert dialect.asked == ["h2", "h1"]
