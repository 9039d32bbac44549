"""Background tasks and threads of the client. Only this module starts them, so that none fails unseen.

An unexpected exception goes to the log file and to the observers, which show it to the user. A task that the
client cannot do without is started again after a delay.
"""

import asyncio
import logging
import logging.handlers
import threading
import time
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any, TypeVar

from chatroom.client.storage import files
from chatroom.protocol.safe import safe_text

LOG_NAME = "client.log"
"""In the state folder."""

LOG_BYTES = 1_000_000
"""A longer log file is renamed, and the one before it is deleted."""

FIRST_DELAY = 0.5
"""Seconds until a failed task is started again; the delay doubles with each failure in a row."""

LONGEST_DELAY = 30.0
"""Seconds. A task that has run for so long is taken for healthy: its next failure is a first one again."""

T = TypeVar("T")

log = logging.getLogger("chatroom.client")

_observers: list[Callable[[BaseException], None]] = []


class _SafeFormatter(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        return safe_text(super().format(record), lines=True)


class _LogFile(logging.handlers.RotatingFileHandler):
    """Made when there is something to write, and readable by its owner alone."""

    def __init__(self, path: Path) -> None:
        super().__init__(path, maxBytes=LOG_BYTES, backupCount=1, encoding="utf-8", delay=True)
        self.setFormatter(_SafeFormatter("%(asctime)s %(levelname)s %(name)s: %(message)s"))

    def _open(self) -> Any:
        path = Path(self.baseFilename)
        files.make_folder(path.parent)
        files.make_private_file(path)
        return super()._open()

    def handleError(self, record: logging.LogRecord) -> None:
        pass  # a disk that takes no log is no reason to stop


def log_path() -> Path:
    return files.state_folder() / LOG_NAME


def log_to_file() -> None:
    """Write the log of the whole process to the user's state folder, and nothing of it on the terminal."""
    logging.getLogger().addHandler(_LogFile(log_path()))


def observe(failed: Callable[[BaseException], None]) -> Callable[[], None]:
    """Tell ``failed`` of each unexpected exception, on the loop. Returns what ends this."""
    _observers.append(failed)
    return lambda: _observers.remove(failed) if failed in _observers else None


def report(error: BaseException, where: str) -> None:
    """Log an unexpected exception and tell the observers. MUST be called on the loop."""
    log.error("%s failed: %s", where, type(error).__name__, exc_info=error)
    for failed in list(_observers):
        try:
            failed(error)
        except Exception:
            log.exception("an error could not be shown")


def facts_of(error: BaseException) -> dict[str, object]:
    """What the words ``internal_error`` are filled in with."""
    return {"reason": f"{type(error).__name__}: {error}"[:200], "file": str(log_path())}


def report_loop_error(loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
    """The loop's exception handler: a callback or a forgotten task failed."""
    report(context.get("exception") or RuntimeError(context["message"]), str(context["message"]))


def start(work: Coroutine[Any, Any, T], *, expected: tuple[type[Exception], ...] = ()) -> "asyncio.Task[T]":
    """Run a coroutine as a task. An exception that is not ``expected`` is reported, and raised where the task
    is awaited.
    """
    task = asyncio.create_task(work)

    def ended(task: "asyncio.Task[T]") -> None:
        error = None if task.cancelled() else task.exception()
        if error is not None and not isinstance(error, expected):
            report(error, _name(work))

    task.add_done_callback(ended)
    return task


def keep_running(
    work: Callable[[], Coroutine[Any, Any, None]], delay: float = FIRST_DELAY
) -> "asyncio.Task[None]":
    """Run what the client cannot do without: after an exception it is reported and started again, and ends
    only when it returns or the task is cancelled.
    """
    return start(_keep_running(work, delay))


async def _keep_running(work: Callable[[], Coroutine[Any, Any, None]], first_delay: float) -> None:
    delay = first_delay
    while True:
        began = time.monotonic()
        try:
            await work()
            return
        except Exception as error:
            report(error, getattr(getattr(work, "func", work), "__qualname__", "a task"))
        if time.monotonic() - began > LONGEST_DELAY:
            delay = first_delay
        await asyncio.sleep(delay)
        delay = min(2 * delay, LONGEST_DELAY)


def start_thread(work: Callable[[], None], failed: Callable[[], None]) -> threading.Thread:
    """Run ``work`` on a daemon thread. After an exception it is reported and ``failed`` is called, both on
    the loop.
    """
    loop = asyncio.get_running_loop()

    def fail(error: Exception) -> None:
        report(error, work.__qualname__)
        failed()

    def run() -> None:
        try:
            work()
        except Exception as error:
            if not loop.is_closed():
                loop.call_soon_threadsafe(fail, error)

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    return thread


def _name(work: Coroutine[Any, Any, Any]) -> str:
    return getattr(work, "__qualname__", "a task")
