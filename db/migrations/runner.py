"""Runs the migrations that a database lacks, with Alembic. ``migrate`` decides whether any is missing.

This is a module of its own because importing Alembic takes a fifth of the start-up time and is rarely needed.
"""

from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.script import ScriptDirectory
from sqlalchemy import Connection

from chatroom.db.errors import DatabaseUnusable


def run_migrations(connection: Connection, folder: Path, present: set[str], target: str = "head") -> None:
    """Upgrade a database at the revisions ``present`` to a migration in a folder, or the newest. Raises
    ``DatabaseUnusable`` for a revision that this release does not know.
    """
    known = {script.revision for script in ScriptDirectory(str(folder)).walk_revisions()}
    if unknown := present - known:
        raise DatabaseUnusable(
            f"the database is at revision {', '.join(sorted(unknown))}, unknown to this chat-server:"
            " it belongs to a newer one, or to another program"
        )
    command.upgrade(_alembic_config(connection, folder), target)


def _alembic_config(connection: Connection, folder: Path) -> Config:
    config = Config()
    config.set_main_option("script_location", str(folder).replace("%", "%%"))
    config.attributes["connection"] = connection
    return config
