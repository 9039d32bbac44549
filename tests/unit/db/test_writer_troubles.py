"""The writer during failures: deadlocks, outages, lost connections, commits with unknown outcome."""

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import Any

import pytest
from sqlalchemy import Connection, Engine, event, func
from sqlalchemy.exc import OperationalError

import chatroom.db.writer.writer
from chatroom.db.engine import open_engine
from chatroom.db.errors import DatabaseUnavailable
from chatroom.db.migrate import upgrade_schema
from chatroom.db.queries.messages import AppendVerdict, KnownHead
from chatroom.db.records import MessageDraft
from chatroom.db.writer.operations import SessionOrder
from chatroom.db.writer.writer import DatabaseWriter
from tests.support.database import DatabaseServer
from tests.unit.db.writer_fixture import NotEntitled, WriterFixture, block_writer, raise_not_entitled


@pytest.fixture
def fixture(engine: Engine) -> WriterFixture:
    return WriterFixture(engine)


async def test_deadlock_repeats_the_transaction(
    fixture: WriterFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(chatroom.db.writer.writer, "is_transient", lambda error: isinstance(error, _Deadlock))
    attempts = _failing_times(monkeypatch, 2, _Deadlock)
    async with fixture.running_writer() as writer:
        writer.add_operation(fixture.make_post("hi"))
    assert attempts == [1, 2, 3]
    assert fixture.events == [("post", (AppendVerdict.STORED, 1)), ("deliver", (1, "hi"))]


async def test_job_waits_until_outage_ends(fixture: WriterFixture, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        chatroom.db.writer.writer, "is_outage", lambda error: isinstance(error, DatabaseUnavailable)
    )
    _failing_times(monkeypatch, 3, partial(DatabaseUnavailable, "away"))
    async with fixture.running_writer(outage_timeout=60.0) as writer:
        await writer.run_job(partial(fixture.append_text, text="hi"))
    assert fixture.stored_texts() == ["hi"]


async def test_post_after_unknown_outcome_in_same_session_is_refused(
    fixture: WriterFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The client will resend both in order; if the second were stored now, it would come first."""
    _failing_times(monkeypatch, 1, partial(DatabaseUnavailable, "away"))
    async with fixture.running_writer(outage_timeout=0.0) as writer:
        writer.add_operation(fixture.make_post("first"))
        await fixture.wait_for_answers(1)
        writer.add_operation(fixture.make_post("second"))
        writer.add_operation(fixture.make_post("of another session", session_order=SessionOrder()))
    assert [isinstance(answer, DatabaseUnavailable) for answer in fixture.events_of("post")] == [
        True,
        True,
        False,
    ]
    assert fixture.stored_texts() == ["of another session"]


async def test_job_after_unknown_outcome_in_same_session_is_refused(
    fixture: WriterFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An edit is a job: if it were stored now, the earlier message would come after it."""
    _failing_times(monkeypatch, 1, partial(DatabaseUnavailable, "away"))
    async with fixture.running_writer(outage_timeout=0.0) as writer:
        writer.add_operation(fixture.make_post("first"))
        await fixture.wait_for_answers(1)
        second = fixture.make_job(partial(fixture.append_text, text="second"))
        writer.add_operation(replace(second, session_order=fixture.session_order))
        writer.add_operation(fixture.make_job(partial(fixture.append_text, text="of another session")))
    assert [isinstance(answer, DatabaseUnavailable) for answer in fixture.events_of("job")] == [True, False]
    assert fixture.stored_texts() == ["of another session"]


async def test_post_after_unknown_commit_is_resolved_by_cid(
    fixture: WriterFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The connection breaks during COMMIT, but the message is stored: it is answered once and
    delivered once.
    """
    breaking = [True]

    def break_after_commit(connection: Connection) -> None:
        if breaking:
            breaking.clear()
            # Without SQLAlchemy; its types allow for a closed connection, which this one is not.
            connection.connection.dbapi_connection.commit()  # type: ignore[union-attr]
            raise OperationalError("COMMIT", {}, ConnectionError("lost"), connection_invalidated=True)

    async with fixture.running_writer(outage_timeout=60.0) as writer:
        await writer.run_job(lambda transaction: transaction.note_heads({fixture.room_id: KnownHead(0, 1)}))
        event.listen(fixture.engine, "commit", break_after_commit)
        writer.add_operation(fixture.make_post("hi"))
        await fixture.wait_for_answers(1)
    assert fixture.events_of("post") == [(AppendVerdict.DUPLICATE, 1)]
    assert fixture.events_of("deliver") == [(1, "hi")]


async def test_job_with_unknown_commit_fails(fixture: WriterFixture) -> None:
    def break_commit(connection: Connection) -> None:
        raise OperationalError("COMMIT", {}, ConnectionError("lost"), connection_invalidated=True)

    async with fixture.running_writer(outage_timeout=60.0) as writer:
        event.listen(fixture.engine, "commit", break_commit, once=True)
        with pytest.raises(DatabaseUnavailable):
            await writer.run_job(partial(fixture.append_text, text="hi"))


async def test_writer_keeps_its_connection(fixture: WriterFixture) -> None:
    checkouts: list[object] = []
    async with fixture.running_writer() as writer:
        event.listen(fixture.engine, "checkout", lambda *arguments: checkouts.append(arguments))
        for n in range(3):
            writer.add_operation(fixture.make_post(str(n)))
            await fixture.wait_for_answers(n + 1)
        with pytest.raises(NotEntitled):
            await writer.run_job(raise_not_entitled)
        await writer.run_job(partial(fixture.append_text, text="hi"))
    assert len(checkouts) == 1
    assert fixture.stored_texts() == ["0", "1", "2", "hi"]


@pytest.mark.parametrize("operation", ["post", "job"])
async def test_killed_connection_is_replaced(
    mysql_url: str, mysql_server: DatabaseServer, operation: str
) -> None:
    """A post notices it through the driver, a job through SQLAlchemy."""
    engine = open_engine(mysql_url)
    upgrade_schema(engine)
    fixture = WriterFixture(engine)
    async with fixture.running_writer(outage_timeout=60.0) as writer:
        id = await writer.run_job(lambda transaction: transaction.connection.scalar(func.connection_id()))
        mysql_server.execute(f"KILL {id}")
        if operation == "post":
            writer.add_operation(fixture.make_post("hi"))
            await fixture.wait_for_answers(1)
        else:
            await writer.run_job(partial(fixture.append_text, text="hi"))
    assert fixture.stored_texts() == ["hi"]
    assert fixture.events_of("deliver") == [(1, "hi")]
    engine.dispose()


async def test_invalid_message_does_not_affect_others(fixture: WriterFixture) -> None:
    """Conversation 999 does not exist: its foreign key makes the INSERT fail, so each message is tried
    separately.
    """
    async with fixture.running_writer() as writer:
        gate = await block_writer(writer)
        writer.add_operation(fixture.make_post("before"))
        poison = fixture.make_post("poison", session_order=SessionOrder())
        poison.draft = MessageDraft(fixture.room_id, 999, "Nobody", "N", "text", "poison", cid="poison")
        writer.add_operation(poison)
        writer.add_operation(fixture.make_post("after"))
        gate.set()
    assert sorted(fixture.stored_texts()) == ["after", "before"]
    assert sum(isinstance(answer, Exception) for answer in fixture.events_of("post")) == 1


async def test_full_disk_is_an_outage_until_space_is_free(sqlite_url: str) -> None:
    """SQLite's page limit raises the same error as a full disk."""
    engine = open_engine(sqlite_url)
    upgrade_schema(engine)
    fixture = WriterFixture(engine)
    max_pages = [1]

    @event.listens_for(engine, "begin")
    def _(connection: Connection) -> None:
        connection.exec_driver_sql(f"PRAGMA max_page_count = {max_pages[0]}")

    async with fixture.running_writer(outage_timeout=0.0) as writer:
        for n in range(40):
            writer.add_operation(fixture.make_post(f"{n}" * 4000, session_order=SessionOrder()))
            await fixture.wait_for_answers(n + 1)
        assert isinstance(fixture.events_of("post")[-1], DatabaseUnavailable)
        stored = len(fixture.stored_texts())
        max_pages[0] = 1 << 20
        writer.add_operation(fixture.make_post("free again", session_order=SessionOrder()))
        await fixture.wait_for_answers(41)
    assert fixture.events_of("post")[-1] == (AppendVerdict.STORED, stored + 1)
    engine.dispose()


class _Deadlock(Exception):
    pass


def _failing_times(monkeypatch: pytest.MonkeyPatch, times: int, error: Callable[[], Exception]) -> list[int]:
    """Make the next transactions fail at their start. The returned list counts all attempts."""
    attempts: list[int] = []
    original = DatabaseWriter._write_batch

    def transact(self: DatabaseWriter, *arguments: Any) -> Any:
        attempts.append(len(attempts) + 1)
        if len(attempts) <= times:
            raise error()
        return original(self, *arguments)

    monkeypatch.setattr(DatabaseWriter, "_write_batch", transact)
    return attempts
