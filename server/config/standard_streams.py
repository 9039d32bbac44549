"""Standard streams that may be closed, full or unread without stopping the process."""

import io
import os
import queue
import select
import sys
import threading

MAX_LINES = 10_000
"""Maximum number of waiting lines. More are dropped and counted, so that the log never blocks the event
loop."""

FLUSH_TIMEOUT = 1.0
"""Seconds to wait for unwritten lines at the end."""


def set_up() -> None:
    """Replace closed standard streams by ``/dev/null``. Otherwise the next opened file, such as a database or
    a socket, would get their descriptor. Characters that a terminal cannot show become escapes.
    """
    for descriptor, name, mode in ((0, "stdin", "r"), (1, "stdout", "w"), (2, "stderr", "w")):
        if not _is_open(descriptor):
            discard(descriptor)
        if getattr(sys, name) is None:
            # The stream stays open as long as the process runs.
            setattr(sys, name, open(descriptor, mode, encoding="utf-8", closefd=False))  # noqa: SIM115
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")


def discard(descriptor: int) -> None:
    """Redirect a descriptor to ``/dev/null``."""
    null = os.open(os.devnull, os.O_RDWR)
    if null != descriptor:
        os.dup2(null, descriptor)
        os.close(null)


def _is_open(descriptor: int) -> bool:
    try:
        os.fstat(descriptor)
    except OSError:
        return False
    return True


class LineWriter:
    """Writes lines to a descriptor in a thread, so that a stalled reader blocks only that thread.

    The queue is bounded; the number of dropped lines is written once there is room again.
    """

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        self._lines: queue.Queue[str] = queue.Queue(MAX_LINES)
        self._dropped = 0
        self._starting = threading.Lock()
        self._started = False

    def write(self, line: str) -> None:
        """Queue a line. Never blocks, never raises."""
        try:
            self._lines.put_nowait(line)
        except queue.Full:
            self._dropped += 1
        if not self._started:
            self._start()

    def flush(self, within: float = FLUSH_TIMEOUT) -> None:
        """Wait until all lines are written, at most ``within`` seconds."""
        with self._lines.all_tasks_done:
            self._lines.all_tasks_done.wait_for(lambda: not self._lines.unfinished_tasks, within)

    def _start(self) -> None:
        with self._starting:
            if self._started:
                return
            try:
                threading.Thread(target=self._run, name="log", daemon=True).start()
                self._started = True
            except RuntimeError:  # no more threads available
                self._write_next()

    def _run(self) -> None:
        while True:
            self._write_next()

    def _write_next(self) -> None:
        self._write(self._lines.get())
        if self._lines.empty() and self._dropped:
            dropped, self._dropped = self._dropped, 0
            self._write(f"{dropped} lines were dropped: they were not read in time")
        self._lines.task_done()

    def _write(self, line: str) -> None:
        """Write a line. If the descriptor fails, the line is lost: there is no place to report it."""
        data = f"{line}\n".encode(errors="backslashreplace")
        try:
            while data:
                try:
                    data = data[os.write(self._descriptor, data) :]
                except BlockingIOError:
                    select.select([], [self._descriptor], [], 1.0)
        except (OSError, ValueError):
            return
