"""Background work of the client whose errors the user sees as notes."""

import asyncio
import time
from collections.abc import Coroutine

from chatroom.client import background
from chatroom.client.core.notes import Notes
from chatroom.client.net.connection import ConnectionLost, Refused

FAILURE_PAUSE = 10.0
"""Seconds. Only the first of the unexpected errors in this time is shown; the log file has all of them."""

LOGGED_OUT = "not_logged_in"
"""The code for work that was under way when the user logged out. The user does not wait for it."""


class GuardedTasks:
    """Runs coroutines as tasks. Shows the first of several unexpected errors, of other tasks as well."""

    def __init__(self, notes: Notes) -> None:
        self._notes = notes
        self._tasks: set[asyncio.Task[None]] = set()
        self._failed_at = -FAILURE_PAUSE
        self._stop_observing = background.observe(self._show_failure)

    def start(self, work: Coroutine[None, None, None]) -> asyncio.Task[None]:
        """Run a coroutine. A ``Refused`` becomes a note; after a loss or a logout it is ignored."""
        task = background.start(self._run(work))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    def close(self) -> None:
        """Cancel all tasks."""
        for task in list(self._tasks):
            task.cancel()
        self._stop_observing()

    async def _run(self, work: Coroutine[None, None, None]) -> None:
        try:
            await work
        except ConnectionLost:
            pass  # what the task would have fetched is fetched in the next session
        except Refused as error:
            if error.code != LOGGED_OUT:
                self._notes.show_error(error)

    def _show_failure(self, error: BaseException) -> None:
        now = time.monotonic()
        if now - self._failed_at >= FAILURE_PAUSE:
            self._failed_at = now
            self._notes.show_error(Refused("internal_error", background.facts_of(error)))
