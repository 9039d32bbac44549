"""The command ``chat-server doctor``: check everything that a server with these settings needs.

It changes nothing, and may run while the server does. ``host_checks`` examines this machine,
``db.diagnosis`` the database.
"""

import argparse
import os
from collections.abc import Iterator, Sequence

import msgspec

from chatroom.db.diagnosis import (
    CheckResult,
    CheckStatus,
    check_error,
    check_passed,
    check_warning,
    diagnose_database,
)
from chatroom.protocol.safe import safe_text
from chatroom.server.cli import host_checks
from chatroom.server.cli.arguments import OneLineParser, add_settings
from chatroom.server.config import log
from chatroom.server.config.loader import ConfigurationError, LoadedConfig, load_config

FLAGS = (
    ("--host", "host", "HOST"),
    ("--port", "port", "PORT"),
    ("--data", "data", "DIR"),
    ("--database", "database.url", "URL"),
)


def run_command(arguments: Sequence[str]) -> int:
    """Run the command and return its exit code: 1 if any check failed."""
    flags = _build_parser().parse_args(arguments)
    log.set_up_logging("error")
    results = list(_run_checks(flags))
    failed = any(result.status is CheckStatus.ERROR for result in results)
    print(_as_json(results, ok=not failed) if flags.json else _as_text(results))
    return int(failed)


def _run_checks(flags: argparse.Namespace) -> Iterator[CheckResult]:
    try:
        loaded = load_config(dict(flags.settings), os.environ, flags.config)
    except ConfigurationError as error:
        advice = "correct the flag, the variable or the file; --show-config lists all settings"
        yield check_error("configuration", str(error), advice)
        return
    yield _configuration_result(loaded)
    yield from host_checks.check_host(loaded.config)
    database = loaded.config.database
    yield from diagnose_database(loaded.config.database_url, database.password or None, database.patience)


def _configuration_result(loaded: LoadedConfig) -> CheckResult:
    if loaded.idle:
        message = f"not a setting: {', '.join(loaded.idle)}"
        return check_warning("configuration", message, "correct or remove the environment variable")
    files = sorted({source.place for source in loaded.sources.values() if source.place.startswith("file ")})
    return check_passed("configuration", "valid" + "".join(f", from {file}" for file in files))


def _as_text(results: Sequence[CheckResult]) -> str:
    width = max(len(result.name) for result in results)
    lines = []
    for result in results:
        lines.append(f"{result.status:7}  {result.name:{width}}  {safe_text(result.message)}")
        if result.advice:
            lines.append(f"{'':7}  {'':{width}}  -> {safe_text(result.advice)}")
    return "\n".join(lines)


def _as_json(results: Sequence[CheckResult], *, ok: bool) -> str:
    report = {"ok": ok, "checks": [result._asdict() for result in results]}
    return msgspec.json.encode(report).decode()


def _build_parser() -> argparse.ArgumentParser:
    parser = OneLineParser(
        prog="chat-server doctor",
        description="Check configuration, files, network and database of a server, running or stopped.",
        epilog="Use the same flags as the server. The exit code is 1 if any check failed.",
        allow_abbrev=False,
    )
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    add_settings(parser, FLAGS)
    return parser
