"""The standard streams of a process that has to go on whatever becomes of them: closed, full, or read by no
process.
"""

import io
import os
import queue
import select
import sys
import threading

MOST_LINES = 10_000
"""That wait to be written. What comes beyond is dropped and counted: no log may stop the event loop."""

FLUSH_WITHIN = 1.0
"""Seconds to wait at the end for what is still to be written."""


def set_up() -> None:
    """Put ``/dev/null`` in the place of closed standard streams: else the next file that is opened, a
    database or a socket, would be standard output or error. Characters that a terminal lacks become escapes.
    """
    for descriptor, name, mode in ((0, "stdin", "r"), (1, "stdout", "w"), (2, "stderr", "w")):
        if not _is_open(descriptor):
            discard(descriptor)
        if getattr(sys, name) is None:
            setattr(sys, name, open(descriptor, mode, encoding="utf-8", closefd=False))  # noqa: SIM115
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")


def discard(descriptor: int) -> None:
    """From now on ``/dev/null`` is behind this descriptor."""
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
    """Writes lines to a descriptor on a thread of its own, so that a reader that stalls stops that alone.

    What waits is bounded; how many lines were dropped is told once there is room again.
    """

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        self._lines: queue.Queue[str] = queue.Queue(MOST_LINES)
        self._dropped = 0
        self._starting = threading.Lock()
        self._started = False

    def write(self, line: str) -> None:
        """Have a line written soon. Never waits, never raises."""
        try:
            self._lines.put_nowait(line)
        except queue.Full:
            self._dropped += 1
        if not self._started:
            self._start()

    def flush(self, within: float = FLUSH_WITHIN) -> None:
        """Wait until all is written, but not for long."""
        with self._lines.all_tasks_done:
            self._lines.all_tasks_done.wait_for(lambda: not self._lines.unfinished_tasks, within)

    def _start(self) -> None:
        with self._starting:
            if self._started:
                return
            try:
                threading.Thread(target=self._run, name="log", daemon=True).start()
                self._started = True
            except RuntimeError:  # the system gives no more threads
                self._write_next()

    def _run(self) -> None:
        while True:
            self._write_next()

    def _write_next(self) -> None:
        self._write(self._lines.get())
        if self._lines.empty() and self._dropped:
            dropped, self._dropped = self._dropped, 0
            self._write(f"{dropped} lines were dropped here: they were not read in time")
        self._lines.task_done()

    def _write(self, line: str) -> None:
        """What the descriptor does not take is lost: there is nowhere to tell of it."""
        data = f"{line}\n".encode(errors="backslashreplace")
        try:
            while data:
                try:
                    data = data[os.write(self._descriptor, data) :]
                except BlockingIOError:
                    select.select([], [self._descriptor], [], 1.0)
        except (OSError, ValueError):
            return
