"""Starts every background task and thread of the server, so that no failure goes unnoticed.

``client.background`` does the same for the client. An unexpected exception is one line in the log. Its
traceback is logged once for each place in the code, so that a peer who triggers an error does not fill the
log.
"""

import asyncio
import logging
import threading
import time
import traceback
from asyncio import AbstractEventLoop
from collections.abc import Callable, Coroutine
from typing import Any

FIRST_RETRY_SECONDS = 0.5
"""Delay until a failed task is started again. It doubles with each failure in a row."""

MAX_RETRY_SECONDS = 30.0
"""Longest delay. A task that has run for longer is healthy: its next failure starts at the first delay."""

log = logging.getLogger(__name__)

_logged: set[tuple[type[BaseException], str]] = set()


def report(error: BaseException, where: str) -> None:
    """Log an unexpected exception."""
    frames = traceback.extract_tb(error.__traceback__)
    location = f"{frames[-1].filename}:{frames[-1].lineno}" if frames else where
    is_new = (type(error), location) not in _logged
    _logged.add((type(error), location))
    log.error(
        "%s failed: %s at %s", where, type(error).__name__, location, exc_info=error if is_new else None
    )


def report_loop_error(loop: AbstractEventLoop, context: dict[str, Any]) -> None:
    """The loop's exception handler: log a failed callback or a failed task without an owner."""
    report(context.get("exception") or RuntimeError(context["message"]), str(context["message"]))


def start_task(loop: AbstractEventLoop, work: Coroutine[Any, Any, None]) -> "asyncio.Task[None]":
    """Run a coroutine as a task. An exception that it does not handle is logged."""
    task = loop.create_task(work)
    task.add_done_callback(_ended)
    return task


def _ended(task: "asyncio.Task[None]") -> None:
    if not task.cancelled() and (error := task.exception()) is not None:
        report(error, getattr(task.get_coro(), "__qualname__", "a task"))


def keep_running(
    loop: AbstractEventLoop, work: Callable[[], Coroutine[Any, Any, None]], delay: float = FIRST_RETRY_SECONDS
) -> "asyncio.Task[None]":
    """Run a coroutine that the server cannot do without. After an exception it is started again, until it
    returns or the task is cancelled.
    """
    return start_task(loop, _keep_running(work, delay))


async def _keep_running(work: Callable[[], Coroutine[Any, Any, None]], first_delay: float) -> None:
    delay = first_delay
    while True:
        began = time.monotonic()
        try:
            await work()
            return
        except Exception as error:
            report(error, getattr(getattr(work, "func", work), "__qualname__", "a task"))
        if time.monotonic() - began > MAX_RETRY_SECONDS:
            delay = first_delay
        await asyncio.sleep(delay)
        delay = min(2 * delay, MAX_RETRY_SECONDS)


def start_thread(work: Callable[[], None], name: str, failed: Callable[[], None]) -> threading.Thread:
    """Run ``work`` on a thread. An exception is logged, and ``failed`` is called on that thread."""

    def run() -> None:
        try:
            work()
        except Exception as error:
            report(error, f"the thread {name}")
            failed()

    thread = threading.Thread(target=run, name=name)
    thread.start()
    return thread
