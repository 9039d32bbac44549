"""The writer: one order, one transaction for many, every answer after its COMMIT, and nothing left out."""

import asyncio
import threading
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from functools import partial
from typing import Any

import pytest
from sqlalchemy import Connection, Engine, event, func
from sqlalchemy.exc import OperationalError

import db.transaction
import db.writer
from db import memberships, messages
from db.engine import begin_write, open_engine
from db.errors import Outage
from db.messages import Known, Outcome, Verdict
from db.migrate import upgrade
from db.news import News
from db.records import Draft, Stored
from db.transaction import Seating, Transaction
from db.writer import Job, Post, Stream, Writer
from tests.database import DatabaseServer
from tests.db.people import person, room, say, sit


class NotEntitled(Exception):
    pass


class Stage:
    """A writer on a database with one room in it, and everything it told, in the order it was told."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine
        with begin_write(engine) as connection:
            self.alice = person(connection, "Alice")
            self.room = room(connection, "thuhole", self.alice)
            sit(connection, self.room, self.alice)
        self.told: list[tuple[str, Any]] = []
        self.stream = Stream()
        self.entitled = True
        self._news = asyncio.Event()

    @asynccontextmanager
    async def writing(self, patience: float = 0.0) -> AsyncIterator[Writer]:
        writer = Writer(
            self.engine,
            asyncio.get_running_loop(),
            deliver=self._deliver,
            reseat=self._reseat,
            entitle=self._entitle,
            patience=patience,
        )
        try:
            yield writer
        finally:
            await asyncio.to_thread(writer.close)

    def post(self, text: str, *, roster: int = 1, stream: Stream | None = None) -> Post:
        draft = Draft(self.room, self.alice, "Alice", "ALICE", "text", text, cid=text)
        return Post(draft, roster, stream or self.stream, self._done)

    def job(self, work: Callable[[Transaction], Any]) -> Job:
        return Job(work, lambda result: self.told.append(("job", result)))

    def say(self, transaction: Transaction, text: str) -> str:
        draft = Draft(self.room, self.alice, "Alice", "ALICE", "text", text, cid=text)
        transaction.append(transaction.lock([self.room]), [draft])
        return text

    def kept(self) -> list[str]:
        with self.engine.connect() as connection:
            return [stored.text for stored in messages.page(connection, self.room, limit=100)[0]]

    def of(self, what: str) -> list[Any]:
        return [told for kind, told in self.told if kind == what]

    async def answered(self, posts: int) -> None:
        async with asyncio.timeout(10):
            while len(self.of("post")) < posts:
                self._news.clear()
                await self._news.wait()

    def _done(self, post: Post, outcome: Outcome | Exception) -> None:
        answer = outcome if isinstance(outcome, Exception) else (outcome.verdict, outcome.stored.seq)
        self.told.append(("post", answer))
        self._news.set()

    def _deliver(self, stored: Sequence[Stored]) -> None:
        self.told += [("deliver", (one.seq, one.text)) for one in stored]

    def _reseat(self, seatings: Sequence[Seating], said: Sequence[Stored]) -> None:
        for seating in seatings:
            self.told.append(("reseat", (set(seating.seats), [one.text for one in said])))

    def _entitle(self, connection: Connection, draft: Draft) -> None:
        if not self.entitled:
            raise NotEntitled


@pytest.fixture
def stage(engine: Engine) -> Stage:
    return Stage(engine)


async def test_everything_that_waits_goes_into_one_transaction(stage: Stage) -> None:
    commits: list[Connection] = []
    event.listen(stage.engine, "commit", commits.append)
    async with stage.writing() as writer:
        gate = await _closed_gate(writer)
        for n in range(50):
            writer.add(stage.post(str(n)))
        gate.set()
    assert len(commits) == 2  # the gate's own, and that of the fifty
    assert stage.of("post") == [(Verdict.STORED, n) for n in range(1, 51)]
    assert stage.of("deliver") == [(n + 1, str(n)) for n in range(50)]


async def test_nothing_is_told_before_it_is_committed(stage: Stage) -> None:
    """Whoever is told looks into the database through another connection, and finds it there."""
    seen: list[list[str]] = []
    # A method replaced on one object: mypy has no word for that.
    stage._done = lambda post, outcome: seen.append(stage.kept())  # type: ignore[method-assign]
    async with stage.writing() as writer:
        writer.add(stage.post("hi"))
    assert seen == [["hi"]]


async def test_a_job_is_answered_just_before_what_it_stored_is_delivered(stage: Stage) -> None:
    async with stage.writing() as writer:
        writer.add(stage.job(partial(stage.say, text="hi")))
    assert stage.told == [("job", "hi"), ("deliver", (1, "hi"))]


async def test_a_job_that_is_refused_undoes_itself_alone(stage: Stage) -> None:
    def refused(transaction: Transaction) -> None:
        stage.say(transaction, "never")
        raise NotEntitled

    async with stage.writing() as writer:
        gate = await _closed_gate(writer)
        writer.add(stage.job(partial(stage.say, text="before")))
        writer.add(stage.job(refused))
        writer.add(stage.job(partial(stage.say, text="after")))
        gate.set()
    assert [type(result) for result in stage.of("job")] == [str, NotEntitled, str]
    assert stage.of("deliver") == [(1, "before"), (2, "after")]
    assert stage.kept() == ["before", "after"]


async def test_a_sender_checked_under_an_old_roster_is_checked_again(stage: Stage) -> None:
    async with stage.writing() as writer:
        writer.add(stage.post("first", roster=0))
        await writer.run(lambda transaction: None)
        stage.entitled = False
        writer.add(stage.post("second", roster=0))
        writer.add(stage.post("third", roster=1))
    answers = stage.of("post")
    assert answers[0] == (Verdict.STORED, 1)
    assert isinstance(answers[1], NotEntitled)
    assert answers[2] == (Verdict.STORED, 2)


async def test_who_may_no_longer_speak_still_learns_that_it_was_stored(stage: Stage) -> None:
    async with stage.writing() as writer:
        writer.add(stage.post("hi"))
        await writer.run(lambda transaction: None)
        stage.entitled = False
        writer.add(stage.post("hi", roster=0))
    assert stage.of("post") == [(Verdict.STORED, 1), (Verdict.DUPLICATE, 1)]


async def test_what_another_process_stored_is_delivered_first(stage: Stage) -> None:
    async with stage.writing() as writer:
        writer.add(stage.post("mine"))
        await writer.run(lambda transaction: None)
        with begin_write(stage.engine) as connection:
            say(connection, stage.room, stage.alice, "theirs")
        writer.add(stage.post("mine again"))
    assert stage.of("deliver") == [(1, "mine"), (2, "theirs"), (3, "mine again")]


async def test_from_the_head_that_somebody_was_told_nothing_is_left_out(stage: Stage) -> None:
    """A session begins at head 0 before anything is said here; another process speaks; then this one does."""
    async with stage.writing() as writer:
        await writer.run(lambda transaction: transaction.catch_up({stage.room: Known(0, 1)}))
        with begin_write(stage.engine) as connection:
            say(connection, stage.room, stage.alice, "theirs")
        writer.add(stage.post("mine"))
    assert stage.of("deliver") == [(1, "theirs"), (2, "mine")]


@pytest.fixture
def shared(mysql_url: str) -> Iterator[Stage]:
    """A database that other server processes may write to."""
    engine = open_engine(mysql_url)
    upgrade(engine)
    yield Stage(engine)
    engine.dispose()


async def test_before_anything_is_delivered_it_is_told_who_has_a_seat_by_others_hands(shared: Stage) -> None:
    async with shared.writing() as writer:
        writer.add(shared.post("mine"))
        await writer.run(lambda transaction: None)
        with begin_write(shared.engine) as connection:
            bob = person(connection, "Bob")
            sit(connection, shared.room, bob)
            memberships.give_up(connection, shared.room, shared.alice)
            say(connection, shared.room, bob, "theirs")
        writer.add(shared.post("mine again", roster=3))
    assert shared.told[2:] == [
        ("post", (Verdict.STORED, 3)),
        ("reseat", ({bob}, ["theirs", "mine again"])),
        ("deliver", (2, "theirs")),
        ("deliver", (3, "mine again")),
    ]


async def test_what_a_job_itself_does_to_a_roster_is_no_news(shared: Stage) -> None:
    def resign(transaction: Transaction) -> None:
        transaction.lock([shared.room])
        memberships.give_up(transaction.connection, shared.room, shared.alice)

    async with shared.writing() as writer:
        writer.add(shared.post("mine"))
        await writer.run(resign)
        writer.add(shared.post("once more", roster=2))
    assert shared.of("reseat") == []


async def test_what_is_too_much_to_be_handed_out_is_not_fetched(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The newest alone is, and shows to who listens that there is a gap."""
    monkeypatch.setattr(db.transaction, "MOST_MISSED", 3)
    async with stage.writing() as writer:
        await writer.run(lambda transaction: transaction.catch_up({stage.room: Known(0, 1)}))
        with begin_write(stage.engine) as connection:
            for _ in range(4):
                say(connection, stage.room, stage.alice)
        writer.add(stage.post("mine"))
    assert [seq for seq, _ in stage.of("deliver")] == [4, 5]


async def test_what_was_touched_is_published_where_anybody_reads_it(stage: Stage) -> None:
    told: list[News] = []
    async with stage.writing() as writer:
        await writer.run(partial(stage.say, text="nobody reads this"))
        writer.publish = lambda connection, news: told.append(news)
        with pytest.raises(NotEntitled):
            await writer.run(_refuse)
        await writer.run(lambda transaction: None)
        writer.add(stage.post("mine"))
        await stage.answered(1)
        await writer.run(partial(stage.say, text="a job"))
    assert told == [News(said={stage.room}), News(said={stage.room}, changed={stage.room})]


async def test_a_deadlock_runs_the_transaction_again(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(db.writer, "is_transient", lambda error: isinstance(error, _Deadlock))
    attempts = _failing_times(monkeypatch, 2, _Deadlock)
    async with stage.writing() as writer:
        writer.add(stage.post("hi"))
    assert attempts == [1, 2, 3]
    assert stage.told == [("post", (Verdict.STORED, 1)), ("deliver", (1, "hi"))]


async def test_an_outage_is_sat_out(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(db.writer, "is_outage", lambda error: isinstance(error, Outage))
    _failing_times(monkeypatch, 3, partial(Outage, "away"))
    async with stage.writing(patience=60.0) as writer:
        await writer.run(partial(stage.say, text="hi"))
    assert stage.kept() == ["hi"]


async def test_behind_a_message_of_unknown_fate_nothing_of_the_session_is_stored(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its client will send all of it again, in order; had the second been stored, it would come first."""
    _failing_times(monkeypatch, 1, partial(Outage, "away"))
    async with stage.writing(patience=0.0) as writer:
        writer.add(stage.post("first"))
        await stage.answered(1)
        writer.add(stage.post("second"))
        writer.add(stage.post("of another session", stream=Stream()))
    assert [isinstance(answer, Outage) for answer in stage.of("post")] == [True, True, False]
    assert stage.kept() == ["of another session"]


async def test_and_nothing_else_that_the_session_asks_for_is_done(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An edit is a job: had it been stored, what was said before it would come behind it."""
    _failing_times(monkeypatch, 1, partial(Outage, "away"))
    async with stage.writing(patience=0.0) as writer:
        writer.add(stage.post("first"))
        await stage.answered(1)
        writer.add(replace(stage.job(partial(stage.say, text="second")), stream=stage.stream))
        writer.add(stage.job(partial(stage.say, text="of another session")))
    assert [isinstance(answer, Outage) for answer in stage.of("job")] == [True, False]
    assert stage.kept() == ["of another session"]


async def test_a_commit_of_unknown_fate_is_settled_by_the_cid(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The connection breaks while COMMIT is answered, and the message is there: told once, delivered once."""
    breaking = [True]

    def break_after_commit(connection: Connection) -> None:
        if breaking:
            breaking.clear()
            # Behind SQLAlchemy's back; its types allow for a connection that is closed, and this one is not.
            connection.connection.dbapi_connection.commit()  # type: ignore[union-attr]
            raise OperationalError("COMMIT", {}, ConnectionError("lost"), connection_invalidated=True)

    async with stage.writing(patience=60.0) as writer:
        await writer.run(lambda transaction: transaction.catch_up({stage.room: Known(0, 1)}))
        event.listen(stage.engine, "commit", break_after_commit)
        writer.add(stage.post("hi"))
        await stage.answered(1)
    assert stage.of("post") == [(Verdict.DUPLICATE, 1)]
    assert stage.of("deliver") == [(1, "hi")]


async def test_a_job_whose_commit_is_of_unknown_fate_fails(stage: Stage) -> None:
    def break_commit(connection: Connection) -> None:
        raise OperationalError("COMMIT", {}, ConnectionError("lost"), connection_invalidated=True)

    async with stage.writing(patience=60.0) as writer:
        event.listen(stage.engine, "commit", break_commit, once=True)
        with pytest.raises(Outage):
            await writer.run(partial(stage.say, text="hi"))


async def test_the_writer_keeps_its_connection(stage: Stage) -> None:
    checkouts: list[object] = []
    async with stage.writing() as writer:
        event.listen(stage.engine, "checkout", lambda *arguments: checkouts.append(arguments))
        for n in range(3):
            writer.add(stage.post(str(n)))
            await stage.answered(n + 1)
        with pytest.raises(NotEntitled):
            await writer.run(_refuse)
        await writer.run(partial(stage.say, text="hi"))
    assert len(checkouts) == 1
    assert stage.kept() == ["0", "1", "2", "hi"]


@pytest.mark.parametrize("ask", ["post", "job"])
async def test_a_connection_that_is_cut_is_replaced(
    mysql_url: str, mariadb: DatabaseServer, ask: str
) -> None:
    """A post finds out through the driver itself, a job through SQLAlchemy."""
    engine = open_engine(mysql_url)
    upgrade(engine)
    stage = Stage(engine)
    async with stage.writing(patience=60.0) as writer:
        id = await writer.run(lambda transaction: transaction.connection.scalar(func.connection_id()))
        mariadb.execute(f"KILL {id}")
        if ask == "post":
            writer.add(stage.post("hi"))
            await stage.answered(1)
        else:
            await writer.run(partial(stage.say, text="hi"))
    assert stage.kept() == ["hi"]
    assert stage.of("deliver") == [(1, "hi")]
    engine.dispose()


async def test_one_poisoned_message_harms_no_other(stage: Stage) -> None:
    """No conversation 999: its foreign key makes the whole INSERT fail, so each is tried for itself."""
    async with stage.writing() as writer:
        gate = await _closed_gate(writer)
        writer.add(stage.post("before"))
        poison = stage.post("poison", stream=Stream())
        poison.draft = Draft(stage.room, 999, "Nobody", "N", "text", "poison", cid="poison")
        writer.add(poison)
        writer.add(stage.post("after"))
        gate.set()
    assert sorted(stage.kept()) == ["after", "before"]
    assert sum(isinstance(answer, Exception) for answer in stage.of("post")) == 1


async def test_closing_finishes_what_was_accepted(stage: Stage) -> None:
    async with stage.writing() as writer:
        for n in range(500):
            writer.add(stage.post(str(n)))
    assert len(stage.of("post")) == 500


async def test_a_rolled_back_seat_leaves_no_trace(stage: Stage) -> None:
    def leave_and_fail(transaction: Transaction) -> None:
        memberships.give_up(transaction.connection, stage.room, stage.alice)
        raise NotEntitled

    async with stage.writing() as writer:
        with pytest.raises(NotEntitled):
            await writer.run(leave_and_fail)
    with stage.engine.connect() as connection:
        assert memberships.seat(connection, stage.room, stage.alice) is not None


class _Deadlock(Exception):
    pass


def _refuse(transaction: Transaction) -> None:
    raise NotEntitled


async def _closed_gate(writer: Writer) -> threading.Event:
    """Keep the writer busy until the gate is set, so that what is added meanwhile waits together."""
    shut, gate = threading.Event(), threading.Event()

    def work(transaction: Transaction) -> None:
        shut.set()
        gate.wait(10)

    writer.add(Job(work, lambda result: None))
    await asyncio.to_thread(shut.wait, 10)
    return gate


def _failing_times(monkeypatch: pytest.MonkeyPatch, times: int, error: Callable[[], Exception]) -> list[int]:
    """Let the next transactions fail before they do anything; the list counts all attempts."""
    attempts: list[int] = []
    real = Writer._transact

    def transact(self: Writer, *arguments: Any) -> Any:
        attempts.append(len(attempts) + 1)
        if len(attempts) <= times:
            raise error()
        return real(self, *arguments)

    monkeypatch.setattr(Writer, "_transact", transact)
    return attempts


async def test_a_full_disk_is_an_outage_and_then_it_is_over(sqlite_url: str) -> None:
    """SQLite's own limit of pages says the same as a disk that is full."""
    engine = open_engine(sqlite_url)
    upgrade(engine)
    stage = Stage(engine)
    most = [1]

    @event.listens_for(engine, "begin")
    def _(connection: Connection) -> None:
        connection.exec_driver_sql(f"PRAGMA max_page_count = {most[0]}")

    async with stage.writing(patience=0.0) as writer:
        for n in range(40):
            writer.add(stage.post(f"{n}" * 4000, stream=Stream()))
            await stage.answered(n + 1)
        assert isinstance(stage.of("post")[-1], Outage)
        kept = len(stage.kept())
        most[0] = 1 << 20
        writer.add(stage.post("there is room again", stream=Stream()))
        await stage.answered(41)
    assert stage.of("post")[-1] == (Verdict.STORED, kept + 1)
    engine.dispose()
