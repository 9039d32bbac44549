"""The writer: one order, one transaction for many, every answer after its COMMIT, and nothing left out."""

import asyncio
from collections.abc import Iterator
from functools import partial

import chatroom.db.writer.writer
import pytest
from chatroom.db.engine import begin_write, open_engine
from chatroom.db.migrate import upgrade_schema
from chatroom.db.queries import memberships
from chatroom.db.queries.changefeed import ChangeSet
from chatroom.db.queries.messages import AppendVerdict, KnownHead
from chatroom.db.writer.transaction import WriteTransaction
from sqlalchemy import Connection, Engine, event

from tests.unit.db.people import append_message, make_account, take_seats
from tests.unit.db.stage import NotEntitled, WriterFixture, block_writer, raise_not_entitled


@pytest.fixture
def stage(engine: Engine) -> WriterFixture:
    return WriterFixture(engine)


async def test_everything_that_waits_goes_into_one_transaction(stage: WriterFixture) -> None:
    commits: list[Connection] = []
    event.listen(stage.engine, "commit", commits.append)
    async with stage.running_writer() as writer:
        gate = await block_writer(writer)
        for n in range(50):
            writer.add_operation(stage.make_post(str(n)))
        gate.set()
    assert len(commits) == 2  # the gate's own, and that of the fifty
    assert stage.events_of("post") == [(AppendVerdict.STORED, n) for n in range(1, 51)]
    assert stage.events_of("deliver") == [(n + 1, str(n)) for n in range(50)]


async def test_nothing_is_told_before_it_is_committed(stage: WriterFixture) -> None:
    """Whoever is told looks into the database through another connection, and finds it there."""
    seen: list[list[str]] = []
    # A method replaced on one object: mypy has no word for that.
    stage._done = lambda outcome: seen.append(stage.stored_texts())  # type: ignore[method-assign]
    async with stage.running_writer() as writer:
        writer.add_operation(stage.make_post("hi"))
    assert seen == [["hi"]]


async def test_a_job_is_answered_just_before_what_it_stored_is_delivered(stage: WriterFixture) -> None:
    async with stage.running_writer() as writer:
        writer.add_operation(stage.make_job(partial(stage.append_text, text="hi")))
    assert stage.events == [("job", "hi"), ("deliver", (1, "hi"))]


async def test_what_follows_from_a_job_is_done_before_anything_later_is_told(stage: WriterFixture) -> None:
    def then(text: str) -> str:
        stage.events.append(("then", text))
        return text.upper()

    async with stage.running_writer() as writer:
        gate = await block_writer(writer)
        followed = asyncio.ensure_future(writer.run_job_then(partial(stage.append_text, text="hi"), then))
        abandoned = asyncio.ensure_future(writer.run_job_then(partial(stage.append_text, text="bye"), then))
        await asyncio.sleep(0)
        abandoned.cancel()
        gate.set()
        assert await followed == "HI"
    assert stage.events == [("then", "hi"), ("deliver", (1, "hi")), ("then", "bye"), ("deliver", (2, "bye"))]


async def test_a_job_that_is_refused_undoes_itself_alone(stage: WriterFixture) -> None:
    def refused(transaction: WriteTransaction) -> None:
        stage.append_text(transaction, "never")
        raise NotEntitled

    async with stage.running_writer() as writer:
        gate = await block_writer(writer)
        writer.add_operation(stage.make_job(partial(stage.append_text, text="before")))
        writer.add_operation(stage.make_job(refused))
        writer.add_operation(stage.make_job(partial(stage.append_text, text="after")))
        gate.set()
    assert [type(result) for result in stage.events_of("job")] == [str, NotEntitled, str]
    assert stage.events_of("deliver") == [(1, "before"), (2, "after")]
    assert stage.stored_texts() == ["before", "after"]


async def test_a_sender_checked_under_an_old_roster_is_checked_again(stage: WriterFixture) -> None:
    async with stage.running_writer() as writer:
        writer.add_operation(stage.make_post("first", roster=0))
        await writer.run_job(lambda transaction: None)
        stage.posting_allowed = False
        writer.add_operation(stage.make_post("second", roster=0))
        writer.add_operation(stage.make_post("third", roster=1))
    answers = stage.events_of("post")
    assert answers[0] == (AppendVerdict.STORED, 1)
    assert isinstance(answers[1], NotEntitled)
    assert answers[2] == (AppendVerdict.STORED, 2)


async def test_who_may_no_longer_speak_still_learns_that_it_was_stored(stage: WriterFixture) -> None:
    async with stage.running_writer() as writer:
        writer.add_operation(stage.make_post("hi"))
        await writer.run_job(lambda transaction: None)
        stage.posting_allowed = False
        writer.add_operation(stage.make_post("hi", roster=0))
    assert stage.events_of("post") == [(AppendVerdict.STORED, 1), (AppendVerdict.DUPLICATE, 1)]


async def test_what_another_process_stored_is_delivered_first(stage: WriterFixture) -> None:
    async with stage.running_writer() as writer:
        writer.add_operation(stage.make_post("mine"))
        await writer.run_job(lambda transaction: None)
        with begin_write(stage.engine) as connection:
            append_message(connection, stage.room_id, stage.alice_id, "theirs")
        writer.add_operation(stage.make_post("mine again"))
    assert stage.events_of("deliver") == [(1, "mine"), (2, "theirs"), (3, "mine again")]


async def test_from_the_head_that_somebody_was_told_nothing_is_left_out(stage: WriterFixture) -> None:
    """A session begins at head 0 before anything is said here; another process speaks; then this one does."""
    async with stage.running_writer() as writer:
        await writer.run_job(lambda transaction: transaction.note_heads({stage.room_id: KnownHead(0, 1)}))
        with begin_write(stage.engine) as connection:
            append_message(connection, stage.room_id, stage.alice_id, "theirs")
        writer.add_operation(stage.make_post("mine"))
    assert stage.events_of("deliver") == [(1, "theirs"), (2, "mine")]


@pytest.fixture
def shared(mysql_url: str) -> Iterator[WriterFixture]:
    """A database that other server processes may write to."""
    engine = open_engine(mysql_url)
    upgrade_schema(engine)
    yield WriterFixture(engine)
    engine.dispose()


async def test_before_anything_is_delivered_it_is_told_who_has_a_seat_by_others_hands(
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


async def test_what_a_job_itself_does_to_a_roster_is_no_news(shared: WriterFixture) -> None:
    def resign(transaction: WriteTransaction) -> None:
        transaction.lock_changing([shared.room_id])
        memberships.give_up_seat(transaction.connection, shared.room_id, shared.alice_id)

    async with shared.running_writer() as writer:
        writer.add_operation(shared.make_post("mine"))
        await writer.run_job(resign)
        writer.add_operation(shared.make_post("once more", roster=2))
    assert shared.events_of("reseat") == []


async def test_what_is_too_much_to_be_handed_out_is_not_fetched(
    stage: WriterFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The newest alone is, and shows to who listens that there is a gap."""
    monkeypatch.setattr(chatroom.db.writer.transaction, "MAX_MISSED", 3)
    async with stage.running_writer() as writer:
        await writer.run_job(lambda transaction: transaction.note_heads({stage.room_id: KnownHead(0, 1)}))
        with begin_write(stage.engine) as connection:
            for _ in range(4):
                append_message(connection, stage.room_id, stage.alice_id)
        writer.add_operation(stage.make_post("mine"))
    assert [seq for seq, _ in stage.events_of("deliver")] == [4, 5]


async def test_each_transaction_publishes_what_it_changed(stage: WriterFixture) -> None:
    told: list[ChangeSet] = []
    async with stage.running_writer(publish=lambda connection, changes: told.append(changes)) as writer:
        with pytest.raises(NotEntitled):
            await writer.run_job(raise_not_entitled)
        await writer.run_job(lambda transaction: None)
        writer.add_operation(stage.make_post("mine"))
        await stage.wait_for_answers(1)
        await writer.run_job(partial(stage.append_text, text="a job"))
    assert told == [
        ChangeSet(appended={stage.room_id}),
        ChangeSet(appended={stage.room_id}, changed={stage.room_id}),
    ]


async def test_closing_finishes_what_was_accepted(stage: WriterFixture) -> None:
    async with stage.running_writer() as writer:
        for n in range(500):
            writer.add_operation(stage.make_post(str(n)))
    assert len(stage.events_of("post")) == 500


async def test_a_rolled_back_seat_leaves_no_trace(stage: WriterFixture) -> None:
    def leave_and_fail(transaction: WriteTransaction) -> None:
        memberships.give_up_seat(transaction.connection, stage.room_id, stage.alice_id)
        raise NotEntitled

    async with stage.running_writer() as writer:
        with pytest.raises(NotEntitled):
            await writer.run_job(leave_and_fail)
    with stage.engine.connect() as connection:
        assert memberships.find_seat(connection, stage.room_id, stage.alice_id) is not None
