"""Executes every change to the database: one thread, one order, many changes in one transaction.

``reader`` runs reads.

There are two kinds of operations. A ``MessagePost`` is a message; all posts of a batch become one INSERT. A
``WriteJob`` is any other change: a function of the ``WriteTransaction`` that checks under the lock and then
writes. The rules:

* Operations are answered after COMMIT, in order: the posts of a batch, their deliveries, then its jobs. So
  the state of the loop is always a prefix of what is committed.
* A job MUST use nothing but its transaction: it runs again if the database aborts the transaction. An
  exception undoes only the job and is passed to the caller; therefore it runs in a savepoint, unless it is
  alone in its transaction.
* A post whose outcome is unknown, because the connection broke during COMMIT, is written again: its cid tells
  whether it is stored. A job has no such key, so it fails with ``DatabaseUnavailable``.
* Every message is passed to ``deliver`` exactly once and without a gap, including messages that another
  server process, or a COMMIT of unknown outcome, has stored: a transaction that finds a head beyond the last
  delivered message fetches the missing ones.
* Before that, ``reseat`` receives the current seats of the conversation if its roster version changed: an
  account that was removed through another process must not receive later messages.
"""

import logging
import random
import threading
import time
from asyncio import AbstractEventLoop, Future
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from operator import attrgetter
from typing import Any, NamedTuple, TypeVar

from sqlalchemy import Connection, Engine

from chatroom.db import background
from chatroom.db.clock import CautiousClock
from chatroom.db.engine import WriterConnection, is_sqlite, savepoint
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
from chatroom.db.statistics import DatabaseStatistics
from chatroom.db.writer.batch_answers import BatchAnswers
from chatroom.db.writer.deferred_operations import LOCK_TIMEOUT_SECONDS, DeferredOperations
from chatroom.db.writer.foreign_locks import ForeignLocks
from chatroom.db.writer.operations import MessagePost, Operation, SessionOrder, WriteJob
from chatroom.db.writer.remote_messages import MessageHint, RemoteMessages
from chatroom.db.writer.time_slicer import TimeSlicer
from chatroom.db.writer.transaction import RosterSeats, WriteTransaction
from chatroom.db.writer.write_batch import JobResult, WriteBatch
from chatroom.db.writer.write_queue import WriteQueue

T = TypeVar("T")
U = TypeVar("U")
log = logging.getLogger(__name__)

HANG_SECONDS = 1.0
"""A database that is down fails within this time; one that takes longer hangs."""

MAX_DEADLOCK_RETRIES = 20
"""Attempts after deadlocks before they count as an outage."""

OUTAGE_SHARE = 0.9
"""The part of the outage timeout after which an operation is refused: the answer takes time too."""

PREDECESSOR_UNKNOWN = "the outcome of an earlier message of this session is unknown"

_conversation = attrgetter("conversation_id")


class WriterState(NamedTuple):
    """Whether the writer's thread runs, whether the database was unavailable last, and what waits."""

    is_alive: bool
    is_down: bool
    queue_length: int


class DatabaseWriter:
    """The writer's thread, its queue, and the callbacks to the loop.

    ``deliver`` is called on the loop with committed messages, in the order of their seqs, those of one
    conversation together. ``reseat`` is called before that with conversations whose roster another process
    changed, and the messages since. ``authorize`` is called in the transaction for a sender whose
    ``MessagePost.roster`` is out of date, with the epoch of its session; it raises a refusal or returns.
    ``outage_timeout`` is the time in seconds for which operations are retried during an outage.

    ``publish`` is called at the end of each transaction with its changes, and returns their number, 0 if no
    other process needs them; with a number, ``committed`` is called on the loop after COMMIT. ``missing`` is
    called on the loop with conversations whose announced messages could not be used (``remote_messages``);
    ``failed`` on the loop if the thread ended with an exception. ``statistics`` counts the work.
    Jobs that use more CPU time than ``slow_job_seconds`` are logged, if it is not 0.
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
        publish: Callable[[Connection, ChangeSet], int] | None = None,
        committed: Callable[[WriteBatch], None] | None = None,
        missing: Callable[[set[int]], None] | None = None,
        failed: Callable[[], None] | None = None,
        statistics: DatabaseStatistics | None = None,
        slow_job_seconds: float = 0.0,
    ) -> None:
        self._slow_job_seconds = slow_job_seconds
        self._statistics = statistics or DatabaseStatistics()
        self._connection = WriterConnection(engine)
        self._loop = loop
        self._authorize = authorize
        self._outage_timeout = outage_timeout
        self._publish = publish
        self._answers = BatchAnswers(deliver, reseat, committed, self._statistics)
        self._missing = missing
        self._failed = failed
        self._queue = WriteQueue(loop)
        self.add_operation = self._queue.add_operation  # MUST be called on the loop
        self._slicer = TimeSlicer(loop)
        self._known: dict[int, KnownHead] = {}
        self._remote = RemoteMessages(self._known)
        self._locks = ForeignLocks()
        self._clock = CautiousClock()
        self._deferred = DeferredOperations()
        self._shared = not is_sqlite(engine.url)
        self._down_since: float | None = None
        self._hangs = False  # the last attempt timed out
        self._closing = threading.Event()
        self._thread = background.start_thread(self._run_thread, "writer", self._thread_failed)

    async def run_job(self, work: Callable[[WriteTransaction], T]) -> T:
        """Run a job and wait for its result. Raises its exception, or ``DatabaseUnavailable``."""
        return await self.run_job_then(work, lambda result: result)

    async def run_job_then(self, work: Callable[[WriteTransaction], T], then: Callable[[T], U]) -> U:
        """Like ``run_job``, and return ``then(result)``. ``then`` runs at the job's place in the commit
        order, even if the caller no longer waits.
        """
        followed: Future[U] = self._loop.create_future()
        self.add_operation(WriteJob(work, partial(_resolve_future, followed, then)))
        return await followed

    def current_state(self) -> WriterState:
        """Return the state at this moment. Callable on any thread."""
        return WriterState(self._thread.is_alive(), self._down_since is not None, self._queue.count_waiting())

    @property
    def messages_stored(self) -> int:
        """The number of messages that this process has stored."""
        return self._statistics.messages

    def add_hint(self, hint: MessageHint) -> None:
        """Take messages that another process has stored; they are delivered in commit order."""
        self._remote.add(hint)
        self._queue.wake()

    def stop_waiting(self) -> None:
        """Shutting down: finish accepted work, but stop retrying if the database is unavailable."""
        self._closing.set()

    def close(self) -> None:
        """Finish accepted work without retrying and end the thread. Blocks."""
        self.stop_waiting()
        self._queue.close()
        self._thread.join()

    # On the writer's thread

    def _thread_failed(self) -> None:
        """Report that nothing can be stored any more."""
        if self._failed is not None and not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self._failed)

    def _run_thread(self) -> None:
        while (operations := self._queue.take_batch(self._wait_seconds())) or not self._is_finished():
            self._take_hints()
            if operations or self._deferred:
                settled = self._settle_with_deferred(operations)
                self._queue.batch_written(len(operations))
                self._loop.call_soon_threadsafe(self._slicer.add_steps, self._answer_all(settled))
        self._connection.close()

    def _is_finished(self) -> bool:
        return self._queue.is_finished and not self._deferred

    def _wait_seconds(self) -> float | None:
        """The time until locked rows are tried again or early messages are given up; ``None`` without any."""
        waits = (self._remote.wait_seconds(), self._deferred.retry_seconds())
        return min((wait for wait in waits if wait is not None), default=None)

    def _take_hints(self) -> None:
        """Deliver announced messages that continue their conversations, before the next transaction."""
        if deliverable := self._remote.take_deliverable():
            self._loop.call_soon_threadsafe(self._slicer.add_steps, self._answers.deliver_all(deliverable))
        if (missing := self._remote.take_missing()) and self._missing is not None:
            self._loop.call_soon_threadsafe(self._missing, missing)

    def _settle_with_deferred(self, operations: list[Operation]) -> list[WriteBatch]:
        """Execute the deferred operations, then new ones. Refuse those that were deferred too long."""
        retried = self._deferred.take()
        waited = time.monotonic() + LOCK_TIMEOUT_SECONDS  # at the end of another attempt
        late = [operation for operation, since in retried.items() if self._is_over(waited - since)]
        refused = WriteBatch.of_operations(late)
        refused.fail_all(DatabaseUnavailable("another session of the database keeps a row locked"))
        settled = [refused]
        again = [operation for operation in retried if operation not in late]
        if turn := self._deferred.overdue(again, self._locks.ids):
            settled += self._settle_batch(WriteBatch.of_operations(turn, waits_for_locks=True))
            again = [operation for operation in again if operation not in turn]
        return [*settled, *self._settle_batch(WriteBatch.of_operations([*again, *operations]))]

    def _is_over(self, seconds: float) -> bool:
        """Whether an operation must be answered after so many seconds of failures, to be in time."""
        return self._closing.is_set() or seconds >= OUTAGE_SHARE * self._outage_timeout

    def _settle_batch(self, batch: WriteBatch) -> list[WriteBatch]:
        """Execute a batch, with retries, until each operation has a result."""
        if self._closing.is_set() and self._hangs:
            batch.fail_all(DatabaseUnavailable("the database hangs, and the server is shutting down"))
            return [batch]
        retries = 0
        settled: list[WriteBatch] = []
        while batch:
            began = time.monotonic()
            error, in_commit = self._attempt_batch(batch)
            if error is None:
                break
            self._statistics.count_error(error)
            if self._shared and is_lock_timeout(error):
                if len(batch) > 1:
                    return settled + self._settle_each(batch)
                self._deferred.add([*batch.posts, *batch.jobs], began)
                return settled
            if in_commit and batch.jobs and not is_transient(error):
                unknown, batch = WriteBatch(jobs=batch.jobs), WriteBatch(posts=batch.posts)
                unknown.fail_all(DatabaseUnavailable("the connection broke during COMMIT"))
                settled.append(unknown)
            if is_transient(error) and not is_lock_timeout(error) and retries < MAX_DEADLOCK_RETRIES:
                retries += 1
                self._statistics.count_retry()
                self._closing.wait(random.uniform(0, 0.002 * retries))
            elif is_transient(error) or is_outage(error):
                if not self._wait_for_database(error, began):
                    batch.fail_all(DatabaseUnavailable(str(error)))
                    break
                self._statistics.count_retry()
            elif len(batch) > 1:
                return settled + self._settle_each(batch)
            else:
                batch.fail_all(error)
                break
        return [*settled, batch]

    def _settle_each(self, batch: WriteBatch) -> list[WriteBatch]:
        """Execute each operation by itself. One after a deferred operation of the same session is deferred
        too.
        """
        settled: list[WriteBatch] = []
        for part in batch.split_each():
            operation: Operation = part.posts[0] if part.posts else part.jobs[0]
            if operation.session_order in self._deferred.session_orders():
                self._deferred.add([operation], time.monotonic())
            else:
                settled += self._settle_batch(part)
        return settled

    def _attempt_batch(self, batch: WriteBatch) -> tuple[Exception | None, bool]:
        """Execute a batch in one transaction. Returns the error, if any, and whether it occurred during
        COMMIT.
        """
        in_commit, began = False, time.monotonic()
        try:
            with self._connection.begin_write() as connection:
                transaction = self._write_batch(connection, batch)
                in_commit = True
        except Exception as error:
            if not (is_transient(error) or is_outage(error)):
                self._note_available()  # it answered with an error
            return error, in_commit
        self._known |= transaction.new_heads
        self._statistics.count_batch(time.monotonic() - began, len(batch), batch.stored_messages())
        self._note_available()
        self._deferred.add(batch.take_locked(), began)
        return None, False

    def _note_available(self) -> None:
        """Note that the database is available."""
        if self._down_since is not None:
            log.warning("the database is back, after %.1f s", time.monotonic() - self._down_since)
        self._down_since, self._hangs = None, False

    def _write_batch(self, connection: Connection, batch: WriteBatch) -> WriteTransaction:
        now = time.time_ns() // 1_000_000
        transaction = WriteTransaction(
            connection,
            now,
            self._clock.now(),
            self._known,
            self._shared,
            self._locks,
            batch.waits_for_locks,
        )
        if batch.posts:
            batch.outcomes = self._append_posts(transaction, batch.posts)
        batch.changed_rosters = transaction.changed_rosters
        batch.posted = sorted(transaction.missed + transaction.stored, key=_conversation)
        batch.posted_here = transaction.stored
        deferred = self._deferred.session_orders() + batch.locked_orders()
        batch.results = [self._run_in_transaction(transaction, job, batch, deferred) for job in batch.jobs]
        transaction.finish_rosters()
        if self._publish is not None and transaction.changes:
            batch.number = self._publish(connection, transaction.changes)
            batch.rosters = {id: head.roster for id, head in transaction.new_heads.items()}
            batch.changes = transaction.changes
        return transaction

    def _append_posts(
        self, transaction: WriteTransaction, posts: list[MessagePost]
    ) -> list[AppendOutcome | Exception]:
        heads, locked = transaction.lock_available(post.draft.conversation_id for post in posts)
        refused: dict[MessagePost, AppendOutcome | Exception] = {}
        deferred_orders = self._deferred.session_orders()
        for post in posts:
            head = heads.get(post.draft.conversation_id)
            if post.session_order.broken:
                refused[post] = DatabaseUnavailable(PREDECESSOR_UNKNOWN)
            elif post.draft.conversation_id in locked or (
                deferred_orders and post.session_order in deferred_orders
            ):
                refused[post] = LockedElsewhere()
                deferred_orders.append(post.session_order)
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
        """Authorize a sender whose roster version is out of date. Returns the refusal or the earlier outcome
        of a resend, or ``None``.
        """
        try:
            self._authorize(connection, post.draft, post.session_epoch)
        except Exception as error:
            if is_transient(error) or is_outage(error):
                raise
            return messages.find_duplicate(connection, post.draft) or error
        return None

    def _run_in_transaction(
        self,
        transaction: WriteTransaction,
        job: WriteJob[Any],
        batch: WriteBatch,
        deferred: list[SessionOrder],
    ) -> JobResult:
        """Run a job, unless it follows a ``deferred`` operation of its session, and extend that list."""
        if job.session_order in deferred:
            return JobResult([], [], LockedElsewhere(), [])
        transaction.changed_rosters, transaction.missed, transaction.stored = [], [], []
        if job.session_order is not None and job.session_order.broken:
            return JobResult([], [], DatabaseUnavailable(PREDECESSOR_UNKNOWN), [])
        began = time.thread_time()
        result = job.work(transaction) if len(batch) == 1 else self._run_in_savepoint(transaction, job)
        if isinstance(result, LockedElsewhere) and job.session_order is not None:
            deferred.append(job.session_order)
        if 0 < self._slow_job_seconds < (used := time.thread_time() - began):
            log.warning("slow step: a job of the writer used %.0f ms: %s", 1000 * used, _job_name(job))
        return JobResult(transaction.changed_rosters, transaction.missed, result, transaction.stored)

    def _run_in_savepoint(self, transaction: WriteTransaction, job: WriteJob[T]) -> T | Exception:
        """Run a job in a savepoint: an exception undoes only this job."""
        before = transaction.save_state()
        try:
            with savepoint(transaction.connection):
                return job.work(transaction)
        except Exception as error:
            if self._shared and is_lock_timeout(error):
                error = LockedElsewhere()  # MySQL has undone only that statement
            elif is_transient(error) or is_outage(error):
                raise
            transaction.restore_state(before)
            return error

    def _wait_for_database(self, error: Exception, began: float) -> bool:
        """Wait before the next attempt. Returns ``False`` when the outage has lasted too long.

        If the database hangs, the outage began with the attempt, not with its timeout.
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

    def _answer_all(self, settled: list[WriteBatch]) -> Iterator[None]:
        try:
            for batch in settled:
                yield from self._answers.answer_batch(batch)
        finally:
            self._loop.call_soon(
                self._queue.batch_answered
            )  # after the operations that the answers have added


def _job_name(job: WriteJob[Any]) -> str:
    work: Any = getattr(job.work, "__wrapped__", job.work)
    return str(getattr(getattr(work, "func", work), "__qualname__", work))


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
