"""What befalls the writer: deadlocks, outages, connections that are cut, commits of unknown fate."""

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import Any

import chatroom.db.writer.writer
import pytest
from chatroom.db.engine import open_engine
from chatroom.db.errors import DatabaseUnavailable
from chatroom.db.migrate import upgrade_schema
from chatroom.db.queries.messages import AppendVerdict, KnownHead
from chatroom.db.records import MessageDraft
from chatroom.db.writer.operations import SessionOrder
from chatroom.db.writer.writer import DatabaseWriter
from sqlalchemy import Connection, Engine, event, func
from sqlalchemy.exc import OperationalError

from tests.support.database import DatabaseServer
from tests.unit.db.stage import NotEntitled, WriterFixture, block_writer, raise_not_entitled


@pytest.fixture
def stage(engine: Engine) -> WriterFixture:
    return WriterFixture(engine)


async def test_a_deadlock_runs_the_transaction_again(
    stage: WriterFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(chatroom.db.writer.writer, "is_transient", lambda error: isinstance(error, _Deadlock))
    attempts = _failing_times(monkeypatch, 2, _Deadlock)
    async with stage.running_writer() as writer:
        writer.add_operation(stage.make_post("hi"))
    assert attempts == [1, 2, 3]
    assert stage.events == [("post", (AppendVerdict.STORED, 1)), ("deliver", (1, "hi"))]


async def test_an_outage_is_sat_out(stage: WriterFixture, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        chatroom.db.writer.writer, "is_outage", lambda error: isinstance(error, DatabaseUnavailable)
    )
    _failing_times(monkeypatch, 3, partial(DatabaseUnavailable, "away"))
    async with stage.running_writer(outage_timeout=60.0) as writer:
        await writer.run_job(partial(stage.append_text, text="hi"))
    assert stage.stored_texts() == ["hi"]


async def test_behind_a_message_of_unknown_fate_nothing_of_the_session_is_stored(
    stage: WriterFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its client will send all of it again, in order; had the second been stored, it would come first."""
    _failing_times(monkeypatch, 1, partial(DatabaseUnavailable, "away"))
    async with stage.running_writer(outage_timeout=0.0) as writer:
        writer.add_operation(stage.make_post("first"))
        await stage.wait_for_answers(1)
        writer.add_operation(stage.make_post("second"))
        writer.add_operation(stage.make_post("of another session", stream=SessionOrder()))
    assert [isinstance(answer, DatabaseUnavailable) for answer in stage.events_of("post")] == [
        True,
        True,
        False,
    ]
    assert stage.stored_texts() == ["of another session"]


async def test_and_nothing_else_that_the_session_asks_for_is_done(
    stage: WriterFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An edit is a job: had it been stored, what was said before it would come behind it."""
    _failing_times(monkeypatch, 1, partial(DatabaseUnavailable, "away"))
    async with stage.running_writer(outage_timeout=0.0) as writer:
        writer.add_operation(stage.make_post("first"))
        await stage.wait_for_answers(1)
        second = stage.make_job(partial(stage.append_text, text="second"))
        writer.add_operation(replace(second, session_order=stage.session_order))
        writer.add_operation(stage.make_job(partial(stage.append_text, text="of another session")))
    assert [isinstance(answer, DatabaseUnavailable) for answer in stage.events_of("job")] == [True, False]
    assert stage.stored_texts() == ["of another session"]


async def test_a_commit_of_unknown_fate_is_settled_by_the_cid(
    stage: WriterFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The connection breaks while COMMIT is answered, and the message is there: told once, delivered once."""
    breaking = [True]

    def break_after_commit(connection: Connection) -> None:
        if breaking:
            breaking.clear()
            # Behind SQLAlchemy's back; its types allow for a connection that is closed, and this one is not.
            connection.connection.dbapi_connection.commit()  # type: ignore[union-attr]
            raise OperationalError("COMMIT", {}, ConnectionError("lost"), connection_invalidated=True)

    async with stage.running_writer(outage_timeout=60.0) as writer:
        await writer.run_job(lambda transaction: transaction.note_heads({stage.room_id: KnownHead(0, 1)}))
        event.listen(stage.engine, "commit", break_after_commit)
        writer.add_operation(stage.make_post("hi"))
        await stage.wait_for_answers(1)
    assert stage.events_of("post") == [(AppendVerdict.DUPLICATE, 1)]
    assert stage.events_of("deliver") == [(1, "hi")]


async def test_a_job_whose_commit_is_of_unknown_fate_fails(stage: WriterFixture) -> None:
    def break_commit(connection: Connection) -> None:
        raise OperationalError("COMMIT", {}, ConnectionError("lost"), connection_invalidated=True)

    async with stage.running_writer(outage_timeout=60.0) as writer:
        event.listen(stage.engine, "commit", break_commit, once=True)
        with pytest.raises(DatabaseUnavailable):
            await writer.run_job(partial(stage.append_text, text="hi"))


async def test_the_writer_keeps_its_connection(stage: WriterFixture) -> None:
    checkouts: list[object] = []
    async with stage.running_writer() as writer:
        event.listen(stage.engine, "checkout", lambda *arguments: checkouts.append(arguments))
        for n in range(3):
            writer.add_operation(stage.make_post(str(n)))
            await stage.wait_for_answers(n + 1)
        with pytest.raises(NotEntitled):
            await writer.run_job(raise_not_entitled)
        await writer.run_job(partial(stage.append_text, text="hi"))
    assert len(checkouts) == 1
    assert stage.stored_texts() == ["0", "1", "2", "hi"]


@pytest.mark.parametrize("ask", ["post", "job"])
async def test_a_connection_that_is_cut_is_replaced(
    mysql_url: str, mysql_server: DatabaseServer, ask: str
) -> None:
    """A post finds out through the driver itself, a job through SQLAlchemy."""
    engine = open_engine(mysql_url)
    upgrade_schema(engine)
    stage = WriterFixture(engine)
    async with stage.running_writer(outage_timeout=60.0) as writer:
        id = await writer.run_job(lambda transaction: transaction.connection.scalar(func.connection_id()))
        mysql_server.execute(f"KILL {id}")
        if ask == "post":
            writer.add_operation(stage.make_post("hi"))
            await stage.wait_for_answers(1)
        else:
            await writer.run_job(partial(stage.append_text, text="hi"))
    assert stage.stored_texts() == ["hi"]
    assert stage.events_of("deliver") == [(1, "hi")]
    engine.dispose()


async def test_one_poisoned_message_harms_no_other(stage: WriterFixture) -> None:
    """No conversation 999: its foreign key makes the whole INSERT fail, so each is tried for itself."""
    async with stage.running_writer() as writer:
        gate = await block_writer(writer)
        writer.add_operation(stage.make_post("before"))
        poison = stage.make_post("poison", stream=SessionOrder())
        poison.draft = MessageDraft(stage.room_id, 999, "Nobody", "N", "text", "poison", cid="poison")
        writer.add_operation(poison)
        writer.add_operation(stage.make_post("after"))
        gate.set()
    assert sorted(stage.stored_texts()) == ["after", "before"]
    assert sum(isinstance(answer, Exception) for answer in stage.events_of("post")) == 1


async def test_a_full_disk_is_an_outage_and_then_it_is_over(sqlite_url: str) -> None:
    """SQLite's own limit of pages says the same as a disk that is full."""
    engine = open_engine(sqlite_url)
    upgrade_schema(engine)
    stage = WriterFixture(engine)
    most = [1]

    @event.listens_for(engine, "begin")
    def _(connection: Connection) -> None:
        connection.exec_driver_sql(f"PRAGMA max_page_count = {most[0]}")

    async with stage.running_writer(outage_timeout=0.0) as writer:
        for n in range(40):
            writer.add_operation(stage.make_post(f"{n}" * 4000, stream=SessionOrder()))
            await stage.wait_for_answers(n + 1)
        assert isinstance(stage.events_of("post")[-1], DatabaseUnavailable)
        kept = len(stage.stored_texts())
        most[0] = 1 << 20
        writer.add_operation(stage.make_post("there is room again", stream=SessionOrder()))
        await stage.wait_for_answers(41)
    assert stage.events_of("post")[-1] == (AppendVerdict.STORED, kept + 1)
    engine.dispose()


class _Deadlock(Exception):
    pass


def _failing_times(monkeypatch: pytest.MonkeyPatch, times: int, error: Callable[[], Exception]) -> list[int]:
    """Let the next transactions fail before they do anything; the list counts all attempts."""
    attempts: list[int] = []
    real = DatabaseWriter._write_batch

    def transact(self: DatabaseWriter, *arguments: Any) -> Any:
        attempts.append(len(attempts) + 1)
        if len(attempts) <= times:
            raise error()
        return real(self, *arguments)

    monkeypatch.setattr(DatabaseWriter, "_write_batch", transact)
    return attempts
