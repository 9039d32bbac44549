"""The SQL functions that ``db`` calls exist in every supported engine and version.

MySQL drops functions (MD5() is gone in 9.6) and MariaDB lacks some that MySQL has, so a new function needs a
line here and a check in the manuals of SQLite, MySQL and MariaDB.
"""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import Engine, text

from chatroom import db
from chatroom.db.engine import open_engine

EVERYWHERE = {
    "coalesce": "coalesce(NULL, 1)",
    "count": "count(*)",
    "length": "length('a')",
    "max": "max(1)",
    "min": "min(1)",
    "sum": "sum(1) OVER ()",
}
"""Each function and a call of it."""

ON_MYSQL = {
    "concat_ws": "concat_ws('|', 1, 'a')",
    "crc32": "crc32('a')",
    "hex": "hex('a')",
    "database": "database()",
    "get_lock": "get_lock('chatroom functions', 0)",
    "utc_timestamp": "utc_timestamp(3)",
}

PACKAGE = Path(db.__file__).parent
STATEMENT = re.compile(r"\b(SELECT|INSERT|UPDATE|DELETE|COALESCE|PRAGMA|FROM|WHERE|SET)\b")
CALL = re.compile(r"(?<![\w.`])([A-Za-z_][A-Za-z_0-9]*)\(")
SYNTAX = {"CHARACTER", "IN", "OVER", "VALUES", "WAL_CHECKPOINT"}
"""Keywords and a PRAGMA before a parenthesis. VALUES() of ON DUPLICATE KEY UPDATE is a MySQL function for
which MariaDB has no replacement.
"""


def calls(source: str) -> Iterator[str]:
    """The functions in SQLAlchemy's ``func.NAME`` and in SQL strings."""
    for node in ast.walk(ast.parse(source)):
        match node:
            case ast.Attribute(value=ast.Name(id="func"), attr=name):
                yield name.lower()
            case ast.Constant(value=str(statement)) if STATEMENT.search(statement):
                yield from (name.lower() for name in CALL.findall(statement) if name.upper() not in SYNTAX)


def all_calls() -> set[str]:
    """The functions that the whole package calls."""
    files = sorted(PACKAGE.rglob("*.py"))
    assert len(files) > 20
    return {name for file in files for name in calls(file.read_text())}


def test_calls_are_found_in_expressions_and_in_text() -> None:
    names = set(calls('func.md5(1)\nask(f"SELECT sha2(x, 256) FROM t WHERE id IN (1) AND y = {z}")'))
    assert names == {"md5", "sha2"}


def test_only_portable_functions_are_called() -> None:
    assert all_calls() == EVERYWHERE.keys() | ON_MYSQL.keys()


@pytest.mark.parametrize("call", EVERYWHERE.values())
def test_listed_function_works(engine: Engine, call: str) -> None:
    with engine.connect() as connection:
        connection.execute(text(f"SELECT {call}"))


def test_mysql_functions_work(mysql_url: str) -> None:
    engine = open_engine(mysql_url)
    with engine.connect() as connection:
        for call in ON_MYSQL.values():
            connection.execute(text(f"SELECT {call}"))
    engine.dispose()
