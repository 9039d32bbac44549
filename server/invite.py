"""The command ``chat-server invite``: what to send to somebody who is to join.

Where the server is, the settings tell, if they are those that it has. An invitation that also lets somebody
in holds a code, which the server makes: the one that runs, or else this command on its database, as for
``chat-server admin``.
"""

import argparse
import os
from collections.abc import Callable, Sequence

from protocol import labels
from server import orders
from server.admin import obey
from server.app import CannotStart
from server.codes import DAYS, USES
from server.config import Config
from server.flags import Parser, add_settings, complain
from server.orders import Failed
from server.place import Place
from server.sources import Misconfigured, load
from server.tls import BadCertificate, prepare

FLAGS = (
    ("--host", "host", "HOST"),
    ("--port", "port", "PORT"),
    ("--data", "data", "DIR"),
    ("--database", "database.url", "URL"),
)

MOST_USES = 10_000
MOST_DAYS = 3650


class NoCode(Exception):
    """There will be none. Says why in one sentence."""


def run(arguments: Sequence[str]) -> int:
    """The command with these arguments; its exit code."""
    flags = _parser().parse_args(arguments)
    room = labels.room_name(flags.room)
    try:
        config = load(dict(flags.settings), os.environ, flags.config).config
    except Misconfigured as error:
        return complain(str(error), code=2)
    try:
        place = _place(config)
        if not place.port:
            return complain("a server on any free port tells its invitation at its start", code=2)
        wanted = flags.uses or flags.days or config.accounts.registration == "invited"
        code = _code(config, room, flags.uses or USES, flags.days or DAYS) if wanted else ""
    except (BadCertificate, CannotStart, NoCode) as error:
        return complain(str(error), code=1)
    except OSError as error:
        return complain(f"cannot reach the server in {config.data}: {error.strerror or error}", code=1)
    print(f"chat-client {place.invitation(room, code)}")
    return 0


def _place(config: Config) -> Place:
    """Where a server with this configuration listens. Raises ``BadCertificate``."""
    tls = prepare(config)
    return Place(config.host, config.port, tls.fingerprint if tls else "")


def _code(config: Config, room: str, uses: int, days: int) -> str:
    """Raises ``NoCode``, and what ``obey`` raises."""
    answer = obey(config, orders.Invite(room, uses, days))
    if isinstance(answer, Failed):
        raise NoCode(answer.reason)
    return answer.lines[0]


def _parser() -> argparse.ArgumentParser:
    parser = Parser(
        prog="chat-server invite",
        description="Print what somebody types to join the server with these settings. With --uses or --days,"
        " and where an account takes an invitation, it also lets them in, to a private room or one with a"
        " password too, and is to be kept as secret as a password.",
        epilog="--host is also the name to be reached by, where others know this machine under another one.",
        allow_abbrev=False,
    )
    parser.add_argument("room", nargs="?", default="", metavar="ROOM", help="lead straight into this room")
    uses = f"let so many people in (else {USES})"
    parser.add_argument("--uses", type=_up_to(MOST_USES), metavar="N", help=uses)
    parser.add_argument("--days", type=_up_to(MOST_DAYS), metavar="D", help=f"for so long (else {DAYS})")
    add_settings(parser, FLAGS)
    return parser


def _up_to(most: int) -> Callable[[str], int]:
    def read(text: str) -> int:
        if not (text.isdecimal() and 1 <= int(text) <= most):
            raise argparse.ArgumentTypeError(f"{text!r} is not a number from 1 to {most}")
        return int(text)

    return read
