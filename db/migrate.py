"""Brings a database to the schema of this program, whatever it held before. The steps are in ``migrations``.

Two servers that start at once agree: the second waits, and then finds nothing to do. It may be killed
anywhere and run again: SQLite does all of it in one transaction, and on MySQL, which knows none for DDL,
every statement commits by itself and each step first looks what is there already.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, Engine, func, inspect, select
from sqlalchemy.exc import DBAPIError

from db import schema
from db.check import unusable
from db.engine import begin_write, is_sqlite, patient
from db.errors import Unusable

MIGRATIONS = Path(__file__).with_name("migrations")

PATIENCE = 60
"""Seconds that a server waits for another one to finish upgrading the same database."""


def upgrade(engine: Engine) -> None:
    """Create or upgrade the schema. Raises ``Unusable`` for a database of a stranger or a newer server."""
    own = patient(engine)
    try:
        with _locked(own) as connection:
            _upgrade(connection)
    except DBAPIError as error:
        raise unusable(engine.url, error) from error
    finally:
        own.dispose()


def _upgrade(connection: Connection) -> None:
    script = ScriptDirectory(str(MIGRATIONS))
    present = _revisions(connection)
    if strangers := present - {step.revision for step in script.walk_revisions()}:
        raise Unusable(
            f"the database is at revision {', '.join(sorted(strangers))}, unknown to this chat-server:"
            " it belongs to a newer one, or to another program"
        )
    if present != set(script.get_heads()):
        command.upgrade(_config(connection), "head")


def _revisions(connection: Connection) -> set[str]:
    """The step that the database is at; none if it is empty, or if the first step was killed."""
    tables = set(inspect(connection).get_table_names())
    ours = tables & set(schema.metadata.tables)
    if ours and "alembic_version" not in tables:
        raise Unusable(f"the database holds tables of another program: {', '.join(sorted(ours))}")
    return set(MigrationContext.configure(connection).get_current_heads())


def _config(connection: Connection) -> Config:
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS).replace("%", "%%"))
    config.attributes["connection"] = connection
    return config


@contextmanager
def _locked(engine: Engine) -> Iterator[Connection]:
    """A connection whose holder is the only one to change the schema."""
    if is_sqlite(engine.url):
        with begin_write(engine) as connection:
            yield connection
        return
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        # The server has one set of names for locks, whatever the database.
        name = func.concat("chatroom upgrade ", func.md5(func.database()))
        got = connection.scalar(select(func.get_lock(name, PATIENCE)))
        if not got:
            raise Unusable("another chat-server is upgrading this database; try again when it is done")
        yield connection  # the lock goes with the connection, which is not used again
