"""The server's log, on standard error. Everything in it passes through ``protocol.safe``.

So no peer can write a line of the log, or make a terminal that shows it do anything, whatever a module logs.
"""

import logging
from textwrap import indent
from types import TracebackType

from chatroom.protocol.safe import safe_text
from chatroom.protocol.values import format_time
from chatroom.server.config.standard_streams import LineWriter

SysExcInfo = tuple[type[BaseException], BaseException, TracebackType | None] | tuple[None, None, None]
STANDARD_ERROR = 2
FORMAT = "%(asctime)s %(levelname)s %(name)s: %(message)s"


class SafeFormatter(logging.Formatter):
    """One line a record. A traceback stands below, indented, so that nothing in it passes for a record."""

    def __init__(self) -> None:
        super().__init__(FORMAT)

    def formatTime(self, record: logging.LogRecord, datefmt: str | None = None) -> str:
        return format_time(int(record.created * 1000))

    def formatMessage(self, record: logging.LogRecord) -> str:
        return safe_text(super().formatMessage(record))

    def formatException(self, ei: SysExcInfo) -> str:
        return indent(safe_text(super().formatException(ei), lines=True), "    ")


class LineHandler(logging.Handler):
    """Hands each record, as text, to a thread that writes it: logging never waits for a reader."""

    def __init__(self, lines: LineWriter) -> None:
        super().__init__()
        self._lines = lines
        self.setFormatter(SafeFormatter())

    def emit(self, record: logging.LogRecord) -> None:
        try:
            self._lines.write(self.format(record))
        except Exception:
            self.handleError(record)

    def flush(self) -> None:
        self._lines.flush()


errors = LineWriter(STANDARD_ERROR)
"""Lines on standard error: the log, and what is announced there."""


def set_up_logging(level: str) -> None:
    """Send the log to standard error, from this level (``debug`` … ``error``) on."""
    handler = LineHandler(errors)
    logging.basicConfig(level=level.upper(), handlers=[handler], force=True)
    logging.getLogger("alembic").setLevel(
        logging.WARNING
    )  # how a migration goes is no news while it goes well
    # A connection of the pool that broke is told of by whoever was using it; the pool adds a traceback.
    logging.getLogger("sqlalchemy.pool").setLevel(logging.CRITICAL)
    logging.raiseExceptions = False  # a log that cannot be written is no reason to write about it
