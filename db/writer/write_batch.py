"""The operations that one transaction writes, and the outcome of each."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple, Self

from chatroom.db.errors import LockedElsewhere
from chatroom.db.queries.changefeed import ChangeSet
from chatroom.db.queries.messages import AppendOutcome
from chatroom.db.records import StoredMessage
from chatroom.db.writer.operations import MessagePost, Operation, SessionOrder, WriteJob
from chatroom.db.writer.transaction import RosterSeats


class JobResult(NamedTuple):
    """The result of a job: roster changes and messages of other processes, its return value, and what it
    stored.
    """

    changed_rosters: list[RosterSeats]
    missed: list[StoredMessage]
    result: Any
    stored: list[StoredMessage]


@dataclass(slots=True)
class WriteBatch:
    """Operations in one transaction, and their results."""

    posts: list[MessagePost] = field(default_factory=list)
    jobs: list[WriteJob[Any]] = field(default_factory=list)
    outcomes: list[AppendOutcome | Exception] = field(default_factory=list)  # of the posts
    changed_rosters: list[RosterSeats] = field(default_factory=list)
    posted: list[StoredMessage] = field(default_factory=list)  # in it, and by other processes before
    posted_here: list[StoredMessage] = field(default_factory=list)
    results: list[JobResult] = field(default_factory=list)  # of the jobs
    number: int = 0  # of its published changes
    rosters: dict[int, int] = field(default_factory=dict)  # after it, by conversation
    changes: ChangeSet = field(default_factory=ChangeSet)
    waits_for_locks: bool = False  # otherwise rows that another session has locked are skipped

    @classmethod
    def of_operations(cls, operations: Sequence[Operation], *, waits_for_locks: bool = False) -> Self:
        batch = cls(waits_for_locks=waits_for_locks)
        for operation in operations:
            if isinstance(operation, MessagePost):
                batch.posts.append(operation)
            else:
                batch.jobs.append(operation)
        return batch

    @property
    def stored_here(self) -> list[StoredMessage]:
        """The messages that this transaction has stored, in order."""
        return [*self.posted_here, *(stored for result in self.results for stored in result.stored)]

    def __len__(self) -> int:
        return len(self.posts) + len(self.jobs)

    def stored_messages(self) -> int:
        return len(self.posted_here) + sum(len(result.stored) for result in self.results)

    def locked_orders(self) -> list[SessionOrder]:
        """The orders of the sessions with a post for a locked row."""
        outcomes = zip(self.posts, self.outcomes, strict=True)
        return [post.session_order for post, outcome in outcomes if isinstance(outcome, LockedElsewhere)]

    def take_locked(self) -> list[Operation]:
        """Remove and return the operations for rows that another session of the database has locked."""
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
        self.changed_rosters, self.posted, self.posted_here = [], [], []
        self.number = 0
        self.results = [JobResult([], [], error, [])] * len(self.jobs)

    def split_each(self) -> list["WriteBatch"]:
        return [WriteBatch(posts=[post]) for post in self.posts] + [
            WriteBatch(jobs=[job]) for job in self.jobs
        ]
