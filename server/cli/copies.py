"""The commands ``chat-server backup``, ``restore`` and ``move``: copies of the whole database."""

import argparse
import logging
import os
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from sqlalchemy import URL

from chatroom.db.archive import transfer
from chatroom.db.archive.transfer import CopyReport
from chatroom.db.engine import normalise_url
from chatroom.db.errors import DatabaseUnusable
from chatroom.protocol import RELEASE
from chatroom.protocol.values import now_milliseconds
from chatroom.server.cli.arguments import OneLineParser, add_settings, print_error
from chatroom.server.config import log
from chatroom.server.config.loader import ConfigurationError, load_config

FLAGS = (("--data", "data", "DIR"), ("--database", "database.url", "URL"))

FROM_PASSWORD, TO_PASSWORD = "CHAT_FROM_PASSWORD", "CHAT_TO_PASSWORD"
"""Environment variables for the passwords of ``move``."""

TERMINAL_SECONDS, LOG_SECONDS = 0.2, 5.0
"""Intervals of the progress: on a terminal one line is rewritten, else there is a line for each."""


class ProgressPrinter:
    """Prints the progress of a copy on standard error."""

    def __init__(self) -> None:
        self._began = time.monotonic()
        self._on_terminal = sys.stderr.isatty()
        self._next = self._began + (TERMINAL_SECONDS if self._on_terminal else LOG_SECONDS)

    def show_progress(self, done: int, all_rows: int) -> None:
        now = time.monotonic()
        if now < self._next:
            return
        self._next = now + (TERMINAL_SECONDS if self._on_terminal else LOG_SECONDS)
        share, rate = 100 * done // max(all_rows, 1), done / (now - self._began)
        line = f"{share} %: {done:,} of {all_rows:,} rows, {rate:,.0f}/s"
        print(f"\r\x1b[K{line}" if self._on_terminal else line, end="" if self._on_terminal else "\n",
              file=sys.stderr, flush=True)  # fmt: skip

    def end_line(self) -> None:
        if self._on_terminal:
            print("\r\x1b[K", end="", file=sys.stderr, flush=True)


def run_backup(arguments: Sequence[str]) -> int:
    """Run ``chat-server backup`` and return its exit code."""
    flags = build_backup_parser().parse_args(arguments)
    return _run_copy(
        lambda printer: transfer.back_up(
            _configured_url(flags),
            flags.file,
            release=RELEASE,
            now=now_milliseconds(),
            progress=printer.show_progress,
        ),
        f"wrote {flags.file}",
    )


def run_restore(arguments: Sequence[str]) -> int:
    """Run ``chat-server restore`` and return its exit code."""
    flags = build_restore_parser().parse_args(arguments)
    return _run_copy(
        lambda printer: transfer.restore(flags.file, _configured_url(flags), printer.show_progress),
        f"restored {flags.file}",
    )


def run_move(arguments: Sequence[str]) -> int:
    """Run ``chat-server move`` and return its exit code."""
    flags = build_move_parser().parse_args(arguments)
    return _run_copy(
        lambda printer: transfer.move(
            normalise_url(flags.source, os.environ.get(FROM_PASSWORD)),
            normalise_url(flags.target, os.environ.get(TO_PASSWORD)),
            progress=printer.show_progress,
        ),
        "moved",
    )


def build_backup_parser() -> argparse.ArgumentParser:
    parser = _build_parser(
        "backup", "Write all data to a file, while the server runs or not. Restore it into SQLite or MySQL."
    )
    parser.add_argument("file", type=Path, metavar="FILE", help="new file")
    add_settings(parser, FLAGS)
    return parser


def build_restore_parser() -> argparse.ArgumentParser:
    parser = _build_parser("restore", "Write a backup to an empty database: SQLite or MySQL.")
    parser.add_argument("file", type=Path, metavar="FILE", help="backup")
    add_settings(parser, FLAGS)
    return parser


def build_move_parser() -> argparse.ArgumentParser:
    parser = _build_parser(
        "move",
        "Copy a database to an empty one, between SQLite, MySQL and MariaDB. Stop the server first. The"
        " source is not changed. An interrupted run continues when the command is run again.",
        f"Passwords can also be in {FROM_PASSWORD} and {TO_PASSWORD}.",
    )
    parser.add_argument("source", metavar="FROM", help="URL of the database to copy")
    parser.add_argument("target", metavar="TO", help="URL of the empty database")
    return parser


def _build_parser(name: str, description: str, epilog: str | None = None) -> argparse.ArgumentParser:
    return OneLineParser(
        prog=f"chat-server {name}", description=description, epilog=epilog, allow_abbrev=False
    )


def _configured_url(flags: argparse.Namespace) -> URL:
    """Return the URL of the database of a server with these flags. Raises ``ConfigurationError``."""
    config = load_config(dict(flags.settings), os.environ, flags.config).config
    return normalise_url(config.database_url, config.database.password or None)


def _run_copy(copy: Callable[[ProgressPrinter], CopyReport], done: str) -> int:
    log.set_up_logging("error")
    printer = ProgressPrinter()
    try:
        report = copy(printer)
    except ConfigurationError as error:
        return print_error(str(error), code=2)
    except DatabaseUnusable as error:
        printer.end_line()
        return print_error(str(error), code=1)
    except OSError as error:
        printer.end_line()
        reason = error.strerror or str(error)
        return print_error(f"{error.filename}: {reason}" if error.filename else reason, code=1)
    except Exception as error:
        printer.end_line()
        logging.getLogger(__name__).debug("the copy failed", exc_info=True)
        return print_error(f"the copy failed: {str(error) or type(error).__name__}", code=1)
    printer.end_line()
    print(f"{done}: {_describe(report)}")
    return 0


def _describe(report: CopyReport) -> str:
    counts = [f"{report.rows[name]:,} {name}" for name in ("accounts", "rooms", "messages")]
    return f"{', '.join(counts)}; checksum {report.checksum}"
