"""The command ``chat-server``: flags in, a running server out. Its counterpart is ``app``, which is the
server; ``chat-server admin`` is in ``admin``, ``chat-server invite`` in ``invite``.

Whatever keeps it from starting is told in one line on standard error, and the exit code is not 0.
"""

import argparse
import asyncio
import gc
import logging
import os
import signal
import sys
import threading
from collections.abc import Sequence
from functools import partial

from chatroom.protocol import RELEASE
from chatroom.server.app import ServerFailed, StartError, serve_until_stopped
from chatroom.server.cli import admin, invite
from chatroom.server.cli.arguments import OneLineParser, add_settings, print_error, setting_pair
from chatroom.server.config import log, standard_streams
from chatroom.server.config.endpoint import ServerEndpoint
from chatroom.server.config.loader import ConfigurationError, LoadedConfig, describe_config, load_config
from chatroom.server.config.settings import SETTINGS
from chatroom.server.net.tls import CertificateError
from uvloop import new_event_loop

FLAGS = (
    ("--host", "host", "HOST"),
    ("--port", "port", "PORT"),
    ("--data", "data", "DIR"),
    ("--database", "database.url", "URL"),
    ("--tls-key", "tls.key", "FILE"),
    ("--log-level", "log_level", "LEVEL"),
)
"""Settings with a flag of their own: it, the setting, and what follows it."""

GARBAGE = 50_000
"""New objects after which garbage is looked for. A message makes dozens, hardly any in a cycle; at Python's
700 a tenth of a busy loop's time goes into looking. What importing has made is not looked at at all."""


output = standard_streams.LineWriter(1)
"""Lines on standard output."""


def main() -> None:
    standard_streams.set_up()
    code = _run_to_the_end()
    log.errors.flush()
    output.flush()
    try:
        sys.stderr.flush()
    except OSError:
        standard_streams.discard(sys.stderr.fileno())  # or the exit code would be that of another failure
    if any(thread is not threading.main_thread() and not thread.daemon for thread in threading.enumerate()):
        os._exit(code)  # all is done, and a thread that hangs must not keep the process
    sys.exit(code)


def _run_to_the_end() -> int:
    """The exit code, also where standard output does not take what is told."""
    try:
        code = run_command(sys.argv[1:])
        sys.stdout.flush()
    except OSError as error:
        standard_streams.discard(sys.stdout.fileno())
        return print_error(f"cannot write to standard output: {error.strerror}", code=1)
    except KeyboardInterrupt:
        return 130
    except SystemExit as end:  # --help, or flags that do not parse
        return end.code if isinstance(end.code, int) else 0
    return code


def run_command(arguments: Sequence[str]) -> int:
    """The command with these arguments; its exit code."""
    if arguments[:1] == ["admin"]:
        return admin.run_command(arguments[1:])
    if arguments[:1] == ["invite"]:
        return invite.run_command(arguments[1:])
    flags = _build_parser().parse_args(arguments)
    try:
        loaded = load_config(dict(flags.settings), os.environ, flags.config)
    except ConfigurationError as error:
        return print_error(str(error), code=2)
    if flags.show_config:
        print(describe_config(loaded))
        return 0
    return _run_server(loaded)


def _run_server(loaded: LoadedConfig) -> int:
    log.set_up_logging(loaded.config.log_level)
    gc.freeze()
    gc.set_threshold(GARBAGE)
    signal.signal(signal.SIGHUP, signal.SIG_IGN)  # until the server has a use for it
    for variable in loaded.idle:
        logging.getLogger(__name__).warning("%s in the environment is no setting", variable)
    try:
        with asyncio.Runner(loop_factory=new_event_loop) as runner:
            runner.run(serve_until_stopped(loaded.config, announce=_print_listening))
    except (StartError, ServerFailed, CertificateError) as error:
        return print_error(str(error), code=1)
    except OSError as error:
        return print_error(f"{error.filename}: {error.strerror}" if error.filename else str(error), code=1)
    except Exception as error:
        logging.getLogger(__name__).debug("the start failed", exc_info=True)
        return print_error(f"cannot start: {str(error) or type(error).__name__}", code=1)
    except KeyboardInterrupt:  # before the server listened to signals
        pass
    return 0


def _print_listening(place: ServerEndpoint, code: str) -> None:
    """A reader that stalls or is gone does not keep the server from serving."""
    log.errors.write(f"join with: chat-client {place.invitation(code=code)}")
    log.errors.flush()
    output.write(str(place))  # the last, for programs that wait until everything is told


def _build_parser() -> argparse.ArgumentParser:
    parser = OneLineParser(
        prog="chat-server",
        description="Serve a chat room: without flags, to this machine, and with everything in one folder.",
        epilog="Every setting there is can be given by --set, the environment or a file: see --show-config."
        " To look after a server: chat-server admin --help. To ask people in: chat-server invite --help.",
        allow_abbrev=False,
    )
    parser.add_argument("--version", action="version", version=f"chatroom {RELEASE}")
    parser.add_argument(
        "--show-config", action="store_true", help="tell every setting and where it came from"
    )
    add_settings(parser, FLAGS)
    _add_encryption(parser)
    return parser


def _add_encryption(parser: argparse.ArgumentParser) -> None:
    """The three that exclude each other. Without any it depends on the address: see ``Config.encrypted``."""
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
