"""Door 2: every change to the database, in one order, by one thread, many to a transaction.

The counterpart is ``store``, the door for reads.

Two kinds of work come in. A ``MessagePost`` is a message; all posts of a batch become one INSERT. A
``WriteJob`` is any
other change: a function of the ``WriteTransaction`` that checks under the lock and then writes. The rules:

* A post or a job is answered after COMMIT, never before, and in order: of a batch the posts, then what they
  stored, then its jobs. So whatever the loop has been told is a prefix of what is committed.
* A job MUST touch nothing but its transaction: it is run again when the database breaks the transaction off.
  What it raises undoes itself alone and goes to whoever asked; so it runs in a savepoint, unless the whole
  transaction is its own.
* A post whose fate is unknown, because the connection broke during COMMIT, is simply written again: its cid
  tells whether it is there. A job has no such mark, so it fails with ``DatabaseUnavailable``, and nobody
  knows.
* Every message is handed to ``deliver`` exactly once and without a gap, also one that another server process
  stored, or that a COMMIT of unknown fate had stored after all: a transaction that finds a head beyond what
  was last handed out fetches what lies between.
* Before any of that is handed to ``deliver``, ``reseat`` is told who has a seat in the conversation now, if
  the number of its roster is another one than was known: who was put out through another process must get
  nothing that was said afterwards.
"""

import logging
import random
import threading
import time
from asyncio import AbstractEventLoop, Future
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial
from operator import attrgetter
from typing import Any, NamedTuple, Self, TypeVar

from chatroom.db import background
from chatroom.db.clock import CautiousClock
from chatroom.db.engine import WriterConnection, is_sqlite
from chatroom.db.errors import (
    DatabaseUnavailable,
    LockedElsewhere,
    driver_message,
    is_lock_timeout,
    is_outage,
    is_transient,
)
from chatroom.db.queries import messages
from chatroom.db.queries.changefeed import ChangeSet
from chatroom.db.queries.messages import AppendOutcome, KnownHead
from chatroom.db.records import MessageDraft, StoredMessage
from chatroom.db.writer.foreign_locks import ForeignLocks
from chatroom.db.writer.operations import MessagePost, Operation, SessionOrder, WriteJob
from chatroom.db.writer.time_slicer import TimeSlicer
from chatroom.db.writer.transaction import RosterSeats, WriteTransaction
from chatroom.db.writer.write_queue import WriteQueue
from sqlalchemy import Connection, Engine

T = TypeVar("T")
U = TypeVar("U")
log = logging.getLogger(__name__)

HANG_SECONDS = 1.0
"""Seconds within which a database that is down has said so; one that takes longer hangs."""

ANSWERS_PER_STEP = 20
DELIVERIES_PER_STEP = 200
"""Messages, in one step on the loop. Those of one conversation should be told together, each listener being
given one text for all of them.
"""

MAX_DEADLOCK_RETRIES = 20
"""How often a deadlock makes a transaction start again before it counts as an outage."""

LOCK_RETRY_SECONDS = 0.1
"""Seconds between two looks whether a row is free that another session of the database keeps locked."""

LOCK_TIMEOUT_SECONDS = 1.0
"""Seconds that a statement may wait for a lock, as ``engine`` tells the database."""

OUTAGE_SHARE = 0.9
"""The part of our patience after which what cannot be done is refused: the answer has a way to go, too."""

PREDECESSOR_UNKNOWN = "an earlier message of this session is of unknown fate"

_conversation = attrgetter("conversation_id")


class JobResult(NamedTuple):
    """What became of a job: what others had done before it, its result, and what it stored."""

    changed_rosters: list[RosterSeats]
    missed: list[StoredMessage]
    result: Any
    stored: list[StoredMessage]


@dataclass(slots=True)
class _WriteBatch:
    """Operations on their way through one transaction, and what is to be told of them."""

    posts: list[MessagePost] = field(default_factory=list)
    jobs: list[WriteJob[Any]] = field(default_factory=list)
    outcomes: list[AppendOutcome | Exception] = field(default_factory=list)  # of the posts
    changed_rosters: list[RosterSeats] = field(default_factory=list)
    posted: list[StoredMessage] = field(default_factory=list)
    results: list[JobResult] = field(default_factory=list)  # of the jobs

    @classmethod
    def of_operations(cls, operations: Sequence[Operation]) -> Self:
        batch = cls()
        for operation in operations:
            if isinstance(operation, MessagePost):
                batch.posts.append(operation)
            else:
                batch.jobs.append(operation)
        return batch

    def __len__(self) -> int:
        return len(self.posts) + len(self.jobs)

    def take_locked(self) -> list[Operation]:
        """Take out what waits for a row that another session of the database keeps locked."""
        posts = list(zip(self.posts, self.outcomes, strict=True))
        jobs = list(zip(self.jobs, self.results, strict=True))
        locked: list[Operation] = [post for post, outcome in posts if isinstance(outcome, LockedElsewhere)]
        locked += [job for job, done in jobs if isinstance(done.result, LockedElsewhere)]
        if locked:
            done_posts = [each for each in posts if not isinstance(each[1], LockedElsewhere)]
            done_jobs = [each for each in jobs if not isinstance(each[1].result, LockedElsewhere)]
            self.posts, self.outcomes = [post for post, _ in done_posts], [each for _, each in done_posts]
            self.jobs, self.results = [job for job, _ in done_jobs], [each for _, each in done_jobs]
        return locked

    def fail_all(self, error: Exception) -> None:
        self.outcomes = [error] * len(self.posts)
        for post in self.posts:
            post.session_order.broken = True
        self.changed_rosters, self.posted = [], []
        self.results = [JobResult([], [], error, [])] * len(self.jobs)

    def split_each(self) -> list["_WriteBatch"]:
        return [_WriteBatch(posts=[post]) for post in self.posts] + [
            _WriteBatch(jobs=[job]) for job in self.jobs
        ]


class DatabaseWriter:
    """The thread, its queue, and the way back to the loop.

    ``deliver`` is called on the loop with messages just committed, in the order of their seqs, those of one
    conversation together; ``reseat`` before that, with conversations whose roster was changed by somebody
    else, and what they said since. ``entitle`` is called in the transaction for a sender whose
    ``MessagePost.roster`` is out of date, with the epoch of its session; it raises a refusal or returns.
    ``patience`` is how long, in seconds, an outage of the database is sat out before operations fail.

    ``publish`` is called at the end of each transaction with what that has changed; ``failed`` on the loop
    when the thread has died of an exception.
    """

    def __init__(
        self,
        engine: Engine,
        loop: AbstractEventLoop,
        *,
        deliver: Callable[[Sequence[StoredMessage]], None],
        reseat: Callable[[Sequence[RosterSeats], Sequence[StoredMessage]], None],
        authorize: Callable[[Connection, MessageDraft, int], None],
        outage_timeout: float = 5.0,
        publish: Callable[[Connection, ChangeSet], None] | None = None,
        failed: Callable[[], None] | None = None,
    ) -> None:
        self._kept = WriterConnection(engine)
        self._loop = loop
        self._deliver = deliver
        self._reseat = reseat
        self._entitle = authorize
        self._patience = outage_timeout
        self._publish = publish
        self._failed = failed
        self._gathering = WriteQueue(loop)
        self.add_operation = self._gathering.add_operation  # MUST be called on the loop
        self._slices = TimeSlicer(loop)
        self._known: dict[int, KnownHead] = {}
        self._locks = ForeignLocks()
        self._clock = CautiousClock()
        self._apart: dict[Operation, float] = {}  # what waits for locked rows, and when it was tried first
        self._tried: dict[Operation, float] = {}  # the same, of those that are tried again
        self._shared = not is_sqlite(engine.url)
        self._down_since: float | None = None
        self._hangs = False  # the database did not even refuse the last time
        self._closing = threading.Event()
        self._thread = background.start_thread(self._run_thread, "writer", self._thread_failed)

    async def run_job(self, work: Callable[[WriteTransaction], T]) -> T:
        """Do a job and wait for it. Raises what it raised, or ``DatabaseUnavailable``."""
        return await self.run_job_then(work, lambda result: result)

    async def run_job_then(self, work: Callable[[WriteTransaction], T], then: Callable[[T], U]) -> U:
        """The same, and wait for what ``then`` makes of the result. It does so in the moment of the commit,
        before anybody hears of a later one, and whether or not somebody still waits.
        """
        followed: Future[U] = self._loop.create_future()
        self.add_operation(WriteJob(work, partial(_resolve_future, followed, then)))
        return await followed

    def stop_waiting(self) -> None:
        """The end is near: finish what was accepted, but sit out no outage any longer."""
        self._closing.set()

    def close(self) -> None:
        """Finish what was accepted, in a hurry, and end the thread. Blocks."""
        self.stop_waiting()
        self._gathering.close()
        self._thread.join()

    # On the writer's thread

    def _thread_failed(self) -> None:
        """Nothing can be stored any more."""
        if self._failed is not None and not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self._failed)

    def _run_thread(self) -> None:
        while (
            operations := self._gathering.take_batch(LOCK_RETRY_SECONDS if self._apart else None)
        ) or self._apart:
            settled = self._settle_with_those_apart(operations)
            self._gathering.batch_written()
            self._loop.call_soon_threadsafe(self._slices.add_steps, self._answer_all(settled))
        self._kept.close()

    def _settle_with_those_apart(self, operations: list[Operation]) -> list[_WriteBatch]:
        """Write operations, behind those that wait for locked rows; who waits too long is refused."""
        self._tried, self._apart = self._apart, {}
        waited = time.monotonic() + LOCK_TIMEOUT_SECONDS  # by the end of another attempt
        late = [one for one, since in self._tried.items() if self._is_over(waited - since)]
        refused = _WriteBatch.of_operations(late)
        refused.fail_all(DatabaseUnavailable("another session of the database keeps a row locked"))
        again = [one for one in self._tried if one not in late]
        return [refused, *self._settle_batch(_WriteBatch.of_operations([*again, *operations]))]

    def _is_over(self, seconds: float) -> bool:
        """Whether an answer must be given after so many seconds of trouble, so as to come in time."""
        return self._closing.is_set() or seconds >= OUTAGE_SHARE * self._patience

    def _set_apart(self, operations: Iterable[Operation], began: float) -> None:
        for operation in operations:
            self._apart[operation] = self._tried.get(operation, began)

    def _settle_batch(self, batch: _WriteBatch) -> list[_WriteBatch]:
        """Write a batch, however often that takes, until each operation has its answer."""
        if self._closing.is_set() and self._hangs:
            batch.fail_all(DatabaseUnavailable("the database hangs, and this is the end"))
            return [batch]
        retries = 0
        settled: list[_WriteBatch] = []
        while batch:
            began = time.monotonic()
            error, in_commit = self._attempt_batch(batch)
            if error is None:
                break
            if self._shared and is_lock_timeout(error):
                if len(batch) > 1:
                    return settled + self._settle_each(batch)
                self._set_apart([*batch.posts, *batch.jobs], began)
                return settled
            if in_commit and batch.jobs:
                unknown, batch = _WriteBatch(jobs=batch.jobs), _WriteBatch(posts=batch.posts)
                unknown.fail_all(DatabaseUnavailable("the connection broke during COMMIT"))
                settled.append(unknown)
            if is_transient(error) and not is_lock_timeout(error) and retries < MAX_DEADLOCK_RETRIES:
                retries += 1
                self._closing.wait(random.uniform(0, 0.002 * retries))
            elif is_transient(error) or is_outage(error):
                if not self._wait_for_database(error, began):
                    batch.fail_all(DatabaseUnavailable(str(error)))
                    break
            elif len(batch) > 1:
                return settled + self._settle_each(batch)
            else:
                batch.fail_all(error)
                break
        return [*settled, batch]

    def _settle_each(self, batch: _WriteBatch) -> list[_WriteBatch]:
        """Each for itself; what one session says behind something that waits for a lock waits too."""
        settled: list[_WriteBatch] = []
        for one in batch.split_each():
            if one.posts and one.posts[0].session_order in self._streams_apart():
                self._set_apart(one.posts, time.monotonic())
            else:
                settled += self._settle_batch(one)
        return settled

    def _streams_apart(self) -> list[SessionOrder]:
        return [operation.session_order for operation in self._apart if isinstance(operation, MessagePost)]

    def _attempt_batch(self, batch: _WriteBatch) -> tuple[Exception | None, bool]:
        """Write a batch in one transaction. Returns what broke it off, if anything did, and whether that was
        in its COMMIT.
        """
        in_commit, began = False, time.monotonic()
        try:
            with self._kept.begin_write() as connection:
                transaction = self._write_batch(connection, batch)
                in_commit = True
        except Exception as error:
            if not (is_transient(error) or is_outage(error)):
                self._is_back()  # it objects
            return error, in_commit
        self._known |= transaction.new_heads
        self._is_back()
        self._set_apart(batch.take_locked(), began)
        return None, False

    def _is_back(self) -> None:
        """The database is there."""
        if self._down_since is not None:
            log.warning("the database is back, after %.1f s", time.monotonic() - self._down_since)
        self._down_since, self._hangs = None, False

    def _write_batch(self, connection: Connection, batch: _WriteBatch) -> WriteTransaction:
        now = time.time_ns() // 1_000_000
        transaction = WriteTransaction(
            connection, now, self._clock.now(), self._known, self._shared, self._locks
        )
        if batch.posts:
            batch.outcomes = self._append_posts(transaction, batch.posts)
        batch.changed_rosters = transaction.changed_rosters
        batch.posted = sorted(transaction.missed + transaction.stored, key=_conversation)
        batch.results = [
            self._run_in_transaction(transaction, job, alone=len(batch) == 1) for job in batch.jobs
        ]
        transaction.finish_rosters()
        if self._publish is not None and transaction.changes:
            self._publish(connection, transaction.changes)
        return transaction

    def _append_posts(
        self, transaction: WriteTransaction, posts: list[MessagePost]
    ) -> list[AppendOutcome | Exception]:
        heads, locked = transaction.lock_available(post.draft.conversation_id for post in posts)
        refused: dict[MessagePost, AppendOutcome | Exception] = {}
        held: list[SessionOrder] = []  # of sessions that have something waiting for a locked conversation
        for post in posts:
            head = heads.get(post.draft.conversation_id)
            if post.session_order.broken:
                refused[post] = DatabaseUnavailable(PREDECESSOR_UNKNOWN)
            elif post.draft.conversation_id in locked or (held and post.session_order in held):
                refused[post] = LockedElsewhere()
                held.append(post.session_order)
            elif (head is None or head.roster != post.roster) and (
                refusal := self._check_post(transaction.connection, post)
            ):
                refused[post] = refusal
        accepted = [post for post in posts if post not in refused] if refused else posts
        stored = transaction.append_messages(heads, [post.draft for post in accepted]) if accepted else []
        if not refused:
            return [*stored]
        outcomes = refused | dict(zip(accepted, stored, strict=True))
        return [outcomes[post] for post in posts]

    def _check_post(self, connection: Connection, post: MessagePost) -> AppendOutcome | Exception | None:
        """Why nothing is stored for a sender who was found entitled under another roster, if nothing is."""
        try:
            self._entitle(connection, post.draft, post.session_epoch)
        except Exception as error:
            if is_transient(error) or is_outage(error):
                raise
            return messages.find_duplicate(connection, post.draft) or error
        return None

    def _run_in_transaction(
        self, transaction: WriteTransaction, job: WriteJob[Any], alone: bool
    ) -> JobResult:
        transaction.changed_rosters, transaction.missed, transaction.stored = [], [], []
        if job.session_order is not None and job.session_order.broken:
            return JobResult([], [], DatabaseUnavailable(PREDECESSOR_UNKNOWN), [])
        result = job.work(transaction) if alone else self._run_in_savepoint(transaction, job)
        return JobResult(transaction.changed_rosters, transaction.missed, result, transaction.stored)

    def _run_in_savepoint(self, transaction: WriteTransaction, job: WriteJob[T]) -> T | Exception:
        """A job among others: whatever it raises, only it is undone."""
        before = transaction.save_state()
        try:
            with transaction.connection.begin_nested():
                return job.work(transaction)
        except Exception as error:
            if self._shared and is_lock_timeout(error):
                error = LockedElsewhere()  # which has undone that statement alone
            elif is_transient(error) or is_outage(error):
                raise
            transaction.restore_state(before)
            return error

    def _wait_for_database(self, error: Exception, began: float) -> bool:
        """Wait a little for the database to come back; ``False`` when it has been away too long.

        A database that hangs is away since the attempt ``began``, not since we lost patience with it.
        """
        if self._down_since is None:
            self._down_since = began
            trouble = "locked by another program" if is_lock_timeout(error) else "away"
            log.warning("the database is %s: %s", trouble, driver_message(error))
        now = time.monotonic()
        self._hangs = now - began > HANG_SECONDS
        away = now - self._down_since
        pause = min(0.05 + away / 4, 1.0)
        if self._is_over(away + pause + (now - began)):
            return False
        self._closing.wait(pause)
        return True

    # On the loop

    def _answer_all(self, settled: list[_WriteBatch]) -> Iterator[None]:
        try:
            for batch in settled:
                yield from self._answer_batch(batch)
        finally:
            self._loop.call_soon(
                self._gathering.batch_answered
            )  # behind what the answers have made to be written

    def _answer_batch(self, batch: _WriteBatch) -> Iterator[None]:
        answers = list(zip(batch.posts, batch.outcomes, strict=True))
        for first in range(0, len(answers), ANSWERS_PER_STEP):
            for post, outcome in answers[first : first + ANSWERS_PER_STEP]:
                self._resolve_job(post.done, outcome)
            yield
        if batch.changed_rosters:
            self._resolve_job(self._reseat, batch.changed_rosters, batch.posted)
        for first in range(0, len(batch.posted), DELIVERIES_PER_STEP):
            self._resolve_job(self._deliver, batch.posted[first : first + DELIVERIES_PER_STEP])
            yield
        for job, (reseated, missed, result, stored) in zip(batch.jobs, batch.results, strict=True):
            if reseated:
                self._resolve_job(self._reseat, reseated, missed)
            self._resolve_job(self._deliver, missed)
            self._resolve_job(job.done, result)
            self._resolve_job(self._deliver, stored)
            yield

    def _resolve_job(self, done: Callable[..., None], *arguments: object) -> None:
        try:
            done(*arguments)
        except Exception:
            log.exception("an answer could not be given")


def _resolve_future(followed: Future[U], then: Callable[[T], U], result: T | Exception) -> None:
    try:
        if isinstance(result, Exception):
            raise result
        value = then(result)
    except Exception as error:
        if not followed.cancelled():
            followed.set_exception(error)
    else:
        if not followed.cancelled():
            followed.set_result(value)
