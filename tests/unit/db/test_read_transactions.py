"""A read-only transaction is a snapshot, whichever kind of statement comes first."""

from sqlalchemy import Engine, bindparam, select, text

from chatroom.db.engine import begin_read
from chatroom.db.prepared import PreparedSelect
from chatroom.db.schema import accounts

FIND = PreparedSelect(select(accounts.c.id).where(accounts.c.id == bindparam("id")))


def test_prepared_statement_may_come_first(engine: Engine) -> None:
    with begin_read(engine) as connection:
        assert FIND.rows(connection, id=1) == []
        assert connection.scalar(text("SELECT 1")) == 1
