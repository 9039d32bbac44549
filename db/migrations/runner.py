"""Runs the steps in ``migrations`` that a database lacks, by Alembic. The counterpart is ``migrate``, which
finds out whether it lacks any.

Apart from that one because Alembic takes a fifth of a start to import, and hardly a start needs it.
"""

from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.script import ScriptDirectory
from chatroom.db.errors import DatabaseUnusable
from sqlalchemy import Connection


def run_migrations(connection: Connection, folder: Path, present: set[str]) -> None:
    """Bring a database that is at the steps ``present`` to the last step in a folder. Raises
    ``DatabaseUnusable`` for
    one that is at a step which this program does not know."""
    known = {step.revision for step in ScriptDirectory(str(folder)).walk_revisions()}
    if strangers := present - known:
        raise DatabaseUnusable(
            f"the database is at revision {', '.join(sorted(strangers))}, unknown to this chat-server:"
            " it belongs to a newer one, or to another program"
        )
    command.upgrade(_alembic_config(connection, folder), "head")


def _alembic_config(connection: Connection, folder: Path) -> Config:
    config = Config()
    config.set_main_option("script_location", str(folder).replace("%", "%%"))
    config.attributes["connection"] = connection
    return config
