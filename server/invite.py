"""The command ``chat-server invite``: what to send to somebody who is to join, made from the settings alone.

It need not reach the running server; but it has to be given the same settings.
"""

import argparse
import os
from collections.abc import Sequence

from server.config import Config
from server.flags import Parser, add_settings, complain
from server.place import Place
from server.sources import Misconfigured, load
from server.tls import BadCertificate, prepare

FLAGS = (
    ("--host", "host", "HOST"),
    ("--port", "port", "PORT"),
    ("--data", "data", "DIR"),
)


def run(arguments: Sequence[str]) -> int:
    """The command with these arguments; its exit code."""
    flags = _parser().parse_args(arguments)
    try:
        config = load(dict(flags.settings), os.environ, flags.config).config
        place = _place(config)
    except Misconfigured as error:
        return complain(str(error), code=2)
    except BadCertificate as error:
        return complain(str(error), code=1)
    if not place.port:
        return complain("a server on any free port tells its invitation at its start", code=2)
    print(f"chat-client {place.invitation(flags.room.removeprefix('#'))}")
    return 0


def _place(config: Config) -> Place:
    """Where a server with this configuration listens. Raises ``BadCertificate``."""
    tls = prepare(config)
    return Place(config.host, config.port, tls.fingerprint if tls else "")


def _parser() -> argparse.ArgumentParser:
    parser = Parser(
        prog="chat-server invite",
        description="Print what somebody types to join the server with these settings.",
        epilog="--host is also the name to be reached by, where others know this machine under another one.",
        allow_abbrev=False,
    )
    parser.add_argument("room", nargs="?", default="", metavar="ROOM", help="lead straight into this room")
    add_settings(parser, FLAGS)
    return parser
