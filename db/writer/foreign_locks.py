"""Conversations whose rows another session of the database has locked, such as an administrator's prompt or a
hung process.

The first statement that meets the lock waits for the engine's lock timeout. After that the row is taken only
when it is free, so that other conversations continue. ``writer`` defers the operations for a locked
conversation.
"""

import logging
import time
from collections.abc import Iterable

log = logging.getLogger(__name__)


class ForeignLocks:
    """Belongs to the writer's thread."""

    def __init__(self) -> None:
        self._since: dict[int, float] = {}

    @property
    def ids(self) -> set[int]:
        """The conversations that were locked at the last attempt."""
        return set(self._since)

    def mark_locked(self, ids: Iterable[int]) -> None:
        for id in ids:
            if id not in self._since:
                self._since[id] = time.monotonic()
                log.warning("conversation %d is locked by another session of the database", id)

    def mark_free(self, ids: Iterable[int]) -> None:
        for id in ids:
            if since := self._since.pop(id, None):
                log.warning("conversation %d was locked for %.1f s", id, time.monotonic() - since)
