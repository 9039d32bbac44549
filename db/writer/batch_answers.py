"""Hands a written batch to the event loop: answers, deliveries, and what other processes should know, in the
order that ``writer`` promises."""

import logging
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from chatroom.db.records import StoredMessage
from chatroom.db.statistics import DatabaseStatistics
from chatroom.db.writer.transaction import RosterSeats
from chatroom.db.writer.write_batch import WriteBatch

log = logging.getLogger(__name__)

ANSWERS_PER_STEP = 20
DELIVERIES_PER_STEP = 200
"""Messages in one step on the loop. Those of one conversation should be delivered together: each listener
gets one text for all of them.
"""


@dataclass(frozen=True)
class BatchAnswers:
    """The callbacks of ``DatabaseWriter``; all are called on the loop."""

    deliver: Callable[[Sequence[StoredMessage]], None]
    reseat: Callable[[Sequence[RosterSeats], Sequence[StoredMessage]], None]
    committed: Callable[[WriteBatch], None] | None
    statistics: DatabaseStatistics

    def answer_batch(self, batch: WriteBatch) -> Iterator[None]:
        if batch.number and self.committed is not None:
            _call(self.committed, batch)
        answers = list(zip(batch.posts, batch.outcomes, strict=True))
        for first in range(0, len(answers), ANSWERS_PER_STEP):
            step = answers[first : first + ANSWERS_PER_STEP]
            for post, outcome in step:
                _call(post.done, outcome)
            self.statistics.count_answers(time.monotonic(), [post.began for post, _ in step])
            yield
        if batch.changed_rosters:
            _call(self.reseat, batch.changed_rosters, batch.posted)
        yield from self.deliver_all(batch.posted)
        for job, (reseated, missed, result, stored) in zip(batch.jobs, batch.results, strict=True):
            if reseated:
                _call(self.reseat, reseated, missed)
            _call(self.deliver, missed)
            _call(job.done, result)
            _call(self.deliver, stored)
            yield

    def deliver_all(self, messages: Sequence[StoredMessage]) -> Iterator[None]:
        for first in range(0, len(messages), DELIVERIES_PER_STEP):
            _call(self.deliver, messages[first : first + DELIVERIES_PER_STEP])
            yield


def _call(done: Callable[..., None], *arguments: object) -> None:
    try:
        done(*arguments)
    except Exception:
        log.exception("an answer could not be delivered")
