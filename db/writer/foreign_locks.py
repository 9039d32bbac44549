"""Conversations whose rows another session of the database keeps locked: an administrator's prompt, a stuck
process.

Whoever finds one locked waits for it once, as long as the engine lets a statement wait; from then on its row
is only taken when it is free, so that all other conversations go on. The counterpart is ``writer``, which
sets what waits for such a conversation apart.
"""

import logging
import time
from collections.abc import Iterable

log = logging.getLogger(__name__)


class ForeignLocks:
    """All of it belongs to the writer's thread."""

    def __init__(self) -> None:
        self._since: dict[int, float] = {}

    @property
    def ids(self) -> set[int]:
        """The conversations that were locked when a row was asked for last."""
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
