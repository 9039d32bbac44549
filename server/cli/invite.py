"""The command ``chat-server invite``: print an invitation for a new user.

The settings, which must be those of the server, give its address. An invitation with a code also grants
access. The running server creates the code, or else this command does in the server's database, like
``chat-server admin``.
"""

import argparse
import os
from collections.abc import Callable, Sequence

from chatroom.protocol import labels
from chatroom.server.admin import ipc
from chatroom.server.admin.ipc import CommandFailed
from chatroom.server.auth.invitations import DAYS, USES
from chatroom.server.cli.admin import execute_command
from chatroom.server.cli.arguments import OneLineParser, add_settings, print_error
from chatroom.server.config.endpoint import ServerEndpoint
from chatroom.server.config.loader import ConfigurationError, load_config
from chatroom.server.config.settings import ServerConfig
from chatroom.server.net.tls import CertificateError, prepare_tls
from chatroom.server.preparation import StartError

FLAGS = (
    ("--host", "host", "HOST"),
    ("--port", "port", "PORT"),
    ("--data", "data", "DIR"),
    ("--database", "database.url", "URL"),
)

MAX_USES = 10_000
MAX_DAYS = 3650


class InvitationUnavailable(Exception):
    """No invitation can be created. The message is one sentence."""


def run_command(arguments: Sequence[str]) -> int:
    """Run the command and return its exit code."""
    flags = _build_parser().parse_args(arguments)
    room = labels.room_name(flags.room)
    try:
        config = load_config(dict(flags.settings), os.environ, flags.config).config
    except ConfigurationError as error:
        return print_error(str(error), code=2)
    try:
        endpoint = _endpoint_of(config)
        if not endpoint.port:
            return print_error(
                "a server on any free port (--port 0) prints its invitation at its start", code=2
            )
        needs_code = flags.uses or flags.days or config.accounts.registration == "invited"
        if needs_code:
            code = _request_code(config, room, flags.uses or USES, flags.days or DAYS)
        else:
            code = ""
            _check_room_exists(config, room)
    except (CertificateError, StartError, InvitationUnavailable) as error:
        return print_error(str(error), code=1)
    except OSError as error:
        return print_error(f"cannot reach the server in {config.data}: {error.strerror or error}", code=1)
    print(f"chat-client {endpoint.invitation(room, code)}")
    return 0


def _endpoint_of(config: ServerConfig) -> ServerEndpoint:
    """Return the endpoint of a server with this configuration. Raises ``CertificateError``."""
    tls = prepare_tls(config)
    return ServerEndpoint(config.host, config.port, tls.fingerprint if tls else "")


def _check_room_exists(config: ServerConfig, room: str) -> None:
    """Raise ``InvitationUnavailable`` if the room certainly does not exist."""
    if not room:
        return
    try:
        answer = execute_command(config, ipc.FindRoom(room))
    except StartError:
        return  # no database yet, or one in use by a server elsewhere
    if isinstance(answer, CommandFailed):
        raise InvitationUnavailable(answer.reason)


def _request_code(config: ServerConfig, room: str, uses: int, days: int) -> str:
    """Return a new invite code. Raises ``InvitationUnavailable``, and what ``execute_command`` raises."""
    answer = execute_command(config, ipc.CreateInvitation(room, uses, days))
    if isinstance(answer, CommandFailed):
        raise InvitationUnavailable(answer.reason)
    return answer.lines[0]


def _build_parser() -> argparse.ArgumentParser:
    parser = OneLineParser(
        prog="chat-server invite",
        description="Print the command with which a new user joins the server with these settings. With"
        " --uses or --days, and on an invite-only server, it also grants access, even to a private or locked"
        " room: keep it as secret as a password.",
        epilog="Use --host if others reach this machine under another name.",
        allow_abbrev=False,
    )
    parser.add_argument("room", nargs="?", default="", metavar="ROOM", help="room to join")
    uses = f"number of users who may use it (default {USES})"
    parser.add_argument("--uses", type=_number_up_to(MAX_USES), metavar="N", help=uses)
    parser.add_argument(
        "--days", type=_number_up_to(MAX_DAYS), metavar="D", help=f"days until it expires (default {DAYS})"
    )
    add_settings(parser, FLAGS)
    return parser


def _number_up_to(maximum: int) -> Callable[[str], int]:
    def read(text: str) -> int:
        if not (text.isdecimal() and 1 <= int(text) <= maximum):
            raise argparse.ArgumentTypeError(f"{text!r} is not a number from 1 to {maximum}")
        return int(text)

    return read
