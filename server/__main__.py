"""The command ``chat-server``: flags in, a running server out. Its counterpart is ``app``, which is the
server.

Whatever keeps it from starting is told in one line on standard error, and the exit code is not 0.
"""

import argparse
import asyncio
import logging
import os
import sys
from collections.abc import Sequence
from functools import partial
from importlib.metadata import version
from pathlib import Path
from typing import NoReturn

from protocol.safe import safe
from server import log
from server.app import CannotStart, serve
from server.config import SETTINGS
from server.sources import Loaded, Misconfigured, describe, load
from server.tls import BadCertificate

if sys.platform == "win32":  # there is no uvloop
    from asyncio import new_event_loop
else:
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


def main() -> None:
    sys.exit(run(sys.argv[1:]))


def run(arguments: Sequence[str]) -> int:
    """The command with these arguments; its exit code."""
    flags = _parser().parse_args(arguments)
    try:
        loaded = load(dict(flags.settings), os.environ, flags.config)
    except Misconfigured as error:
        return _complain(str(error), code=2)
    if flags.show_config:
        print(describe(loaded))
        return 0
    return _serve(loaded)


def _serve(loaded: Loaded) -> int:
    log.set_up(loaded.config.log_level)
    for variable in loaded.idle:
        logging.getLogger(__name__).warning("%s in the environment is no setting", variable)
    try:
        with asyncio.Runner(loop_factory=new_event_loop) as runner:
            runner.run(serve(loaded.config, announce=partial(print, flush=True)))
    except (CannotStart, BadCertificate) as error:
        return _complain(str(error), code=1)
    except OSError as error:
        return _complain(f"{error.filename}: {error.strerror}" if error.filename else str(error), code=1)
    except KeyboardInterrupt:  # before the server listened to signals
        pass
    return 0


def _complain(sentence: str, code: int) -> int:
    print(f"chat-server: {safe(sentence)}", file=sys.stderr)
    return code


class _Parser(argparse.ArgumentParser):
    """One that says in one line what is wrong."""

    def error(self, message: str) -> NoReturn:
        sys.exit(_complain(f"{message}; see --help", code=2))


def _parser() -> argparse.ArgumentParser:
    """What sets something goes into ``settings`` as (name, value); of two for one name the last counts."""
    parser = _Parser(
        prog="chat-server",
        description="Serve a chat room: without flags, to this machine, and with everything in one folder.",
        epilog="Every setting there is can be given by --set, the environment or a file: see --show-config.",
        allow_abbrev=False,
    )
    parser.add_argument("--version", action="version", version=f"chatroom {version('chatroom')}")
    parser.add_argument(
        "--show-config", action="store_true", help="tell every setting and where it came from"
    )
    parser.add_argument("--config", type=Path, metavar="FILE", help="read settings from a TOML file")
    parser.set_defaults(settings=[])
    setting = partial(parser.add_argument, dest="settings")
    setting("--set", action="append", type=_pair, metavar="KEY=VALUE", help="any setting, by its name")
    for flag, name, value in FLAGS:
        setting(flag, action="append", type=partial(_named, name), metavar=value, help=SETTINGS[name].purpose)
    _add_encryption(parser)
    return parser


def _add_encryption(parser: argparse.ArgumentParser) -> None:
    """The three that exclude each other. Without any it depends on the address: see ``Config.encrypted``."""
    setting = partial(parser.add_mutually_exclusive_group().add_argument, dest="settings")
    setting(
        "--tls-cert",
        action="append",
        type=partial(_named, "tls.cert"),
        metavar="FILE",
        help=SETTINGS["tls.cert"].purpose,
    )
    setting("--tls", action="append_const", const=("tls.mode", "on"), help="encrypt, on this machine too")
    setting("--insecure", action="append_const", const=("tls.mode", "off"), help="never encrypt")


def _named(name: str, value: str) -> tuple[str, str]:
    return name, value


def _pair(text: str) -> tuple[str, str]:
    name, equals, value = text.partition("=")
    if not (name and equals):
        raise argparse.ArgumentTypeError(f"{text!r} is not of the form KEY=VALUE")
    return name, value


if __name__ == "__main__":
    main()
