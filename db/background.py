"""Background tasks and threads of the server. Only this module starts them, so that none fails unseen.

The counterpart is ``client.background``. An unexpected exception is one line in the log; its traceback stands
there once for each place in the code, so that a peer who finds a mistake does not fill the log with it.
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
"""Seconds until a failed task is started again; the delay doubles with each failure in a row."""

MAX_RETRY_SECONDS = 30.0
"""Seconds. A task that has run for so long is taken for healthy: its next failure is a first one again."""

log = logging.getLogger(__name__)

_logged: set[tuple[type[BaseException], str]] = set()


def report(error: BaseException, where: str) -> None:
    """Log an unexpected exception."""
    frames = traceback.extract_tb(error.__traceback__)
    place = f"{frames[-1].filename}:{frames[-1].lineno}" if frames else where
    first = (type(error), place) not in _logged
    _logged.add((type(error), place))
    log.error("%s failed: %s at %s", where, type(error).__name__, place, exc_info=error if first else None)


def report_loop_error(loop: AbstractEventLoop, context: dict[str, Any]) -> None:
    """The loop's exception handler: a callback or a forgotten task failed."""
    report(context.get("exception") or RuntimeError(context["message"]), str(context["message"]))


def start_task(loop: AbstractEventLoop, work: Coroutine[Any, Any, None]) -> "asyncio.Task[None]":
    """Run a coroutine as a task. An exception that it does not handle is reported."""
    task = loop.create_task(work)
    task.add_done_callback(_ended)
    return task


def _ended(task: "asyncio.Task[None]") -> None:
    if not task.cancelled() and (error := task.exception()) is not None:
        report(error, getattr(task.get_coro(), "__qualname__", "a task"))


def keep_running(
    loop: AbstractEventLoop, work: Callable[[], Coroutine[Any, Any, None]], delay: float = FIRST_RETRY_SECONDS
) -> "asyncio.Task[None]":
    """Run what a server cannot do without: after an exception it is reported and started again, until it
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
    """Run ``work`` on a thread. After an exception it is reported, and ``failed`` called on that thread."""

    def run() -> None:
        try:
            work()
        except Exception as error:
            report(error, f"the thread {name}")
            failed()

    thread = threading.Thread(target=run, name=name)
    thread.start()
    return thread
