"""The command ``chat-server``. ``app`` is the server; ``chat-server admin`` and ``chat-server invite`` are in
``cli``.

An error at the start is one line on standard error, and the exit code is not 0.
"""

import signal
import sys

IS_PROGRAM = __name__ == "__main__" or sys.argv[0].endswith("chat-server")
if IS_PROGRAM and all(word.startswith("-") for word in sys.argv[1:2]):  # not for chat-server admin, …
    signal.signal(signal.SIGHUP, signal.SIG_IGN)  # before the other imports, which take a while

import argparse
import asyncio
import gc
import logging
import os
import threading
from collections.abc import Callable, Sequence
from functools import partial

from uvloop import new_event_loop

from chatroom.protocol import RELEASE
from chatroom.server.app import ServerFailed, serve_until_stopped
from chatroom.server.cli import admin, copies, doctor, invite, workers
from chatroom.server.cli.arguments import OneLineParser, add_settings, print_error, setting_pair
from chatroom.server.cluster.nats_bus import ClusterUnusable
from chatroom.server.config import log, standard_streams
from chatroom.server.config.endpoint import ServerEndpoint
from chatroom.server.config.loader import ConfigurationError, LoadedConfig, describe_config, load_config
from chatroom.server.config.settings import SETTINGS, ServerConfig
from chatroom.server.net.tls import CertificateError
from chatroom.server.preparation import StartError

FLAGS = (
    ("--host", "host", "HOST"),
    ("--port", "port", "PORT"),
    ("--listen", "listen", "ADDRESS,…"),
    ("--data", "data", "DIR"),
    ("--database", "database.url", "URL"),
    ("--http", "http.listen", "ADDRESS"),
    ("--cluster", "cluster.url", "URL"),
    ("--workers", "workers", "N"),
    ("--tls-key", "tls.key", "FILE"),
    ("--log-level", "log_level", "LEVEL"),
    ("--log-format", "log_format", "FORMAT"),
)
"""Settings with a flag: the flag, the name of the setting, and the metavar of its value."""

COMMANDS = {
    "admin": admin.run_command,
    "backup": copies.run_backup,
    "doctor": doctor.run_command,
    "invite": invite.run_command,
    "move": copies.run_move,
    "restore": copies.run_restore,
}
"""Each takes the arguments after its name and returns the exit code."""

GC_THRESHOLD = 50_000
"""New objects between two garbage collections. Messages create dozens of objects, hardly any in cycles; with
Python's default of 700 a busy server spends a tenth of its time in collections. Objects from imports are
frozen."""


output = standard_streams.LineWriter(1)
"""Writes to standard output."""


def main() -> None:
    standard_streams.set_up()
    code = _run_and_flush()
    log.errors.flush()
    output.flush()
    try:
        sys.stderr.flush()
    except OSError:
        standard_streams.discard(sys.stderr.fileno())  # else Python would change the exit code
    if any(thread is not threading.main_thread() and not thread.daemon for thread in threading.enumerate()):
        os._exit(code)  # a hanging thread must not keep the process alive
    sys.exit(code)


def _run_and_flush() -> int:
    """Run the command and return its exit code, also if standard output fails."""
    try:
        code = run_command(sys.argv[1:])
        sys.stdout.flush()
    except OSError as error:
        standard_streams.discard(sys.stdout.fileno())
        return print_error(f"cannot write to standard output: {error.strerror}", code=1)
    except KeyboardInterrupt:
        return 130
    except SystemExit as end:  # --help, or invalid flags
        return end.code if isinstance(end.code, int) else 0
    return code


def run_command(arguments: Sequence[str]) -> int:
    """Run the command and return its exit code."""
    if arguments and arguments[0] in COMMANDS:
        return COMMANDS[arguments[0]](arguments[1:])
    flags = _build_parser().parse_args(arguments)
    try:
        loaded = load_config(dict(flags.settings), os.environ, flags.config)
    except ConfigurationError as error:
        return print_error(str(error), code=2)
    if flags.show_config:
        print(describe_config(loaded))
        return 0
    reload = partial(load_config, dict(flags.settings), os.environ, flags.config)
    return _run_server(loaded, lambda: reload().config, arguments)


def _run_server(loaded: LoadedConfig, reload: Callable[[], ServerConfig], arguments: Sequence[str]) -> int:
    log.set_up_logging(loaded.config.log_level, loaded.config.log_format)
    gc.freeze()
    gc.set_threshold(GC_THRESHOLD)
    signal.signal(signal.SIGHUP, signal.SIG_IGN)  # until the server installs its handler
    place = workers.worker_place(dict(os.environ))
    for variable in loaded.idle if place is None else ():
        logging.getLogger(__name__).warning("%s in the environment is not a setting", variable)
    try:
        if loaded.config.workers > 1 and place is None:
            return asyncio.run(workers.supervise_workers(loaded.config, arguments))
        announce = partial(_print_listening if place is None else _tell_supervisor, loaded.config)
        with asyncio.Runner(loop_factory=new_event_loop) as runner:
            runner.run(serve_until_stopped(loaded.config, announce, reload, place))
    except (StartError, ServerFailed, CertificateError, ClusterUnusable) as error:
        return print_error(str(error), code=1)
    except OSError as error:
        return print_error(f"{error.filename}: {error.strerror}" if error.filename else str(error), code=1)
    except Exception as error:
        logging.getLogger(__name__).debug("the start failed", exc_info=True)
        return print_error(f"cannot start: {str(error) or type(error).__name__}", code=1)
    except KeyboardInterrupt:  # before the server installed its signal handlers
        pass
    return 0


def _print_listening(config: ServerConfig, endpoint: ServerEndpoint, code: str) -> None:
    """Print the invitation and the address, without blocking if nothing reads them."""
    if line := _invitation_line(config, endpoint, code):
        log.errors.write(line)
        log.errors.flush()
    for each in (endpoint, *endpoint.others):
        output.write(str(each))


def _tell_supervisor(config: ServerConfig, endpoint: ServerEndpoint, code: str) -> None:
    """Print the same for the supervisor of this worker, which prints it once for all, and an empty line."""
    for line in (_invitation_line(config, endpoint, code), endpoint, *endpoint.others):
        if line:
            output.write(str(line))
    output.write("")


def _invitation_line(config: ServerConfig, endpoint: ServerEndpoint, code: str) -> str:
    """Return the line with the invitation; empty if other machines cannot reach this server."""
    reachable = endpoint.reachable()
    if reachable is None:
        return ""
    command = f"chat-client {reachable.invitation(code=code)}"
    return log.json_line({"join_with": command}) if config.log_format == "json" else f"join with: {command}"


def _build_parser() -> argparse.ArgumentParser:
    parser = OneLineParser(
        prog="chat-server",
        description="Run a chat server. By default it serves only this machine, with all data in one folder.",
        epilog="--show-config lists all settings; set them with --set, the environment or a file."
        " Administration: chat-server admin --help. Invitations: chat-server invite --help."
        " Checks: chat-server doctor --help. Copies: chat-server backup, restore or move --help.",
        allow_abbrev=False,
    )
    parser.add_argument("--version", action="version", version=f"chatroom {RELEASE}")
    parser.add_argument("--show-config", action="store_true", help="print all settings and their sources")
    add_settings(parser, FLAGS)
    _add_encryption(parser)
    return parser


def _add_encryption(parser: argparse.ArgumentParser) -> None:
    """Add three exclusive options. Without any, the address decides: see ``ServerConfig.encrypted``."""
    setting = partial(parser.add_mutually_exclusive_group().add_argument, dest="settings")
    setting(
        "--tls-cert",
        action="append",
        type=partial(setting_pair, "tls.cert"),
        metavar="FILE",
        help=SETTINGS["tls.cert"].purpose,
    )
    setting("--tls", action="append_const", const=("tls.mode", "on"), help="encrypt, on this machine too")
    setting("--insecure", action="append_const", const=("tls.mode", "off"), help="never encrypt")


if __name__ == "__main__":
    main()
