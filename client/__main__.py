"""The command ``chat-client``: flags -> the front end that was asked for. The counterpart is
``server.__main__``.
"""

import argparse
import asyncio
import io
import os
import sys
from typing import NoReturn

from client import background, config, files, plain, script, trust, words
from client.app import App
from client.connection import Lost, Refused
from client.line_output import write_error
from client.session import where
from client.trust import Trust
from client.view import screen
from protocol import RELEASE
from protocol.safe import safe

DUMB = frozenset({"dumb", "unknown"})
"""Kinds of terminals that obey no escape sequence; Emacs calls its shells so."""


class _Parser(argparse.ArgumentParser):
    """Says what is wrong in one line."""

    def error(self, message: str) -> NoReturn:
        self.exit(2, f"{self.prog}: {safe(message)}\n")


def main() -> None:
    """The console script."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")  # a terminal that cannot show an emoji shows a question mark
    flags = _parser().parse_args()
    background.log_to_file()
    kept = config.load(files.config_folder() / "client.json")
    words.use(flags.lang or kept.lang or words.of_locale())
    try:
        sys.exit(asyncio.run(_run(flags, kept)))
    except Refused as error:
        text = words.refusal(error.code, error.details)
    except Lost:
        text = words.say("connection_lost")
    except KeyboardInterrupt:
        sys.exit(130)
    except Exception as error:
        background.log.critical("chat-client ends", exc_info=error)
        text = words.say("internal_error", **background.facts_of(error))
    write_error(f"chat-client: {' '.join(text.split())}")  # exactly one line
    sys.exit(1)


def _parser() -> argparse.ArgumentParser:
    parser = _Parser(prog="chat-client", description="A chat room in the terminal.", allow_abbrev=False)
    parser.add_argument(
        "address", nargs="?", default="", help="[USER@]HOST[:PORT][/ROOM], or an invitation (chat1-…)"
    )
    parser.add_argument("--lang", choices=words.LANGUAGES, help="the language (else as the locale says)")
    front = parser.add_mutually_exclusive_group()
    front.add_argument("--plain", action="store_true", help="append lines, for pipes and screen readers")
    front.add_argument("--json", action="store_true", help="events and requests as JSON, for programs")
    parser.add_argument("--register", action="store_true", help="make the account first")
    safety = parser.add_mutually_exclusive_group()
    safety.add_argument("--fingerprint", default="", metavar="SHA256", help="the certificate that it must be")
    safety.add_argument("--insecure", action="store_true", help="no TLS, also beyond this machine")
    parser.add_argument("--version", action="version", version=f"chatroom {RELEASE}")
    return parser


async def _run(flags: argparse.Namespace, kept: config.Config) -> int:
    asyncio.get_running_loop().set_exception_handler(background.report_loop_error)
    place = where(flags.address or kept.server)
    if flags.fingerprint and not trust.is_fingerprint(flags.fingerprint):
        raise Refused("bad_fingerprint")
    known = Trust(
        files.config_folder() / "known_servers",
        insecure=flags.insecure,
        fingerprint=flags.fingerprint,
        notices=kept.notices,
    )
    app = App(kept, known, files.state_folder(), fill=flags.plain or flags.json)
    try:
        if flags.plain:
            return await plain.run(app, place, register=flags.register)
        if flags.json:
            return await script.run(app, place, register=flags.register)
        _check_terminal()
        app.head_for(place)
        stranger = place.invited and not (kept.username and kept.server == place.server)
        await screen.run(app, register=flags.register or stranger)
        return 0
    finally:
        await app.close()
        kept.notices.listen(_tell_of_file)  # what no front end has told, because no session began


def _tell_of_file(key: str, facts: dict[str, object]) -> None:
    write_error(f"chat-client: {words.say(key, **facts)}")


def _check_terminal() -> None:
    """Raises ``Refused`` where a full screen would be garbage."""
    if not (sys.stdin.isatty() and sys.stdout.isatty()):
        raise Refused("no_terminal")
    if (kind := os.environ.get("TERM", "")) in DUMB:
        raise Refused("dumb_terminal", {"kind": kind})


if __name__ == "__main__":
    main()
