"""The operations whose rows another session of the database has locked, and when they are tried again.

Another server process usually locks a row for milliseconds; an administrator's prompt or a hung process may
lock it for minutes (``foreign_locks``).
"""

import time
from collections.abc import Collection, Iterable
from typing import Any

from chatroom.db.writer.operations import MessagePost, Operation, SessionOrder, WriteJob

RETRY_SECONDS = 0.1
"""Interval of attempts to lock a row that another session of the database keeps locked."""

BUSY_RETRY_SECONDS = 0.002
"""The same if it has been locked for less than the lock timeout: another server process writes there."""

SKIP_LOCKED_SECONDS = 0.03
"""Time for which a locked row is skipped. After that the operations for it wait for the lock, in a
transaction that holds no other lock, so that they take their turn among the server processes.
"""

LOCK_TIMEOUT_SECONDS = 1.0
"""The lock timeout of a statement, as ``engine`` sets it."""


class DeferredOperations:
    """Belongs to the writer's thread."""

    def __init__(self) -> None:
        self._waiting: dict[Operation, float] = {}  # with the time of the first attempt
        self._retried: dict[Operation, float] = {}  # those that are being retried

    def __bool__(self) -> bool:
        return bool(self._waiting)

    def add(self, operations: Iterable[Operation], began: float) -> None:
        """Add operations that were first tried at a time."""
        for operation in operations:
            self._waiting[operation] = self._retried.get(operation, began)

    def take(self) -> dict[Operation, float]:
        """Take all operations, with the time of their first attempt."""
        self._retried, self._waiting = self._waiting, {}
        return self._retried

    def retry_seconds(self) -> float | None:
        """The time until the next attempt; ``None`` if nothing waits."""
        if not self._waiting:
            return None
        is_busy = time.monotonic() - max(self._waiting.values()) < LOCK_TIMEOUT_SECONDS
        return BUSY_RETRY_SECONDS if is_busy else RETRY_SECONDS

    def session_orders(self) -> list[SessionOrder]:
        """The orders of sessions with a waiting operation: their later operations wait too."""
        return [operation.session_order for operation in self._waiting if operation.session_order is not None]

    def overdue(self, operations: list[Operation], foreign_ids: Collection[int]) -> list[Operation]:
        """Those of the taken operations whose turn it is to wait for a lock, after they were skipped for
        long: the posts in one conversation, or one job. Operations that have waited in vain before come last.
        """
        skipped_since = time.monotonic() - SKIP_LOCKED_SECONDS
        overdue = [operation for operation in operations if self._retried[operation] <= skipped_since]
        waited = time.monotonic() - LOCK_TIMEOUT_SECONDS
        for first in sorted(overdue, key=lambda operation: self._retried[operation] <= waited):
            if isinstance(first, WriteJob):
                if _is_first_of_session(first, operations):
                    return [first]
                continue
            is_foreign = first.draft.conversation_id in foreign_ids
            if not is_foreign and (turn := _posts_beside(first, operations)):
                return turn
        return []


def _is_first_of_session(job: WriteJob[Any], deferred: Iterable[Operation]) -> bool:
    """Whether no other deferred operation of its session precedes a job."""
    order = job.session_order
    return order is None or next(each for each in deferred if each.session_order is order) is job


def _posts_beside(first: MessagePost, deferred: Iterable[Operation]) -> list[Operation]:
    """The posts in the conversation of ``first`` that no other deferred operation of their session
    precedes.
    """
    turn: list[Operation] = []
    held: list[SessionOrder | None] = []  # sessions with an operation that stays deferred
    for operation in deferred:
        is_beside = (
            isinstance(operation, MessagePost)
            and operation.draft.conversation_id == first.draft.conversation_id
        )
        if is_beside and operation.session_order not in held:
            turn.append(operation)
        else:
            held.append(operation.session_order)
    return turn
