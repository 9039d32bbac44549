"""Flags that set settings, and complaints of one line: what ``chat-server`` and ``chat-server admin`` have in
common.
"""

import argparse
import sys
from collections.abc import Sequence
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import NoReturn

from chatroom.protocol.safe import safe_text
from chatroom.server.config.settings import SETTINGS

Flag = tuple[str, str, str]
"""A flag of its own for a setting: it, the setting, and what follows it."""


def print_error(sentence: str, code: int) -> int:
    """Say what is wrong in one line on standard error; the exit code."""
    with suppress(OSError):  # there is nobody to tell, but the exit code
        print(f"chat-server: {safe_text(sentence)}", file=sys.stderr, flush=True)
    return code


class OneLineParser(argparse.ArgumentParser):
    """One that says in one line what is wrong."""

    def error(self, message: str) -> NoReturn:
        sys.exit(print_error(f"{message}; see --help", code=2))


def add_settings(parser: argparse.ArgumentParser, flags: Sequence[Flag]) -> None:
    """What sets something goes into ``settings`` as (name, value); of two for one name the last counts."""
    parser.add_argument("--config", type=Path, metavar="FILE", help="read settings from a TOML file")
    parser.set_defaults(settings=[])
    setting = partial(parser.add_argument, dest="settings")
    setting("--set", action="append", type=_parse_pair, metavar="KEY=VALUE", help="any setting, by its name")
    for flag, name, value in flags:
        setting(
            flag,
            action="append",
            type=partial(setting_pair, name),
            metavar=value,
            help=SETTINGS[name].purpose,
        )


def setting_pair(name: str, value: str) -> tuple[str, str]:
    return name, value


def _parse_pair(text: str) -> tuple[str, str]:
    name, equals, value = text.partition("=")
    if not (name and equals):
        raise argparse.ArgumentTypeError(f"{text!r} is not of the form KEY=VALUE")
    return name, value
