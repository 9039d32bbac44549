"""The command ``chat-client``: parses the flags and runs the front end that they name."""

import argparse
import asyncio
import os
import re
import signal
import sys
from datetime import datetime
from pathlib import Path
from typing import NoReturn

from chatroom.client import background
from chatroom.client.app import App
from chatroom.client.core.prompts import PASSWORD_VARIABLE
from chatroom.client.core.requester import parse_server_address
from chatroom.client.line_ui import standard_streams
from chatroom.client.line_ui.json_lines import JsonFrontEnd
from chatroom.client.line_ui.line_output import write_error
from chatroom.client.line_ui.message_feed import LAST, NOW, StartPoint
from chatroom.client.line_ui.plain import PlainFrontEnd
from chatroom.client.net import known_servers
from chatroom.client.net.connection import ConnectionLost, Refused
from chatroom.client.net.known_servers import KnownServers
from chatroom.client.storage import config, files
from chatroom.client.text import dates, i18n
from chatroom.client.text.decoding import decodable
from chatroom.client.view.screen import FullScreen
from chatroom.protocol import RELEASE
from chatroom.protocol.safe import safe_text

DUMB = frozenset({"dumb", "unknown"})
"""Values of ``TERM`` for terminals without escape sequences, such as a shell in Emacs."""


PROFILE = re.compile(r"@[\w-]{1,32}")
"""The argument that names a profile: its own settings, account, outbox and drafts."""


class _Parser(argparse.ArgumentParser):
    """Reports a usage error in one line."""

    def error(self, message: str) -> NoReturn:
        self.exit(2, f"{self.prog}: {safe_text(message)}\n")


def main() -> None:
    """The console script."""
    standard_streams.set_up()
    parser = _build_parser()
    profile, arguments = _split_profile([decodable(argument) for argument in sys.argv[1:]])
    flags = parser.parse_args(arguments)
    if not (flags.plain or flags.json) and (flags.quiet or flags.since or flags.history is not None):
        parser.error("--since, --history and --quiet need --plain or --json")
    background.log_to_file()
    client_config = config.load_config(files.config_folder(profile) / "client.json")
    i18n.use_language(flags.lang or client_config.lang or i18n.locale_language())
    if flags.plain or flags.json:
        _end_in_order()
    try:
        sys.exit(asyncio.run(_run_front_end(flags, client_config, files.state_folder(profile))))
    except Refused as error:
        text = i18n.refusal(error.code, error.details)
    except ConnectionLost:
        text = i18n.translate("connection_lost")
    except KeyboardInterrupt:
        sys.exit(130)
    except Exception as error:
        background.log.critical("chat-client ends", exc_info=error)
        text = i18n.translate("internal_error", **background.facts_of(error))
    write_error(f"chat-client: {' '.join(text.split())}")  # exactly one line
    sys.exit(1)


def _split_profile(arguments: list[str]) -> tuple[str, list[str]]:
    """Return the name of the profile, which may be empty, and the other arguments."""
    for number, argument in enumerate(arguments):
        if PROFILE.fullmatch(argument):
            return argument[1:], arguments[:number] + arguments[number + 1 :]
    return "", arguments


def _end_in_order() -> None:
    """Exit on a signal as on an error: restore the terminal's echo and log out.

    The full screen has its own handlers. A signal that ``nohup`` ignores stays ignored.
    """
    for number in (signal.SIGTERM, signal.SIGHUP):
        if signal.getsignal(number) is signal.SIG_DFL:
            signal.signal(number, lambda caught, _: sys.exit(128 + caught))


def _build_parser() -> argparse.ArgumentParser:
    parser = _Parser(
        prog="chat-client",
        usage="%(prog)s [@PROFILE] [options] [address]",
        description="Join chat rooms from the terminal.",
        epilog="@PROFILE, such as @work, has its own settings, server and account; its first use creates it. "
        f"The password of the account may be in {PASSWORD_VARIABLE}.",
        allow_abbrev=False,
    )
    parser.add_argument(
        "address",
        nargs="?",
        default="",
        help="[USER@]HOST[:PORT][/ROOM], [USER@]unix:PATH[#ROOM], or an invitation (chat1-…)",
    )
    parser.add_argument("--lang", choices=i18n.LANGUAGES, help="language (default: the locale)")
    front = parser.add_mutually_exclusive_group()
    front.add_argument("--plain", action="store_true", help="print plain lines, for pipes and screen readers")
    front.add_argument(
        "--json", action="store_true", help="read requests and print events as JSON, for programs"
    )
    past = parser.add_mutually_exclusive_group()
    past.add_argument(
        "--since",
        type=_since,
        metavar="now|last|DATE",
        help="with --plain or --json: print new messages only (now, the default), unread ones too (last), "
        "or all from a date on",
    )
    past.add_argument(
        "--history",
        type=_count,
        metavar="N",
        help="with --plain or --json: print the last N messages of each conversation first",
    )
    parser.add_argument(
        "--quiet", action="store_true", help="with --plain or --json: print no joined and left notices"
    )
    parser.add_argument("--register", action="store_true", help="create the account first")
    safety = parser.add_mutually_exclusive_group()
    safety.add_argument("--fingerprint", default="", metavar="SHA256", help="accept only this certificate")
    safety.add_argument("--insecure", action="store_true", help="never use TLS, also to other machines")
    parser.add_argument("--version", action="version", version=f"chatroom {RELEASE}")
    return parser


def _since(typed: str) -> str:
    """Return ``now``, ``last``, or a time in the protocol's format."""
    if typed in (NOW, LAST):
        return typed
    try:
        return dates.wire_time(dates.parse_moment(typed, datetime.now().astimezone()))
    except dates.DateError:
        raise argparse.ArgumentTypeError(f"not a date: {typed} (2022-12-15, 20:07, yesterday)") from None


def _count(typed: str) -> int:
    if not (typed.isascii() and typed.isdecimal() and len(typed) < 10):
        raise argparse.ArgumentTypeError(f"not a number of messages: {typed}")
    return int(typed)


async def _run_front_end(
    flags: argparse.Namespace, client_config: config.ClientConfig, state_folder: Path
) -> int:
    asyncio.get_running_loop().set_exception_handler(background.report_loop_error)
    place = parse_server_address(flags.address or client_config.server)
    if flags.fingerprint and not known_servers.is_fingerprint(flags.fingerprint):
        raise Refused("bad_fingerprint")
    known = KnownServers(
        files.config_folder() / "known_servers",
        insecure=flags.insecure,
        fingerprint=flags.fingerprint,
        notices=client_config.notices,
    )
    first_time = place.invited and not (
        (place.username or client_config.username) and client_config.server == place.server
    )
    front_end = _create_front_end(flags, register=flags.register or first_time)
    fill = flags.plain or flags.json
    app = App(client_config, known, state_folder, front_end, fill=fill, quiet=flags.quiet)
    try:
        if not isinstance(front_end, FullScreen):
            return await front_end.run(app, place, register=flags.register)
        _check_terminal()
        app.prepare_login(place)
        await front_end.run(app)
        return 0
    finally:
        await app.close()
        client_config.notices.listen(_tell_of_file)  # not yet shown if no session has begun


def _create_front_end(
    flags: argparse.Namespace, *, register: bool
) -> PlainFrontEnd | JsonFrontEnd | FullScreen:
    if not (flags.plain or flags.json):
        return FullScreen(register=register)
    start = StartPoint(flags.since or ("" if flags.history is None else NOW), flags.history or 0)
    return PlainFrontEnd(start) if flags.plain else JsonFrontEnd(start)


def _tell_of_file(key: str, facts: dict[str, object]) -> None:
    write_error(f"chat-client: {i18n.translate(key, **facts)}")


def _check_terminal() -> None:
    """Raise ``Refused`` if the terminal cannot show a full screen."""
    if not (sys.stdin.isatty() and sys.stdout.isatty()):
        raise Refused("no_terminal")
    if (kind := os.environ.get("TERM", "")) in DUMB:
        raise Refused("dumb_terminal", {"kind": kind})


if __name__ == "__main__":
    main()
