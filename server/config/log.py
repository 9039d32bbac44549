"""The server's log, on standard error. All records pass through ``protocol.safe``, so no peer can forge a
line of the log or send control sequences to a terminal that shows it.
"""

import json
import logging
from collections.abc import Mapping
from textwrap import indent
from types import TracebackType

from chatroom.protocol.safe import json_text, safe_text
from chatroom.protocol.values import format_time
from chatroom.server.config.standard_streams import LineWriter

SysExcInfo = tuple[type[BaseException], BaseException, TracebackType | None] | tuple[None, None, None]
STANDARD_ERROR = 2
FORMAT = "%(asctime)s %(levelname)s %(name)s: %(message)s"


class SafeFormatter(logging.Formatter):
    """Formats a record as one line. A traceback follows indented, so that no line of it looks like a
    record."""

    def __init__(self) -> None:
        super().__init__(FORMAT)

    def formatTime(self, record: logging.LogRecord, datefmt: str | None = None) -> str:
        return format_time(int(record.created * 1000))

    def formatMessage(self, record: logging.LogRecord) -> str:
        return safe_text(super().formatMessage(record))

    def formatException(self, ei: SysExcInfo) -> str:
        return indent(safe_text(super().formatException(ei), lines=True), "    ")


class JsonFormatter(SafeFormatter):
    """Formats a record as an object on one line: time, level and logger, then the event and its fields or the
    message, and the traceback."""

    def format(self, record: logging.LogRecord) -> str:
        entry: dict[str, object] = {
            "time": self.formatTime(record),
            "level": record.levelname,
            "logger": record.name,
        }
        if event := getattr(record, "event", None):
            entry |= {"event": event, **getattr(record, "fields", {})}
        else:
            entry["message"] = record.getMessage()
        if record.exc_info:
            entry["exception"] = logging.Formatter.formatException(self, record.exc_info)
        return json_line(entry)


FORMATTERS = {"text": SafeFormatter, "json": JsonFormatter}


def json_line(entry: Mapping[str, object]) -> str:
    """Return an object on one line, without anything that a terminal executes."""
    return json_text(json.dumps(entry, ensure_ascii=False, separators=(",", ":"), default=str))


class LineHandler(logging.Handler):
    """Passes each record to a thread that writes it, so that logging never blocks."""

    def __init__(self, lines: LineWriter, formatter: logging.Formatter) -> None:
        super().__init__()
        self._lines = lines
        self.setFormatter(formatter)

    def emit(self, record: logging.LogRecord) -> None:
        try:
            self._lines.write(self.format(record))
        except Exception:
            self.handleError(record)

    def flush(self) -> None:
        self._lines.flush()


errors = LineWriter(STANDARD_ERROR)
"""Writes to standard error: the log and the invitation."""


def set_level(level: str) -> None:
    """Log from this level up."""
    logging.getLogger().setLevel(level.upper())


def set_up_logging(level: str, format: str = "text") -> None:
    """Log to standard error, from this level (``debug`` … ``error``) up, in one of ``FORMATTERS``."""
    handler = LineHandler(errors, FORMATTERS[format]())
    logging.basicConfig(level=level.upper(), handlers=[handler], force=True)
    logging.getLogger("alembic").setLevel(logging.WARNING)  # no progress messages of migrations
    # The user of a broken connection logs the error; the pool would add a traceback.
    logging.getLogger("sqlalchemy.pool").setLevel(logging.CRITICAL)
    logging.raiseExceptions = False  # do not report errors of logging itself
