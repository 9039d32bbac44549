"""The command ``chat-server admin``: an order for the server that runs, or carried out where none does.

A running server is reached through the socket in its data folder (``orders``). Without one the order is
carried out right here, by the same ``steward``, on a database that nobody serves.
"""

import argparse
import asyncio
import getpass
import os
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from chatroom.db.engine import is_sqlite, normalise_url
from chatroom.db.errors import DatabaseUnusable
from chatroom.db.queries import instances
from chatroom.db.queries.instances import alive_since
from chatroom.db.reader import DatabaseReader
from chatroom.db.writer.writer import DatabaseWriter
from chatroom.protocol.safe import safe_text
from chatroom.protocol.values import now_milliseconds
from chatroom.server.admin import ipc
from chatroom.server.admin.ipc import Answer, AnyCommand, CommandFailed
from chatroom.server.admin.service import AdminService
from chatroom.server.app import StartError, open_database
from chatroom.server.auth import permissions
from chatroom.server.auth.passwords import PasswordHasher
from chatroom.server.cli.arguments import OneLineParser, add_settings, print_error
from chatroom.server.config import log
from chatroom.server.config.loader import ConfigurationError, load_config
from chatroom.server.config.settings import ServerConfig
from chatroom.server.state.directory import LiveDirectory
from chatroom.server.state.notifier import EventNotifier
from chatroom.server.state.presence import PresenceTracker
from sqlalchemy import Engine

PASSWORD = "CHAT_PASSWORD"
"""The variable of the environment that a new password may come from."""

FLAGS = (("--data", "data", "DIR"), ("--database", "database.url", "URL"))


class AdminCommandRow(NamedTuple):
    """A row: what follows the command's name, what it is for, and what it orders."""

    argument: str | None
    purpose: str
    order: Callable[[str], AnyCommand]


def run_command(arguments: Sequence[str]) -> int:
    """The command with these arguments; its exit code."""
    flags = _build_parser().parse_args(arguments)
    try:
        config = load_config(dict(flags.settings), os.environ, flags.config).config
    except ConfigurationError as error:
        return print_error(str(error), code=2)
    try:
        order = COMMANDS[flags.command].order(getattr(flags, "argument", ""))
        answer = execute_command(config, order)
    except (StartError, PasswordMissing) as error:
        return print_error(str(error), code=1)
    except OSError as error:
        return print_error(f"cannot reach the server in {config.data}: {error.strerror or error}", code=1)
    if isinstance(answer, CommandFailed):
        return print_error(answer.reason, code=1)
    for line in answer.lines:
        print(safe_text(line))
    return 0


def execute_command(config: ServerConfig, order: AnyCommand) -> Answer:
    """Have it carried out by the server that runs, or here. Raises ``StartError`` and ``OSError``."""
    return ipc.send_command(order, config.data) or _execute_locally(config, order)


# A new password


class PasswordMissing(Exception):
    """None was given. Says so in one sentence."""


def _reset_password(username: str) -> AnyCommand:
    return ipc.ResetPassword(username, _new_password(username, os.environ))


def _new_password(username: str, environment: Mapping[str, str]) -> str:
    """Raises ``PasswordMissing``."""
    try:
        password = environment.get(PASSWORD) or _asked_password(username)
        password.encode()
    except UnicodeError:
        raise PasswordMissing(
            "the password is not in the encoding of this terminal; nothing was changed"
        ) from None
    except EOFError:
        raise PasswordMissing("no password was given; nothing was changed") from None
    return password


def _asked_password(username: str) -> str:
    """From the user at the terminal, or the first line of standard input; never from the command line, which
    every user of the machine can read.
    """
    if not sys.stdin.isatty():
        return sys.stdin.readline().rstrip("\r\n")
    password = getpass.getpass(f"New password of {safe_text(username)}: ")
    if getpass.getpass("Again: ") != password:
        raise PasswordMissing("the two passwords differ; nothing was changed")
    return password


COMMANDS = {
    "accounts": AdminCommandRow(None, "list every account", lambda _: ipc.ListAccounts()),
    "sessions": AdminCommandRow(None, "list who is logged in", lambda _: ipc.ListSessions()),
    "disable": AdminCommandRow("NAME", "end an account's sessions and let nobody log in to it",
    ipc.DisableAccount),
    "enable": AdminCommandRow("NAME", "let its owner log in again", ipc.EnableAccount),
    "reset-password": AdminCommandRow(
        "NAME", f"give an account another password: asked for, from standard input, or {PASSWORD}",
        _reset_password,
    ),
    "end-session": AdminCommandRow("ID|NAME", "end a session, or all of a user (@NAME, if it is digits)",
                           ipc.EndSession),
    "rooms": AdminCommandRow(None, "list every room, private ones too", lambda _: ipc.ListServerRooms()),
    "delete-room": AdminCommandRow("ROOM", "remove a room and all that was said there", ipc.DeleteRoom),
    "invitations": AdminCommandRow(None, "list the invitations with a code, and who came by them",
                           lambda _: ipc.ListInvitations()),
    "revoke": AdminCommandRow("INVITATION", "let nobody in by an invitation any more", ipc.RevokeInvitation),
}  # fmt: skip
"""Every command there is."""


def _build_parser() -> argparse.ArgumentParser:
    parser = OneLineParser(
        prog="chat-server admin",
        description="Look after a chat-server of this machine, whether it runs or not.",
        epilog="Give --data, --database or --config as the server has it, if it has.",
        allow_abbrev=False,
    )
    add_settings(parser, FLAGS)
    commands = parser.add_subparsers(
        dest="command", required=True, metavar="COMMAND", parser_class=OneLineParser
    )
    for name, command in COMMANDS.items():
        its = commands.add_parser(name, help=command.purpose, description=command.purpose, allow_abbrev=False)
        if command.argument is not None:
            its.add_argument("argument", metavar=command.argument)
    return parser


# Where no server runs


def _execute_locally(config: ServerConfig, order: AnyCommand) -> Answer:
    """Do it here. Raises ``StartError`` when the database is somebody's, or not there."""
    log.set_up_logging("error")
    _check_there_is_one(config)
    return asyncio.run(_execute_on_database(config, order))


def _check_there_is_one(config: ServerConfig) -> None:
    """An order makes no database, and no SQLite file of a misspelt name."""
    try:
        url = normalise_url(config.database_url)
    except DatabaseUnusable as error:
        raise StartError(str(error)) from None
    if is_sqlite(url) and not Path(str(url.database)).exists():
        raise StartError(f"there is no database yet at {url.database}")


async def _execute_on_database(config: ServerConfig, order: AnyCommand) -> Answer:
    async with open_database(config) as engine:
        await asyncio.to_thread(_check_nobody_serves, engine)
        loop = asyncio.get_running_loop()
        writer = DatabaseWriter(
            engine,
            loop,
            deliver=lambda _: None,
            reseat=lambda *_: None,
            authorize=permissions.may_post,
            outage_timeout=0,
        )
        reader = DatabaseReader(engine, threads=1)
        passwords = PasswordHasher(config.password.bcrypt_cost)
        try:
            return await _offline_service(config, reader, writer, passwords).execute(order)
        finally:
            writer.close()
            reader.close()
            passwords.close()


def _offline_service(
    config: ServerConfig, reader: DatabaseReader, writer: DatabaseWriter, passwords: PasswordHasher
) -> AdminService:
    """A steward of a house in which nobody is."""
    directory = LiveDirectory()
    notifier = EventNotifier(directory, asyncio.get_running_loop())
    presence = PresenceTracker(directory, notifier, writer, server_id=b"", linger=0)
    return AdminService(config.password, reader, writer, passwords, directory, presence, notifier)


def _check_nobody_serves(engine: Engine) -> None:
    """The lock tells for a SQLite file; a MySQL database may be served from anywhere."""
    if is_sqlite(engine.url):
        return
    with engine.connect() as connection:
        if instances.has_live_instance(connection, alive_since(now_milliseconds())):
            raise StartError(
                "a chat-server uses this database, and takes orders in its own data folder: give its --data"
            )
