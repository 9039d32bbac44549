"""Options and one-line errors that all ``chat-server`` commands share."""

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
"""A flag of a setting: the flag, the name of the setting, and the metavar of its value."""


def print_error(sentence: str, code: int) -> int:
    """Print an error as one line on standard error and return the exit code."""
    with suppress(OSError):  # standard error may be closed; the exit code remains
        print(f"chat-server: {safe_text(sentence)}", file=sys.stderr, flush=True)
    return code


class OneLineParser(argparse.ArgumentParser):
    """An argument parser that reports errors in one line."""

    def error(self, message: str) -> NoReturn:
        sys.exit(print_error(f"{message}; see --help", code=2))


def add_settings(parser: argparse.ArgumentParser, flags: Sequence[Flag]) -> None:
    """Add the options that set values. They are collected in ``settings`` as (name, value); the last one
    wins."""
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
