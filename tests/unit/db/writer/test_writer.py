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

from tests.unit.db.people import person, say, sit
from tests.unit.db.stage import NotEntitled, Stage, closed_gate, refuse


@pytest.fixture
def stage(engine: Engine) -> Stage:
    return Stage(engine)


async def test_everything_that_waits_goes_into_one_transaction(stage: Stage) -> None:
    commits: list[Connection] = []
    event.listen(stage.engine, "commit", commits.append)
    async with stage.writing() as writer:
        gate = await closed_gate(writer)
        for n in range(50):
            writer.add_operation(stage.post(str(n)))
        gate.set()
    assert len(commits) == 2  # the gate's own, and that of the fifty
    assert stage.of("post") == [(AppendVerdict.STORED, n) for n in range(1, 51)]
    assert stage.of("deliver") == [(n + 1, str(n)) for n in range(50)]


async def test_nothing_is_told_before_it_is_committed(stage: Stage) -> None:
    """Whoever is told looks into the database through another connection, and finds it there."""
    seen: list[list[str]] = []
    # A method replaced on one object: mypy has no word for that.
    stage._done = lambda outcome: seen.append(stage.kept())  # type: ignore[method-assign]
    async with stage.writing() as writer:
        writer.add_operation(stage.post("hi"))
    assert seen == [["hi"]]


async def test_a_job_is_answered_just_before_what_it_stored_is_delivered(stage: Stage) -> None:
    async with stage.writing() as writer:
        writer.add_operation(stage.job(partial(stage.say, text="hi")))
    assert stage.told == [("job", "hi"), ("deliver", (1, "hi"))]


async def test_what_follows_from_a_job_is_done_before_anything_later_is_told(stage: Stage) -> None:
    def then(text: str) -> str:
        stage.told.append(("then", text))
        return text.upper()

    async with stage.writing() as writer:
        gate = await closed_gate(writer)
        followed = asyncio.ensure_future(writer.run_job_then(partial(stage.say, text="hi"), then))
        abandoned = asyncio.ensure_future(writer.run_job_then(partial(stage.say, text="bye"), then))
        await asyncio.sleep(0)
        abandoned.cancel()
        gate.set()
        assert await followed == "HI"
    assert stage.told == [("then", "hi"), ("deliver", (1, "hi")), ("then", "bye"), ("deliver", (2, "bye"))]


async def test_a_job_that_is_refused_undoes_itself_alone(stage: Stage) -> None:
    def refused(transaction: WriteTransaction) -> None:
        stage.say(transaction, "never")
        raise NotEntitled

    async with stage.writing() as writer:
        gate = await closed_gate(writer)
        writer.add_operation(stage.job(partial(stage.say, text="before")))
        writer.add_operation(stage.job(refused))
        writer.add_operation(stage.job(partial(stage.say, text="after")))
        gate.set()
    assert [type(result) for result in stage.of("job")] == [str, NotEntitled, str]
    assert stage.of("deliver") == [(1, "before"), (2, "after")]
    assert stage.kept() == ["before", "after"]


async def test_a_sender_checked_under_an_old_roster_is_checked_again(stage: Stage) -> None:
    async with stage.writing() as writer:
        writer.add_operation(stage.post("first", roster=0))
        await writer.run_job(lambda transaction: None)
        stage.entitled = False
        writer.add_operation(stage.post("second", roster=0))
        writer.add_operation(stage.post("third", roster=1))
    answers = stage.of("post")
    assert answers[0] == (AppendVerdict.STORED, 1)
    assert isinstance(answers[1], NotEntitled)
    assert answers[2] == (AppendVerdict.STORED, 2)


async def test_who_may_no_longer_speak_still_learns_that_it_was_stored(stage: Stage) -> None:
    async with stage.writing() as writer:
        writer.add_operation(stage.post("hi"))
        await writer.run_job(lambda transaction: None)
        stage.entitled = False
        writer.add_operation(stage.post("hi", roster=0))
    assert stage.of("post") == [(AppendVerdict.STORED, 1), (AppendVerdict.DUPLICATE, 1)]


async def test_what_another_process_stored_is_delivered_first(stage: Stage) -> None:
    async with stage.writing() as writer:
        writer.add_operation(stage.post("mine"))
        await writer.run_job(lambda transaction: None)
        with begin_write(stage.engine) as connection:
            say(connection, stage.room, stage.alice, "theirs")
        writer.add_operation(stage.post("mine again"))
    assert stage.of("deliver") == [(1, "mine"), (2, "theirs"), (3, "mine again")]


async def test_from_the_head_that_somebody_was_told_nothing_is_left_out(stage: Stage) -> None:
    """A session begins at head 0 before anything is said here; another process speaks; then this one does."""
    async with stage.writing() as writer:
        await writer.run_job(lambda transaction: transaction.note_heads({stage.room: KnownHead(0, 1)}))
        with begin_write(stage.engine) as connection:
            say(connection, stage.room, stage.alice, "theirs")
        writer.add_operation(stage.post("mine"))
    assert stage.of("deliver") == [(1, "theirs"), (2, "mine")]


@pytest.fixture
def shared(mysql_url: str) -> Iterator[Stage]:
    """A database that other server processes may write to."""
    engine = open_engine(mysql_url)
    upgrade_schema(engine)
    yield Stage(engine)
    engine.dispose()


async def test_before_anything_is_delivered_it_is_told_who_has_a_seat_by_others_hands(shared: Stage) -> None:
    async with shared.writing() as writer:
        writer.add_operation(shared.post("mine"))
        await writer.run_job(lambda transaction: None)
        with begin_write(shared.engine) as connection:
            bob = person(connection, "Bob")
            sit(connection, shared.room, bob)
            memberships.give_up_seat(connection, shared.room, shared.alice)
            say(connection, shared.room, bob, "theirs")
        writer.add_operation(shared.post("mine again", roster=3))
    assert shared.told[2:] == [
        ("post", (AppendVerdict.STORED, 3)),
        ("reseat", ({bob}, ["theirs", "mine again"])),
        ("deliver", (2, "theirs")),
        ("deliver", (3, "mine again")),
    ]


async def test_what_a_job_itself_does_to_a_roster_is_no_news(shared: Stage) -> None:
    def resign(transaction: WriteTransaction) -> None:
        transaction.lock_changing([shared.room])
        memberships.give_up_seat(transaction.connection, shared.room, shared.alice)

    async with shared.writing() as writer:
        writer.add_operation(shared.post("mine"))
        await writer.run_job(resign)
        writer.add_operation(shared.post("once more", roster=2))
    assert shared.of("reseat") == []


async def test_what_is_too_much_to_be_handed_out_is_not_fetched(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The newest alone is, and shows to who listens that there is a gap."""
    monkeypatch.setattr(chatroom.db.writer.transaction, "MOST_MISSED", 3)
    async with stage.writing() as writer:
        await writer.run_job(lambda transaction: transaction.note_heads({stage.room: KnownHead(0, 1)}))
        with begin_write(stage.engine) as connection:
            for _ in range(4):
                say(connection, stage.room, stage.alice)
        writer.add_operation(stage.post("mine"))
    assert [seq for seq, _ in stage.of("deliver")] == [4, 5]


async def test_each_transaction_publishes_what_it_changed(stage: Stage) -> None:
    told: list[ChangeSet] = []
    async with stage.writing(publish=lambda connection, changes: told.append(changes)) as writer:
        with pytest.raises(NotEntitled):
            await writer.run_job(refuse)
        await writer.run_job(lambda transaction: None)
        writer.add_operation(stage.post("mine"))
        await stage.answered(1)
        await writer.run_job(partial(stage.say, text="a job"))
    assert told == [ChangeSet(said={stage.room}), ChangeSet(said={stage.room}, changed={stage.room})]


async def test_closing_finishes_what_was_accepted(stage: Stage) -> None:
    async with stage.writing() as writer:
        for n in range(500):
            writer.add_operation(stage.post(str(n)))
    assert len(stage.of("post")) == 500


async def test_a_rolled_back_seat_leaves_no_trace(stage: Stage) -> None:
    def leave_and_fail(transaction: WriteTransaction) -> None:
        memberships.give_up_seat(transaction.connection, stage.room, stage.alice)
        raise NotEntitled

    async with stage.writing() as writer:
        with pytest.raises(NotEntitled):
            await writer.run_job(leave_and_fail)
    with stage.engine.connect() as connection:
        assert memberships.find_seat(connection, stage.room, stage.alice) is not None
