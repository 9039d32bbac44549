"""Modules that a start must not import, because they would slow it down."""

import subprocess
import sys
from pathlib import Path

import pytest

from chatroom.db.engine import open_engine
from chatroom.db.migrate import upgrade_schema
from tests.support.processes import ROOT

UPGRADED = """
import sys
from chatroom.db.engine import open_engine
from chatroom.db.migrate import upgrade_schema
upgrade_schema(open_engine(sys.argv[1]))
"""


def imported(program: str, *arguments: str) -> set[str]:
    """Return the packages that a program has imported."""
    print_packages = (
        f"{program}\nprint(*{{name.removeprefix('chatroom.').partition('.')[0] for name in sys.modules}})"
    )
    command = [sys.executable, "-c", print_packages, *arguments]
    return set(subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout.split())


def test_client_start_imports_no_unneeded_module() -> None:
    assert not imported("import sys, chatroom.client.__main__") & {
        "cryptography",
        "db",
        "server",
        "sqlalchemy",
    }


@pytest.mark.parametrize("command", ["chatroom.server.__main__", "chatroom.server.app"])
def test_server_start_imports_no_rarely_needed_module(command: str) -> None:
    assert not imported(f"import sys, {command}") & {"alembic", "client", "prompt_toolkit"}


def test_current_database_is_not_upgraded(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'chatroom.sqlite'}"
    upgrade_schema(engine := open_engine(url))
    engine.dispose()
    assert "alembic" not in imported(UPGRADED, url)
