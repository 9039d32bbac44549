"""Rows or files locked by another session or program: waiting operations are refused in time, others
continue.
"""

import asyncio
import logging
import sqlite3
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial

import pymysql
import pytest
from sqlalchemy import URL, Engine

from chatroom.db.engine import begin_write, open_engine
from chatroom.db.errors import DatabaseUnavailable
from chatroom.db.migrate import upgrade_schema
from chatroom.db.queries.messages import AppendVerdict
from chatroom.db.records import MessageDraft
from chatroom.db.writer import deferred_operations
from chatroom.db.writer.operations import MessagePost, SessionOrder
from chatroom.db.writer.transaction import WriteTransaction
from tests.unit.db.builders import make_room, take_seats
from tests.unit.db.writer_fixture import WriterFixture

OUTAGE_TIMEOUT = 3.0


@contextmanager
def row_locked(url: URL, conversation_id: int) -> Iterator[None]:
    with pymysql.connect(
        host=url.host,
        port=url.port or 3306,
        user=url.username,
        password=url.password or "",
        database=url.database,
    ) as other_session:
        other_session.cursor().execute(f"SELECT * FROM conversations WHERE id = {conversation_id} FOR UPDATE")
        yield
        other_session.rollback()


@contextmanager
def file_locked(url: URL) -> Iterator[None]:
    other_session = sqlite3.connect(str(url.database), isolation_level=None)
    other_session.execute("BEGIN IMMEDIATE")
    yield
    other_session.close()


@pytest.fixture
def shared(mysql_url: str) -> Iterator[WriterFixture]:
    engine = open_engine(mysql_url)
    upgrade_schema(engine)
    yield WriterFixture(engine)
    engine.dispose()


@pytest.fixture
def alone(sqlite_url: str) -> Iterator[WriterFixture]:
    engine = open_engine(sqlite_url)
    upgrade_schema(engine)
    yield WriterFixture(engine)
    engine.dispose()


def other_room(engine: Engine, account_id: int) -> int:
    with begin_write(engine) as connection:
        other = make_room(connection, "other", account_id)
        take_seats(connection, other, account_id)
        return other


def post_to(
    fixture: WriterFixture, conversation_id: int, text: str, session_order: SessionOrder
) -> MessagePost:
    draft = MessageDraft(conversation_id, fixture.alice_id, "Alice", "ALICE", "text", text, cid=text)
    return MessagePost(draft, 1, session_order, fixture._done)


async def test_post_to_locked_conversation_waits_and_others_are_stored(
    shared: WriterFixture, caplog: pytest.LogCaptureFixture
) -> None:
    other = other_room(shared.engine, shared.alice_id)
    caplog.set_level(logging.WARNING)
    async with shared.running_writer(outage_timeout=60.0) as writer:
        with row_locked(shared.engine.url, shared.room_id):
            writer.add_operation(shared.make_post("waits"))
            writer.add_operation(shared.make_post("waits behind"))
            for number in range(5):
                writer.add_operation(post_to(shared, other, f"continues {number}", SessionOrder()))
                await shared.wait_for_answers(number + 1)
            assert [seq for _, seq in shared.events_of("post")] == [1, 2, 3, 4, 5]
            deadline = time.monotonic() + 60.0
            while "is locked by another session" not in caplog.text:
                assert time.monotonic() < deadline
                await asyncio.sleep(0.01)
        await shared.wait_for_answers(7)
    assert shared.stored_texts() == ["waits", "waits behind"]
    assert shared.events_of("deliver")[-2:] == [(1, "waits"), (2, "waits behind")]
    assert f"conversation {shared.room_id} is locked by another session" in caplog.text
    assert f"conversation {shared.room_id} was locked for" in caplog.text


async def test_post_after_deferred_post_of_same_session_waits(
    shared: WriterFixture,
) -> None:
    other = other_room(shared.engine, shared.alice_id)
    async with shared.running_writer(outage_timeout=60.0) as writer:
        with row_locked(shared.engine.url, shared.room_id):
            writer.add_operation(shared.make_post("first"))
            writer.add_operation(post_to(shared, other, "second", shared.session_order))
            writer.add_operation(post_to(shared, other, "of another session", SessionOrder()))
            await shared.wait_for_answers(1)
        await shared.wait_for_answers(3)
    assert [text for _, text in shared.events_of("deliver")] == ["of another session", "first", "second"]


async def test_deferred_operations_are_refused_in_time(shared: WriterFixture) -> None:
    other = other_room(shared.engine, shared.alice_id)
    async with shared.running_writer(outage_timeout=OUTAGE_TIMEOUT) as writer:
        with row_locked(shared.engine.url, shared.room_id):
            began = time.monotonic()
            writer.add_operation(shared.make_post("too late"))
            job = asyncio.ensure_future(writer.run_job(partial(shared.append_text, text="too late, too")))
            await shared.wait_for_answers(1)
            with pytest.raises(DatabaseUnavailable):
                await job
            assert time.monotonic() - began < 2 * OUTAGE_TIMEOUT
            assert isinstance(shared.events_of("post")[0], DatabaseUnavailable)
            writer.add_operation(post_to(shared, other, "continues", SessionOrder()))
            await shared.wait_for_answers(2)
        assert shared.events_of("post")[1] == (AppendVerdict.STORED, 1)
    assert shared.stored_texts() == []


async def test_job_for_locked_row_waits_and_other_jobs_run(
    shared: WriterFixture,
) -> None:
    async with shared.running_writer(outage_timeout=60.0) as writer:
        with row_locked(shared.engine.url, shared.room_id):
            waiting = asyncio.ensure_future(writer.run_job(partial(shared.append_text, text="hi")))
            assert await writer.run_job(_number_of_conversations) == 1
            assert not waiting.done()
        assert await waiting == "hi"
    assert shared.stored_texts() == ["hi"]


async def test_writer_closes_while_row_is_locked(shared: WriterFixture) -> None:
    with row_locked(shared.engine.url, shared.room_id):
        await close_while_locked(shared)


async def test_writer_closes_while_file_is_locked(alone: WriterFixture) -> None:
    with file_locked(alone.engine.url):
        await close_while_locked(alone)


async def close_while_locked(fixture: WriterFixture) -> None:
    began = time.monotonic()
    async with fixture.running_writer(outage_timeout=60.0) as writer:
        writer.add_operation(fixture.make_post("hi"))
        await asyncio.sleep(0)
    assert time.monotonic() - began < 30
    assert isinstance(fixture.events_of("post")[0], DatabaseUnavailable)


async def test_file_locked_by_another_program_is_logged_as_outage(
    alone: WriterFixture, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.WARNING)
    async with alone.running_writer(outage_timeout=1.0) as writer:
        with file_locked(alone.engine.url):
            writer.add_operation(alone.make_post("too late"))
            await alone.wait_for_answers(1)
        writer.add_operation(alone.make_post("in time", session_order=SessionOrder()))
        await alone.wait_for_answers(2)
    assert isinstance(alone.events_of("post")[0], DatabaseUnavailable)
    assert alone.stored_texts() == ["in time"]
    assert caplog.text.count("the database is locked by another program") == 1
    assert caplog.text.count("the database is back, after") == 1


def _number_of_conversations(transaction: WriteTransaction) -> int:
    count: int = transaction.connection.exec_driver_sql("SELECT COUNT(*) FROM conversations").scalar_one()
    return count


async def test_first_attempt_skips_locked_rows_without_waiting(
    shared: WriterFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A conversation that another server process writes to does not hold up the others."""
    monkeypatch.setattr(deferred_operations, "SKIP_LOCKED_SECONDS", 3600.0)
    other = other_room(shared.engine, shared.alice_id)
    async with shared.running_writer(outage_timeout=60.0) as writer:
        with row_locked(shared.engine.url, shared.room_id):
            before = lock_waits(shared.engine)
            writer.add_operation(shared.make_post("skipped"))
            writer.add_operation(post_to(shared, other, "continues", SessionOrder()))
            job = asyncio.ensure_future(writer.run_job(partial(shared.append_text, text="skipped too")))
            await shared.wait_for_answers(1)
            assert [text for _, text in shared.events_of("deliver")] == ["continues"]
            assert lock_waits(shared.engine) == before
            assert not job.done()
        await job
        await shared.wait_for_answers(2)
    assert sorted(shared.stored_texts()) == ["skipped", "skipped too"]


async def test_skipped_operation_waits_for_its_turn_alone(
    shared: WriterFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(deferred_operations, "SKIP_LOCKED_SECONDS", 0.0)
    async with shared.running_writer(outage_timeout=60.0) as writer:
        with row_locked(shared.engine.url, shared.room_id):
            before = lock_waits(shared.engine)
            writer.add_operation(shared.make_post("waits"))
            deadline = time.monotonic() + 60.0
            while lock_waits(shared.engine) == before:
                assert time.monotonic() < deadline
                await asyncio.sleep(0.01)
        await shared.wait_for_answers(1)
    assert shared.stored_texts() == ["waits"]


async def test_posts_of_a_session_keep_their_order_across_skipped_rows(
    shared: WriterFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(deferred_operations, "SKIP_LOCKED_SECONDS", 0.0)
    other = other_room(shared.engine, shared.alice_id)
    order = shared.session_order
    async with shared.running_writer(outage_timeout=60.0) as writer:
        with row_locked(shared.engine.url, other):
            writer.add_operation(shared.make_post("1"))
            writer.add_operation(post_to(shared, other, "2", order))
            writer.add_operation(shared.make_post("3"))
            await shared.wait_for_answers(1)
            writer.add_operation(shared.make_post("4"))
            assert await writer.run_job(_number_of_conversations) == 2
            assert [text for _, text in shared.events_of("deliver")] == ["1"]
        await shared.wait_for_answers(4)
    assert shared.stored_texts() == ["1", "3", "4"]


def lock_waits(engine: Engine) -> int:
    with engine.connect() as connection:
        row = connection.exec_driver_sql("SHOW GLOBAL STATUS LIKE 'Innodb_row_lock_waits'").one()
    return int(row[1])
