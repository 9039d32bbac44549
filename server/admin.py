"""The command ``chat-server admin``: an order for the server that runs, or carried out where none does.

A running server is reached through the socket in its data folder (``orders``). Without one the order is
carried out right here, by the same ``steward``, on a database that nobody serves.
"""

import argparse
import asyncio
import getpass
import os
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from sqlalchemy import Engine

from db import servers
from db.engine import is_sqlite, normalise
from db.errors import Unusable
from db.servers import alive_since
from db.store import Store
from db.writer import Writer
from protocol.safe import safe
from server import log, orders, rights
from server.announcer import Announcer
from server.app import CannotStart, open_database
from server.config import Config
from server.flags import Parser, add_settings, complain
from server.handlers.moderation import Moderation
from server.live import Directory
from server.orders import Answer, AnyOrder, Failed
from server.passwords import Passwords
from server.presence import Presence
from server.sources import Misconfigured, load
from server.steward import Steward

PASSWORD = "CHAT_PASSWORD"
"""The variable of the environment that a new password may come from."""

FLAGS = (("--data", "data", "DIR"), ("--database", "database.url", "URL"))


class Command(NamedTuple):
    """A row: what follows the command's name, what it is for, and what it orders."""

    argument: str | None
    purpose: str
    order: Callable[[str], AnyOrder]


def run(arguments: Sequence[str]) -> int:
    """The command with these arguments; its exit code."""
    flags = _parser().parse_args(arguments)
    try:
        config = load(dict(flags.settings), os.environ, flags.config).config
    except Misconfigured as error:
        return complain(str(error), code=2)
    try:
        order = COMMANDS[flags.command].order(getattr(flags, "argument", ""))
        answer = obey(config, order)
    except (CannotStart, NoPassword) as error:
        return complain(str(error), code=1)
    except OSError as error:
        return complain(f"cannot reach the server in {config.data}: {error.strerror or error}", code=1)
    if isinstance(answer, Failed):
        return complain(answer.reason, code=1)
    for line in answer.lines:
        print(safe(line))
    return 0


def obey(config: Config, order: AnyOrder) -> Answer:
    """Have it carried out by the server that runs, or here. Raises ``CannotStart`` and ``OSError``."""
    return orders.ask(order, config.data) or _carry_out(config, order)


# A new password


class NoPassword(Exception):
    """None was given. Says so in one sentence."""


def _reset_password(username: str) -> AnyOrder:
    return orders.ResetPassword(username, _new_password(username, os.environ))


def _new_password(username: str, environment: Mapping[str, str]) -> str:
    """Raises ``NoPassword``."""
    try:
        password = environment.get(PASSWORD) or _asked_password(username)
        password.encode()
    except UnicodeError:
        raise NoPassword(
            "the password is not in the encoding of this terminal; nothing was changed"
        ) from None
    except EOFError:
        raise NoPassword("no password was given; nothing was changed") from None
    return password


def _asked_password(username: str) -> str:
    """From the user at the terminal, or the first line of standard input; never from the command line, which
    every user of the machine can read.
    """
    if not sys.stdin.isatty():
        return sys.stdin.readline().rstrip("\r\n")
    password = getpass.getpass(f"New password of {safe(username)}: ")
    if getpass.getpass("Again: ") != password:
        raise NoPassword("the two passwords differ; nothing was changed")
    return password


COMMANDS = {
    "accounts": Command(None, "list every account", lambda _: orders.Accounts()),
    "sessions": Command(None, "list who is logged in", lambda _: orders.Sessions()),
    "disable": Command("NAME", "end an account's sessions and let nobody log in to it", orders.Disable),
    "enable": Command("NAME", "let its owner log in again", orders.Enable),
    "reset-password": Command(
        "NAME", f"give an account another password: asked for, from standard input, or {PASSWORD}",
        _reset_password,
    ),
    "end-session": Command("ID|NAME", "end a session, or all of a user (@NAME, if it is digits)",
                           orders.EndSession),
    "rooms": Command(None, "list every room, private ones too", lambda _: orders.Rooms()),
    "delete-room": Command("ROOM", "remove a room and all that was said there", orders.DeleteRoom),
    "invitations": Command(None, "list the invitations with a code, and who came by them",
                           lambda _: orders.Invitations()),
    "revoke": Command("INVITATION", "let nobody in by an invitation any more", orders.Revoke),
}  # fmt: skip
"""Every command there is."""


def _parser() -> argparse.ArgumentParser:
    parser = Parser(
        prog="chat-server admin",
        description="Look after a chat-server of this machine, whether it runs or not.",
        epilog="Give --data, --database or --config as the server has it, if it has.",
        allow_abbrev=False,
    )
    add_settings(parser, FLAGS)
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND", parser_class=Parser)
    for name, command in COMMANDS.items():
        its = commands.add_parser(name, help=command.purpose, description=command.purpose, allow_abbrev=False)
        if command.argument is not None:
            its.add_argument("argument", metavar=command.argument)
    return parser


# Where no server runs


def _carry_out(config: Config, order: AnyOrder) -> Answer:
    """Do it here. Raises ``CannotStart`` when the database is somebody's, or not there."""
    log.set_up("error")
    _check_there_is_one(config)
    return asyncio.run(_do(config, order))


def _check_there_is_one(config: Config) -> None:
    """An order makes no database, and no SQLite file of a misspelt name."""
    try:
        url = normalise(config.database_url)
    except Unusable as error:
        raise CannotStart(str(error)) from None
    if is_sqlite(url) and not Path(str(url.database)).exists():
        raise CannotStart(f"there is no database yet at {url.database}")


async def _do(config: Config, order: AnyOrder) -> Answer:
    async with open_database(config) as engine:
        await asyncio.to_thread(_check_nobody_serves, engine)
        loop = asyncio.get_running_loop()
        writer = Writer(
            engine, loop, deliver=lambda _: None, reseat=lambda *_: None, entitle=rights.may_post, patience=0
        )
        store = Store(engine, threads=1)
        passwords = Passwords(config.password.bcrypt_cost)
        try:
            return await _steward(config, store, writer, passwords).carry_out(order)
        finally:
            writer.close()
            store.close()
            passwords.close()


def _steward(config: Config, store: Store, writer: Writer, passwords: Passwords) -> Steward:
    """A steward of a house in which nobody is."""
    directory = Directory()
    announcer = Announcer(directory, asyncio.get_running_loop())
    presence = Presence(directory, announcer, writer, server_id=b"", linger=0)
    moderation = Moderation(config.limits, directory, announcer)
    return Steward(config.password, store, writer, passwords, directory, presence, moderation)


def _check_nobody_serves(engine: Engine) -> None:
    """The lock tells for a SQLite file; a MySQL database may be served from anywhere."""
    if is_sqlite(engine.url):
        return
    with engine.connect() as connection:
        if servers.any_alive(connection, alive_since(time.time_ns() // 1_000_000)):
            raise CannotStart(
                "a chat-server uses this database, and takes orders in its own data folder: give its --data"
            )
