"""The command ``chat-server invite``: what to send to somebody who is to join.

Where the server is, the settings tell, if they are those that it has. An invitation that also lets somebody
in holds a code, which the server makes: the one that runs, or else this command on its database, as for
``chat-server admin``.
"""

import argparse
import os
from collections.abc import Callable, Sequence

from chatroom.protocol import labels
from chatroom.server.admin import ipc
from chatroom.server.admin.ipc import CommandFailed
from chatroom.server.app import StartError
from chatroom.server.auth.invitations import DAYS, USES
from chatroom.server.cli.admin import execute_command
from chatroom.server.cli.arguments import OneLineParser, add_settings, print_error
from chatroom.server.config.endpoint import ServerEndpoint
from chatroom.server.config.loader import ConfigurationError, load_config
from chatroom.server.config.settings import ServerConfig
from chatroom.server.net.tls import CertificateError, prepare_tls

FLAGS = (
    ("--host", "host", "HOST"),
    ("--port", "port", "PORT"),
    ("--data", "data", "DIR"),
    ("--database", "database.url", "URL"),
)

MOST_USES = 10_000
MOST_DAYS = 3650


class InvitationUnavailable(Exception):
    """There will be none. Says why in one sentence."""


def run_command(arguments: Sequence[str]) -> int:
    """The command with these arguments; its exit code."""
    flags = _build_parser().parse_args(arguments)
    room = labels.room_name(flags.room)
    try:
        config = load_config(dict(flags.settings), os.environ, flags.config).config
    except ConfigurationError as error:
        return print_error(str(error), code=2)
    try:
        place = _endpoint_of(config)
        if not place.port:
            return print_error("a server on any free port tells its invitation at its start", code=2)
        wanted = flags.uses or flags.days or config.accounts.registration == "invited"
        code = _request_code(config, room, flags.uses or USES, flags.days or DAYS) if wanted else ""
    except (CertificateError, StartError, InvitationUnavailable) as error:
        return print_error(str(error), code=1)
    except OSError as error:
        return print_error(f"cannot reach the server in {config.data}: {error.strerror or error}", code=1)
    print(f"chat-client {place.invitation(room, code)}")
    return 0


def _endpoint_of(config: ServerConfig) -> ServerEndpoint:
    """Where a server with this configuration listens. Raises ``CertificateError``."""
    tls = prepare_tls(config)
    return ServerEndpoint(config.host, config.port, tls.fingerprint if tls else "")


def _request_code(config: ServerConfig, room: str, uses: int, days: int) -> str:
    """Raises ``InvitationUnavailable``, and what ``obey`` raises."""
    answer = execute_command(config, ipc.CreateInvitation(room, uses, days))
    if isinstance(answer, CommandFailed):
        raise InvitationUnavailable(answer.reason)
    return answer.lines[0]


def _build_parser() -> argparse.ArgumentParser:
    parser = OneLineParser(
        prog="chat-server invite",
        description="Print what somebody types to join the server with these settings. With --uses or --days,"
        " and where an account takes an invitation, it also lets them in, to a private room or one with a"
        " password too, and is to be kept as secret as a password.",
        epilog="--host is also the name to be reached by, where others know this machine under another one.",
        allow_abbrev=False,
    )
    parser.add_argument("room", nargs="?", default="", metavar="ROOM", help="lead straight into this room")
    uses = f"let so many people in (else {USES})"
    parser.add_argument("--uses", type=_number_up_to(MOST_USES), metavar="N", help=uses)
    parser.add_argument(
        "--days", type=_number_up_to(MOST_DAYS), metavar="D", help=f"for so long (else {DAYS})"
    )
    add_settings(parser, FLAGS)
    return parser


def _number_up_to(most: int) -> Callable[[str], int]:
    def read(text: str) -> int:
        if not (text.isdecimal() and 1 <= int(text) <= most):
            raise argparse.ArgumentTypeError(f"{text!r} is not a number from 1 to {most}")
        return int(text)

    return read
