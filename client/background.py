"""Starts the background tasks and threads of the client, so that none of them fails unnoticed.

An unexpected exception is logged and passed to the observers, which show it to the user. An essential task is
restarted after a delay.
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
"""The size at which the log file is rotated. One older file is kept."""

FIRST_DELAY = 0.5
"""Seconds until a failed task is restarted. The delay doubles with each further failure."""

MAX_DELAY = 30.0
"""Seconds. After a task has run for longer than this, the delay starts at ``FIRST_DELAY`` again."""

T = TypeVar("T")

log = logging.getLogger("chatroom.client")

_observers: list[Callable[[BaseException], None]] = []


class _SafeFormatter(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        return safe_text(super().format(record), lines=True)


class _LogFile(logging.handlers.RotatingFileHandler):
    """A log file that is created at the first record and readable by its owner only."""

    def __init__(self, path: Path) -> None:
        super().__init__(path, maxBytes=LOG_BYTES, backupCount=1, encoding="utf-8", delay=True)
        self.setFormatter(_SafeFormatter("%(asctime)s %(levelname)s %(name)s: %(message)s"))

    def _open(self) -> Any:
        path = Path(self.baseFilename)
        files.make_folder(path.parent)
        files.make_private_file(path)
        return super()._open()

    def handleError(self, record: logging.LogRecord) -> None:
        pass  # a full disk must not end the client


def log_path() -> Path:
    return files.state_folder() / LOG_NAME


def log_to_file() -> None:
    """Write the log of the process to the state folder, and not to the terminal."""
    logging.getLogger().addHandler(_LogFile(log_path()))


def observe(observer: Callable[[BaseException], None]) -> Callable[[], None]:
    """Call ``observer`` on the loop for each unexpected exception. Return a function that removes it."""
    _observers.append(observer)
    return lambda: _observers.remove(observer) if observer in _observers else None


def report(error: BaseException, where: str) -> None:
    """Log an unexpected exception and call the observers. MUST be called on the loop."""
    log.error("%s failed: %s", where, type(error).__name__, exc_info=error)
    for observer in list(_observers):
        try:
            observer(error)
        except Exception:
            log.exception("an error could not be shown")


def facts_of(error: BaseException) -> dict[str, object]:
    """Return the parameters of the text ``internal_error``."""
    return {"reason": f"{type(error).__name__}: {error}"[:200], "file": str(log_path())}


def report_loop_error(loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
    """The loop's exception handler: a callback or a task that was never awaited failed."""
    report(context.get("exception") or RuntimeError(context["message"]), str(context["message"]))


def start(work: Coroutine[Any, Any, T], *, expected: tuple[type[Exception], ...] = ()) -> "asyncio.Task[T]":
    """Run a coroutine as a task.

    An exception that is not ``expected`` is reported. Awaiting the task raises any exception.
    """
    task = asyncio.create_task(work)

    def report_failure(task: "asyncio.Task[T]") -> None:
        error = None if task.cancelled() else task.exception()
        if error is not None and not isinstance(error, expected):
            report(error, _name(work))

    task.add_done_callback(report_failure)
    return task


def keep_running(
    work: Callable[[], Coroutine[Any, Any, None]], delay: float = FIRST_DELAY
) -> "asyncio.Task[None]":
    """Run an essential task. After an exception it is reported and restarted.

    It ends when ``work`` returns or the task is cancelled.
    """
    return start(_keep_running(work, delay))


async def _keep_running(work: Callable[[], Coroutine[Any, Any, None]], first_delay: float) -> None:
    delay = first_delay
    while True:
        started = time.monotonic()
        try:
            await work()
            return
        except Exception as error:
            report(error, getattr(getattr(work, "func", work), "__qualname__", "a task"))
        if time.monotonic() - started > MAX_DELAY:
            delay = first_delay
        await asyncio.sleep(delay)
        delay = min(2 * delay, MAX_DELAY)


def start_thread(work: Callable[[], None], failed: Callable[[], None]) -> threading.Thread:
    """Run ``work`` on a daemon thread. An exception is reported, and ``failed`` called, on the loop."""
    loop = asyncio.get_running_loop()

    def report_and_notify(error: Exception) -> None:
        report(error, work.__qualname__)
        failed()

    def run() -> None:
        try:
            work()
        except Exception as error:
            if not loop.is_closed():
                loop.call_soon_threadsafe(report_and_notify, error)

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    return thread


def _name(work: Coroutine[Any, Any, Any]) -> str:
    return getattr(work, "__qualname__", "a task")
