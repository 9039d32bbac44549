"""The writer: one order, shared transactions, answers after COMMIT, no message left out."""

import asyncio
from collections.abc import Iterator
from functools import partial

import pytest
from sqlalchemy import Connection, Engine, event

import chatroom.db.writer.writer
from chatroom.db.engine import begin_write, is_sqlite, open_engine
from chatroom.db.migrate import upgrade_schema
from chatroom.db.queries import memberships
from chatroom.db.queries.changefeed import ChangeSet
from chatroom.db.queries.messages import AppendVerdict, KnownHead
from chatroom.db.writer.transaction import WriteTransaction
from tests.unit.db.builders import append_message, make_account, take_seats
from tests.unit.db.writer_fixture import NotEntitled, WriterFixture, block_writer, raise_not_entitled


@pytest.fixture
def fixture(engine: Engine) -> WriterFixture:
    return WriterFixture(engine)


async def test_waiting_posts_share_one_transaction(fixture: WriterFixture) -> None:
    commits: list[Connection] = []
    event.listen(fixture.engine, "commit", commits.append)
    async with fixture.running_writer() as writer:
        gate = await block_writer(writer)
        for n in range(50):
            writer.add_operation(fixture.make_post(str(n)))
        gate.set()
    assert len(commits) == 2  # one for the blocking job, one for the fifty posts
    assert fixture.events_of("post") == [(AppendVerdict.STORED, n) for n in range(1, 51)]
    assert fixture.events_of("deliver") == [(n + 1, str(n)) for n in range(50)]


async def test_post_is_answered_after_commit(fixture: WriterFixture) -> None:
    """When the answer arrives, another connection can already read the message."""
    stored: list[list[str]] = []
    # mypy has no type for a method that is replaced on one object.
    fixture._done = lambda outcome: stored.append(fixture.stored_texts())  # type: ignore[method-assign]
    async with fixture.running_writer() as writer:
        writer.add_operation(fixture.make_post("hi"))
    assert stored == [["hi"]]


async def test_job_is_answered_before_its_messages_are_delivered(fixture: WriterFixture) -> None:
    async with fixture.running_writer() as writer:
        writer.add_operation(fixture.make_job(partial(fixture.append_text, text="hi")))
    assert fixture.events == [("job", "hi"), ("deliver", (1, "hi"))]


async def test_then_of_job_runs_before_later_deliveries(fixture: WriterFixture) -> None:
    def then(text: str) -> str:
        fixture.events.append(("then", text))
        return text.upper()

    async with fixture.running_writer() as writer:
        gate = await block_writer(writer)
        followed = asyncio.ensure_future(writer.run_job_then(partial(fixture.append_text, text="hi"), then))
        abandoned = asyncio.ensure_future(writer.run_job_then(partial(fixture.append_text, text="bye"), then))
        await asyncio.sleep(0)
        abandoned.cancel()
        gate.set()
        assert await followed == "HI"
    assert fixture.events == [
        ("then", "hi"),
        ("deliver", (1, "hi")),
        ("then", "bye"),
        ("deliver", (2, "bye")),
    ]


async def test_refused_job_undoes_only_itself(fixture: WriterFixture) -> None:
    def refused(transaction: WriteTransaction) -> None:
        fixture.append_text(transaction, "never")
        raise NotEntitled

    async with fixture.running_writer() as writer:
        gate = await block_writer(writer)
        writer.add_operation(fixture.make_job(partial(fixture.append_text, text="before")))
        writer.add_operation(fixture.make_job(refused))
        writer.add_operation(fixture.make_job(partial(fixture.append_text, text="after")))
        gate.set()
    assert [type(result) for result in fixture.events_of("job")] == [str, NotEntitled, str]
    assert fixture.events_of("deliver") == [(1, "before"), (2, "after")]
    assert fixture.stored_texts() == ["before", "after"]


async def test_sender_with_outdated_roster_is_authorized_again(fixture: WriterFixture) -> None:
    async with fixture.running_writer() as writer:
        writer.add_operation(fixture.make_post("first", roster=0))
        await writer.run_job(lambda transaction: None)
        fixture.posting_allowed = False
        writer.add_operation(fixture.make_post("second", roster=0))
        writer.add_operation(fixture.make_post("third", roster=1))
    answers = fixture.events_of("post")
    assert answers[0] == (AppendVerdict.STORED, 1)
    assert isinstance(answers[1], NotEntitled)
    assert answers[2] == (AppendVerdict.STORED, 2)


async def test_resend_of_removed_sender_returns_duplicate(fixture: WriterFixture) -> None:
    async with fixture.running_writer() as writer:
        writer.add_operation(fixture.make_post("hi"))
        await writer.run_job(lambda transaction: None)
        fixture.posting_allowed = False
        writer.add_operation(fixture.make_post("hi", roster=0))
    assert fixture.events_of("post") == [(AppendVerdict.STORED, 1), (AppendVerdict.DUPLICATE, 1)]


async def test_messages_of_other_process_are_delivered_first(fixture: WriterFixture) -> None:
    async with fixture.running_writer() as writer:
        writer.add_operation(fixture.make_post("mine"))
        await writer.run_job(lambda transaction: None)
        with begin_write(fixture.engine) as connection:
            append_message(connection, fixture.room_id, fixture.alice_id, "theirs")
        writer.add_operation(fixture.make_post("mine again"))
    assert fixture.events_of("deliver") == [(1, "mine"), (2, "theirs"), (3, "mine again")]


async def test_no_message_after_noted_head_is_missed(fixture: WriterFixture) -> None:
    """A session begins at head 0 before any message; then another process stores one, then this one does."""
    async with fixture.running_writer() as writer:
        await writer.run_job(lambda transaction: transaction.note_heads({fixture.room_id: KnownHead(0, 1)}))
        with begin_write(fixture.engine) as connection:
            append_message(connection, fixture.room_id, fixture.alice_id, "theirs")
        writer.add_operation(fixture.make_post("mine"))
    assert fixture.events_of("deliver") == [(1, "theirs"), (2, "mine")]


@pytest.fixture
def shared(mysql_url: str) -> Iterator[WriterFixture]:
    """A database that other server processes may use."""
    engine = open_engine(mysql_url)
    upgrade_schema(engine)
    yield WriterFixture(engine)
    engine.dispose()


async def test_roster_change_of_other_process_is_reported_before_delivery(
    shared: WriterFixture,
) -> None:
    async with shared.running_writer() as writer:
        writer.add_operation(shared.make_post("mine"))
        await writer.run_job(lambda transaction: None)
        with begin_write(shared.engine) as connection:
            bob = make_account(connection, "Bob")
            take_seats(connection, shared.room_id, bob)
            memberships.give_up_seat(connection, shared.room_id, shared.alice_id)
            append_message(connection, shared.room_id, bob, "theirs")
        writer.add_operation(shared.make_post("mine again", roster=3))
    assert shared.events[2:] == [
        ("post", (AppendVerdict.STORED, 3)),
        ("reseat", ({bob}, ["theirs", "mine again"])),
        ("deliver", (2, "theirs")),
        ("deliver", (3, "mine again")),
    ]


async def test_own_roster_change_is_not_reported(shared: WriterFixture) -> None:
    def resign(transaction: WriteTransaction) -> None:
        transaction.lock_changing([shared.room_id])
        memberships.give_up_seat(transaction.connection, shared.room_id, shared.alice_id)

    async with shared.running_writer() as writer:
        writer.add_operation(shared.make_post("mine"))
        await writer.run_job(resign)
        writer.add_operation(shared.make_post("once more", roster=2))
    assert shared.events_of("reseat") == []


async def test_missed_messages_beyond_limit_are_not_fetched(
    fixture: WriterFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Only the newest is fetched, which shows the listeners that there is a gap."""
    monkeypatch.setattr(chatroom.db.writer.transaction, "MAX_MISSED", 3)
    async with fixture.running_writer() as writer:
        await writer.run_job(lambda transaction: transaction.note_heads({fixture.room_id: KnownHead(0, 1)}))
        with begin_write(fixture.engine) as connection:
            for _ in range(4):
                append_message(connection, fixture.room_id, fixture.alice_id)
        writer.add_operation(fixture.make_post("mine"))
    assert [seq for seq, _ in fixture.events_of("deliver")] == [4, 5]


async def test_each_transaction_publishes_what_it_changed(fixture: WriterFixture) -> None:
    published: list[ChangeSet] = []

    def publish(connection: Connection, changes: ChangeSet) -> int:
        published.append(changes)
        return len(published)

    async with fixture.running_writer(publish=publish) as writer:
        with pytest.raises(NotEntitled):
            await writer.run_job(raise_not_entitled)
        await writer.run_job(lambda transaction: None)
        writer.add_operation(fixture.make_post("mine"))
        await fixture.wait_for_answers(1)
        await writer.run_job(partial(fixture.append_text, text="a job"))

    def heads(head: int) -> dict[int, int]:
        return {} if is_sqlite(fixture.engine.url) else {fixture.room_id: head}

    assert published == [
        ChangeSet(appended={fixture.room_id}, heads=heads(1)),
        ChangeSet(appended={fixture.room_id}, changed={fixture.room_id}, heads=heads(2)),
    ]


async def test_close_finishes_accepted_operations(fixture: WriterFixture) -> None:
    async with fixture.running_writer() as writer:
        for n in range(500):
            writer.add_operation(fixture.make_post(str(n)))
    await fixture.wait_for_answers(500)


async def test_rolled_back_seat_is_unchanged(fixture: WriterFixture) -> None:
    def leave_and_fail(transaction: WriteTransaction) -> None:
        memberships.give_up_seat(transaction.connection, fixture.room_id, fixture.alice_id)
        raise NotEntitled

    async with fixture.running_writer() as writer:
        with pytest.raises(NotEntitled):
            await writer.run_job(leave_and_fail)
    with fixture.engine.connect() as connection:
        assert memberships.find_seat(connection, fixture.room_id, fixture.alice_id) is not None
