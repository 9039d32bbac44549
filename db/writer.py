"""Door 2: every change to the database, in one order, by one thread, many to a transaction.

The counterpart is ``store``, the door for reads.

Two kinds of work come in. A ``Post`` is a message; all posts of a batch become one INSERT. A ``Job`` is any
other change: a function of the ``Transaction`` that checks under the lock and then writes. The rules:

* A post or a job is answered after COMMIT, never before, and in order: of a batch the posts, then what they
  stored, then its jobs. So whatever the loop has been told is a prefix of what is committed.
* A job MUST touch nothing but its transaction: it is run again when the database breaks the transaction off.
  What it raises undoes itself alone and goes to whoever asked; so it runs in a savepoint, unless the whole
  transaction is its own.
* A post whose fate is unknown, because the connection broke during COMMIT, is simply written again: its cid
  tells whether it is there. A job has no such mark, so it fails with ``Outage``, and nobody knows.
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
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial
from operator import attrgetter
from typing import Any, NamedTuple, Self, TypeVar

from sqlalchemy import Connection, Engine

from db import messages
from db.engine import KeptConnection, is_sqlite
from db.errors import Outage, is_outage, is_transient, said
from db.gather import Gathering
from db.messages import Known, Outcome
from db.news import News
from db.operations import Job, Operation, Post
from db.records import Draft, Stored
from db.slices import Slices
from db.transaction import Seating, Transaction

T = TypeVar("T")
U = TypeVar("U")
log = logging.getLogger(__name__)

AT_ONCE = 1.0
"""Seconds within which a database that is down has said so; one that takes longer hangs."""

ANSWERED_AT_ONCE = 20
DELIVERED_AT_ONCE = 200
"""Messages, in one step on the loop. Those of one conversation should be told together, each listener being
given one text for all of them.
"""

RETRIES = 20
"""How often a deadlock or a lock timeout makes a transaction start again before it counts as an outage."""

BEHIND_UNKNOWN = "an earlier message of this session is of unknown fate"

_conversation = attrgetter("conversation_id")


class Done(NamedTuple):
    """What became of a job: what others had done before it, its result, and what it stored."""

    reseated: list[Seating]
    missed: list[Stored]
    result: Any
    stored: list[Stored]


@dataclass(slots=True)
class _Batch:
    """Operations on their way through one transaction, and what is to be told of them."""

    posts: list[Post] = field(default_factory=list)
    jobs: list[Job[Any]] = field(default_factory=list)
    outcomes: list[Outcome | Exception] = field(default_factory=list)  # of the posts
    reseated: list[Seating] = field(default_factory=list)
    posted: list[Stored] = field(default_factory=list)
    results: list[Done] = field(default_factory=list)  # of the jobs

    @classmethod
    def of(cls, operations: Sequence[Operation]) -> Self:
        batch = cls()
        for operation in operations:
            if isinstance(operation, Post):
                batch.posts.append(operation)
            else:
                batch.jobs.append(operation)
        return batch

    def __len__(self) -> int:
        return len(self.posts) + len(self.jobs)

    def fail(self, error: Exception) -> None:
        self.outcomes = [error] * len(self.posts)
        for post in self.posts:
            post.stream.broken = True
        self.reseated, self.posted = [], []
        self.results = [Done([], [], error, [])] * len(self.jobs)

    def split(self) -> list["_Batch"]:
        return [_Batch(posts=[post]) for post in self.posts] + [_Batch(jobs=[job]) for job in self.jobs]


class Writer:
    """The thread, its queue, and the way back to the loop.

    ``deliver`` is called on the loop with messages just committed, in the order of their seqs, those of one
    conversation together; ``reseat`` before that, with conversations whose roster was changed by somebody
    else, and what they said since. ``entitle`` is called in the transaction for a sender whose
    ``Post.roster`` is out of date, with the epoch of its session; it raises a refusal or returns.
    ``patience`` is how long, in seconds, an outage of the database is sat out before operations fail.

    Where there are other server processes to read it, ``publish`` is set, and called at the end of each
    transaction with what that has changed.
    """

    publish: Callable[[Connection, News], None] | None = None

    def __init__(
        self,
        engine: Engine,
        loop: AbstractEventLoop,
        *,
        deliver: Callable[[Sequence[Stored]], None],
        reseat: Callable[[Sequence[Seating], Sequence[Stored]], None],
        entitle: Callable[[Connection, Draft, int], None],
        patience: float = 5.0,
    ) -> None:
        self._kept = KeptConnection(engine)
        self._loop = loop
        self._deliver = deliver
        self._reseat = reseat
        self._entitle = entitle
        self._patience = patience
        self._gathering = Gathering(loop)
        self._slices = Slices(loop)
        self._known: dict[int, Known] = {}
        self._shared = not is_sqlite(engine.url)
        self._down_since: float | None = None
        self._hangs = False  # the database did not even refuse the last time
        self._closing = threading.Event()
        self._thread = threading.Thread(target=self._run, name="writer")
        self._thread.start()

    def add(self, operation: Operation) -> None:
        """MUST be called on the loop."""
        self._gathering.add(operation)

    async def run(self, work: Callable[[Transaction], T]) -> T:
        """Do a job and wait for it. Raises what it raised, or ``Outage``."""
        return await self.follow(work, lambda result: result)

    async def follow(self, work: Callable[[Transaction], T], then: Callable[[T], U]) -> U:
        """The same, and wait for what ``then`` makes of the result. It does so in the moment of the commit,
        before anybody hears of a later one, and whether or not somebody still waits.
        """
        followed: Future[U] = self._loop.create_future()
        self.add(Job(work, partial(_resolve, followed, then)))
        return await followed

    def hurry(self) -> None:
        """The end is near: finish what was accepted, but sit out no outage any longer."""
        self._closing.set()

    def close(self) -> None:
        """Finish what was accepted, in a hurry, and end the thread. Blocks."""
        self.hurry()
        self._gathering.close()
        self._thread.join()

    # On the writer's thread

    def _run(self) -> None:
        while operations := self._gathering.take():
            settled = self._settle(_Batch.of(operations))
            self._gathering.done()
            self._loop.call_soon_threadsafe(self._hand_over, settled)
        self._kept.close()

    def _settle(self, batch: _Batch) -> list[_Batch]:
        """Write a batch, however often that takes, until each operation has its answer."""
        if self._closing.is_set() and self._hangs:
            batch.fail(Outage("the database hangs, and this is the end"))
            return [batch]
        retries, settled = 0, []
        while batch:
            began = time.monotonic()
            error, in_commit = self._attempt(batch)
            if error is None:
                break
            if in_commit and batch.jobs:
                unknown, batch = _Batch(jobs=batch.jobs), _Batch(posts=batch.posts)
                unknown.fail(Outage("the connection broke during COMMIT"))
                settled.append(unknown)
            if is_transient(error) and retries < RETRIES:
                retries += 1
                self._closing.wait(random.uniform(0, 0.002 * retries))
            elif is_transient(error) or is_outage(error):
                if not self._sit_out(error, began):
                    batch.fail(Outage(str(error)))
                    break
            elif len(batch) > 1:
                return settled + [part for one in batch.split() for part in self._settle(one)]
            else:
                batch.fail(error)
                break
        return [*settled, batch]

    def _attempt(self, batch: _Batch) -> tuple[Exception | None, bool]:
        """Write a batch in one transaction. Returns what broke it off, if anything did, and whether that was
        in its COMMIT.
        """
        in_commit = False
        try:
            with self._kept.begin_write() as connection:
                transaction = self._transact(connection, batch)
                in_commit = True
        except Exception as error:
            if not (is_transient(error) or is_outage(error)):
                self._down_since, self._hangs = None, False  # the database is there: it objects
            return error, in_commit
        self._known |= transaction.moved
        self._down_since, self._hangs = None, False
        return None, False

    def _transact(self, connection: Connection, batch: _Batch) -> Transaction:
        transaction = Transaction(connection, time.time_ns() // 1_000_000, self._known, self._shared)
        if batch.posts:
            batch.outcomes = self._post(transaction, batch.posts)
        batch.reseated = transaction.reseated
        batch.posted = sorted(transaction.missed + transaction.stored, key=_conversation)
        batch.results = [self._do(transaction, job, alone=len(batch) == 1) for job in batch.jobs]
        transaction.finish()
        if self.publish is not None and transaction.news:
            self.publish(connection, transaction.news)
        return transaction

    def _post(self, transaction: Transaction, posts: list[Post]) -> list[Outcome | Exception]:
        heads = transaction.hold(post.draft.conversation_id for post in posts)
        refused: dict[Post, Outcome | Exception] = {}
        for post in posts:
            head = heads.get(post.draft.conversation_id)
            if post.stream.broken:
                refused[post] = Outage(BEHIND_UNKNOWN)
            elif (head is None or head.roster != post.roster) and (
                refusal := self._refusal(transaction.connection, post)
            ):
                refused[post] = refusal
        accepted = [post for post in posts if post not in refused] if refused else posts
        stored = transaction.append(heads, [post.draft for post in accepted]) if accepted else []
        if not refused:
            return [*stored]
        outcomes = refused | dict(zip(accepted, stored, strict=True))
        return [outcomes[post] for post in posts]

    def _refusal(self, connection: Connection, post: Post) -> Outcome | Exception | None:
        """Why nothing is stored for a sender who was found entitled under another roster, if nothing is."""
        try:
            self._entitle(connection, post.draft, post.session_epoch)
        except Exception as error:
            if is_transient(error) or is_outage(error):
                raise
            return messages.find_duplicate(connection, post.draft) or error
        return None

    def _do(self, transaction: Transaction, job: Job[Any], alone: bool) -> Done:
        transaction.reseated, transaction.missed, transaction.stored = [], [], []
        if job.stream is not None and job.stream.broken:
            return Done([], [], Outage(BEHIND_UNKNOWN), [])
        result = job.work(transaction) if alone else self._try(transaction, job)
        return Done(transaction.reseated, transaction.missed, result, transaction.stored)

    def _try(self, transaction: Transaction, job: Job[T]) -> T | Exception:
        """A job among others: whatever it raises, only it is undone."""
        before = transaction.mark()
        try:
            with transaction.connection.begin_nested():
                return job.work(transaction)
        except Exception as error:
            if is_transient(error) or is_outage(error):
                raise
            transaction.go_back(before)
            return error

    def _sit_out(self, error: Exception, began: float) -> bool:
        """Wait a little for the database to come back; ``False`` when it has been away too long.

        A database that hangs is away since the attempt ``began``, not since we lost patience with it.
        """
        if self._down_since is None:
            self._down_since = began
            log.warning("the database is away: %s", said(error))
        now = time.monotonic()
        self._hangs = now - began > AT_ONCE
        away = now - self._down_since
        if away >= self._patience or self._closing.is_set():
            return False
        self._closing.wait(min(0.05 + away / 4, 1.0))
        return True

    # On the loop

    def _hand_over(self, settled: list[_Batch]) -> None:
        self._slices.add(self._answer_all(settled))

    def _answer_all(self, settled: list[_Batch]) -> Iterator[None]:
        try:
            for batch in settled:
                yield from self._answer(batch)
        finally:
            self._loop.call_soon(self._gathering.told)  # behind what the answers have made to be written

    def _answer(self, batch: _Batch) -> Iterator[None]:
        answers = list(zip(batch.posts, batch.outcomes, strict=True))
        for first in range(0, len(answers), ANSWERED_AT_ONCE):
            for post, outcome in answers[first : first + ANSWERED_AT_ONCE]:
                self._tell(post.done, post, outcome)
            yield
        if batch.reseated:
            self._tell(self._reseat, batch.reseated, batch.posted)
        for first in range(0, len(batch.posted), DELIVERED_AT_ONCE):
            self._tell(self._deliver, batch.posted[first : first + DELIVERED_AT_ONCE])
            yield
        for job, (reseated, missed, result, stored) in zip(batch.jobs, batch.results, strict=True):
            if reseated:
                self._tell(self._reseat, reseated, missed)
            self._tell(self._deliver, missed)
            self._tell(job.done, result)
            self._tell(self._deliver, stored)
            yield

    def _tell(self, done: Callable[..., None], *arguments: object) -> None:
        try:
            done(*arguments)
        except Exception:
            log.exception("an answer could not be given")


def _resolve(followed: Future[U], then: Callable[[T], U], result: T | Exception) -> None:
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
