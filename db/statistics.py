"""Counters of reader and writer, for ``/metrics``. They are plain numbers, which another thread reads.

Counting must cost nothing that can be measured, so nothing here locks what is counted for each message.
"""

import threading
from bisect import bisect_left
from collections import Counter
from collections.abc import Iterable, Sequence

from chatroom.db.errors import is_lock_timeout, is_outage, is_transient

SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0)
"""Upper bounds for durations."""

OPERATIONS = (1, 2, 5, 10, 20, 50, 100, 200, 400)
"""Upper bounds for the size of a batch."""


class BucketCounts:
    """A histogram: ``counts`` has one number for each bound, and one for everything above the last."""

    __slots__ = ("bounds", "counts", "total")

    def __init__(self, bounds: Sequence[float]) -> None:
        self.bounds = tuple(bounds)
        self.counts = [0] * (len(self.bounds) + 1)
        self.total = 0.0

    def add_value(self, value: float) -> None:
        self.counts[bisect_left(self.bounds, value)] += 1
        self.total += value


class DatabaseStatistics:
    def __init__(self) -> None:
        self.messages = 0  # stored by this process, with notices
        self.purged = 0  # messages that this process removed because of their age
        self.retries = 0  # repeated attempts of transactions and queries
        self.errors: Counter[str] = Counter()  # by kind: deadlock, lock, outage, other
        self.commit_seconds = BucketCounts(SECONDS)  # whole transactions of the writer
        self.ack_seconds = BucketCounts(SECONDS)  # from the request to its answer
        self.batch_operations = BucketCounts(OPERATIONS)
        self._lock = threading.Lock()  # several threads read, and may fail at once

    def count_batch(self, seconds: float, operations: int, messages: int) -> None:
        self.commit_seconds.add_value(seconds)
        self.batch_operations.add_value(operations)
        self.messages += messages

    def count_answers(self, now: float, began: Iterable[float]) -> None:
        """Count the answers to messages whose requests began at these times (monotonic)."""
        add_value = self.ack_seconds.add_value
        for time in began:
            add_value(now - time)

    def count_error(self, error: Exception) -> None:
        with self._lock:
            self.errors[_error_kind(error)] += 1

    def count_retry(self) -> None:
        with self._lock:
            self.retries += 1


def _error_kind(error: Exception) -> str:
    if is_lock_timeout(error):
        return "lock"
    if is_transient(error):
        return "deadlock"
    return "outage" if is_outage(error) else "other"
