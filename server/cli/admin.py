"""The command ``chat-server admin``: administration of a running or stopped server.

A running server gets the command through the socket in its data folder (``ipc``). Without one, the same
``AdminService`` runs here, on the database of the stopped server.
"""

import argparse
import asyncio
import getpass
import os
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from sqlalchemy import Engine

from chatroom.db.engine import is_sqlite, normalise_url
from chatroom.db.errors import DatabaseUnusable
from chatroom.db.queries import instances
from chatroom.db.queries.instances import alive_since
from chatroom.db.reader import DatabaseReader
from chatroom.db.writer.writer import DatabaseWriter
from chatroom.protocol.errors import ChatError
from chatroom.protocol.safe import safe_text
from chatroom.server.admin import ipc
from chatroom.server.admin.ipc import Answer, AnyCommand, CommandFailed
from chatroom.server.admin.service import AdminService
from chatroom.server.auth import permissions
from chatroom.server.auth.passwords import PasswordHasher
from chatroom.server.cli.account_export import AccountErased, export_lines
from chatroom.server.cli.arguments import OneLineParser, add_settings, print_error
from chatroom.server.config import log
from chatroom.server.config.loader import ConfigurationError, load_config
from chatroom.server.config.settings import ServerConfig
from chatroom.server.jobs.account_eraser import AccountEraser
from chatroom.server.preparation import StartError, open_database
from chatroom.server.state.directory import LiveDirectory
from chatroom.server.state.notifier import EventNotifier
from chatroom.server.state.presence import PresenceTracker

PASSWORD_VARIABLE = "CHAT_PASSWORD"
"""The environment variable for a new password."""

FLAGS = (("--data", "data", "DIR"), ("--database", "database.url", "URL"))


EXPORT = "export"
EXPORT_HELP = "print everything that is kept about an account, as JSON lines"


class AdminCommandRow(NamedTuple):
    """A command: the metavars of its arguments, its help, the order that it sends, and its question."""

    arguments: str | None
    purpose: str
    order: Callable[..., AnyCommand]
    confirms: str = ""  # a question that is asked first, unless ``--yes`` is given


def run_command(arguments: Sequence[str]) -> int:
    """Run the command and return its exit code."""
    flags = _build_parser().parse_args(arguments)
    try:
        config = load_config(dict(flags.settings), os.environ, flags.config).config
    except ConfigurationError as error:
        return print_error(str(error), code=2)
    if flags.command == EXPORT:
        return _export_account(config, flags.NAME)
    try:
        command = COMMANDS[flags.command]
        arguments = [getattr(flags, name) for name in _argument_names(command)]
        if command.confirms and not flags.yes:
            _confirm(command.confirms.format(*map(safe_text, arguments)))
        order = command.order(*arguments)
        answer = execute_command(config, order)
    except (StartError, PasswordMissing, NotConfirmed) as error:
        return print_error(str(error), code=1)
    except OSError as error:
        return print_error(f"cannot reach the server in {config.data}: {error.strerror or error}", code=1)
    if isinstance(answer, CommandFailed):
        return print_error(answer.reason, code=1)
    for line in answer.lines:
        print(safe_text(line))
    return 0


def _export_account(config: ServerConfig, username: str) -> int:
    log.set_up_logging("error")
    try:
        for line in export_lines(config, username):
            print(line)
    except (ChatError, DatabaseUnusable, AccountErased) as error:
        return print_error(str(error), code=1)
    return 0


def execute_command(config: ServerConfig, order: AnyCommand) -> Answer:
    """Send a command to the running server, or execute it here. Raises ``StartError`` and ``OSError``."""
    return ipc.send_command(order, config.data) or _execute_locally(config, order)


class NotConfirmed(Exception):
    """The administrator did not confirm the command. The message is one sentence."""


def _confirm(question: str) -> None:
    """Ask at the terminal. Raises ``NotConfirmed``."""
    if not sys.stdin.isatty():
        raise NotConfirmed("this cannot be undone: confirm it with --yes")
    print(f"{question} [y/N] ", end="", file=sys.stderr, flush=True)
    if sys.stdin.readline().strip().lower() not in ("y", "yes"):
        raise NotConfirmed("nothing was changed")


# A new password


class PasswordMissing(Exception):
    """No usable password was given. The message is one sentence."""


def _reset_password(username: str) -> AnyCommand:
    return ipc.ResetPassword(username, _new_password(username, os.environ))


def _new_password(username: str, environment: Mapping[str, str]) -> str:
    """Return the new password. Raises ``PasswordMissing``."""
    try:
        password = environment.get(PASSWORD_VARIABLE) or _asked_password(username)
        password.encode()
    except UnicodeError:
        raise PasswordMissing(
            "the password is not in the encoding of this terminal; nothing was changed"
        ) from None
    except EOFError:
        raise PasswordMissing("no password was given; nothing was changed") from None
    return password


def _asked_password(username: str) -> str:
    """Read the password from the terminal or the first line of standard input; never from the command line,
    which every user of the machine can read.
    """
    if not sys.stdin.isatty():
        return sys.stdin.readline().rstrip("\r\n")
    password = getpass.getpass(f"New password of {safe_text(username)}: ")
    if getpass.getpass("Confirm password: ") != password:
        raise PasswordMissing("the passwords don't match; nothing was changed")
    return password


COMMANDS = {
    "accounts": AdminCommandRow(None, "list all accounts", ipc.ListAccounts),
    "sessions": AdminCommandRow(None, "list all sessions", ipc.ListSessions),
    "servers": AdminCommandRow(None, "list all server processes on the database", ipc.ListServers),
    "limits": AdminCommandRow(None, "show memory, disk, and what was limited", ipc.ListLimits),
    "disable": AdminCommandRow("NAME", "disable an account and end its sessions",
    ipc.DisableAccount),
    "enable": AdminCommandRow("NAME", "enable a disabled account", ipc.EnableAccount),
    "reset-password": AdminCommandRow(
        "NAME", f"set a new password, from the terminal, standard input or {PASSWORD_VARIABLE}",
        _reset_password,
    ),
    "end-session": AdminCommandRow("ID|NAME", "end a session, or all of a user (@NAME if digits)",
                           ipc.EndSession),
    "erase": AdminCommandRow(
        "NAME", "erase an account for good: its name, its texts, its seats; asks first (--yes: does not)",
        ipc.EraseAccount,
        "Erase {} for good? Its messages, name, friends and seats are erased. Its rooms go to their"
        " longest-standing members, or are deleted.",
    ),
    "erasures": AdminCommandRow(None, "list accounts that are being erased", ipc.ListErasures),
    "rooms": AdminCommandRow(None, "list all rooms, private ones too", ipc.ListServerRooms),
    "delete-room": AdminCommandRow("ROOM", "delete a room and all its messages", ipc.DeleteRoom),
    "delete-rooms-of": AdminCommandRow("NAME", "delete all rooms of an account", ipc.DeleteRoomsOf),
    "transfer-room": AdminCommandRow("ROOM NAME", "make another account a room's owner", ipc.TransferRoom),
    "invitations": AdminCommandRow(None, "list invite codes: uses left, expiry, room, used by",
                           ipc.ListInvitations),
    "revoke": AdminCommandRow("INVITATION", "revoke an invite code", ipc.RevokeInvitation),
    "announce": AdminCommandRow("TEXT", "send a text to all connected users", ipc.Announce),
}  # fmt: skip
"""All admin commands."""


def _build_parser() -> argparse.ArgumentParser:
    parser = OneLineParser(
        prog="chat-server admin",
        description="Administer a chat-server on this machine, running or stopped.",
        epilog="Use the same --data, --database or --config as the server.",
        allow_abbrev=False,
    )
    add_settings(parser, FLAGS)
    commands = parser.add_subparsers(
        dest="command", required=True, metavar="COMMAND", parser_class=OneLineParser
    )
    for name, command in COMMANDS.items():
        subparser = commands.add_parser(
            name, help=command.purpose, description=command.purpose, allow_abbrev=False
        )
        for argument in _argument_names(command):
            subparser.add_argument(argument)
        if command.confirms:
            subparser.add_argument("--yes", action="store_true", help="do not ask")
    export = commands.add_parser(EXPORT, help=EXPORT_HELP, description=EXPORT_HELP, allow_abbrev=False)
    export.add_argument("NAME")
    return parser


def _argument_names(command: AdminCommandRow) -> list[str]:
    return command.arguments.split() if command.arguments else []


# Without a running server


def _execute_locally(config: ServerConfig, order: AnyCommand) -> Answer:
    """Execute a command here. Raises ``StartError`` if the database is in use or missing."""
    log.set_up_logging("error")
    _check_database_exists(config)
    return asyncio.run(_execute_on_database(config, order))


def _check_database_exists(config: ServerConfig) -> None:
    """Check that the database exists, so that a misspelt name creates no SQLite file."""
    try:
        url = normalise_url(config.database_url)
    except DatabaseUnusable as error:
        raise StartError(str(error)) from None
    if is_sqlite(url) and not Path(str(url.database)).exists():
        raise StartError(f"there is no database at {url.database}")


async def _execute_on_database(config: ServerConfig, order: AnyCommand) -> Answer:
    async with open_database(config) as engine:
        await asyncio.to_thread(_check_not_in_use, engine)
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
    """Return an admin service without any session."""
    directory = LiveDirectory()
    notifier = EventNotifier(directory, asyncio.get_running_loop())
    presence = PresenceTracker(directory, notifier, writer, server_id=b"", linger=0)
    eraser = AccountEraser(reader, writer, directory, notifier, presence)
    return AdminService(config.password, reader, writer, passwords, directory, presence, notifier, eraser)


def _check_not_in_use(engine: Engine) -> None:
    """Check that no server uses a MySQL database; an SQLite file has a lock instead."""
    if is_sqlite(engine.url):
        return
    with engine.connect() as connection:
        if instances.has_live_instance(connection, alive_since(connection)):
            raise StartError("a chat-server uses this database: use its --data to reach it")
