"""Writes the man pages and the shell completions of both commands, from the parsers that read their flags.

``python packaging/generate.py FOLDER`` needs the extra ``test``. It writes ``FOLDER/man1/chat-server.1``,
``FOLDER/bash/chat-server``, ``FOLDER/zsh/_chat-server``, ``FOLDER/fish/chat-server.fish``, and so on.
"""

import argparse
import importlib
import re
import sys
from pathlib import Path
from typing import Any, get_args

import shtab
from argparse_manpage.manpage import Manpage

from chatroom.protocol import RELEASE
from chatroom.server.config.settings import SETTINGS

PARSERS = {
    "chat-server": ("chatroom.server.__main__", "chat server for terminals"),
    "chat-server-admin": ("chatroom.server.cli.admin", "administer a chat server"),
    "chat-server-invite": ("chatroom.server.cli.invite", "invite a user to a chat server"),
    "chat-server-doctor": ("chatroom.server.cli.doctor", "check the configuration of a chat server"),
    "chat-server-backup": ("chatroom.server.cli.copies:build_backup_parser", "copy the data to a file"),
    "chat-server-restore": ("chatroom.server.cli.copies:build_restore_parser", "restore a backup"),
    "chat-server-move": ("chatroom.server.cli.copies:build_move_parser", "move to another database"),
    "chat-client": ("chatroom.client.__main__", "chat client for terminals"),
}
"""The module (and function) with the parser of each command, and the line of its man page after the name."""

SHELL_FILES = {"bash": "bash/{}", "zsh": "zsh/_{}", "fish": "fish/{}.fish"}
PATHS = {"FILE": shtab.FILE, "DIR": shtab.DIRECTORY}


def build_parser(name: str) -> argparse.ArgumentParser:
    module, _, function = PARSERS[name][0].partition(":")
    parser: argparse.ArgumentParser = getattr(importlib.import_module(module), function or "_build_parser")()
    return parser


def write_files(folder: Path) -> None:
    for name, (_, purpose) in PARSERS.items():
        write(folder / "man1" / f"{name}.1", man_page(name, purpose))
    for command in ("chat-server", "chat-client"):
        for shell, pattern in SHELL_FILES.items():
            write(folder / pattern.format(command), completion(command, shell))


def write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text if text.endswith("\n") else f"{text}\n", encoding="utf-8")


def man_page(name: str, purpose: str) -> str:
    parser = build_parser(name)
    parser.prog = name.replace("chat-server-", "chat-server ")
    # Attributes that argparse-manpage and shtab read, and argparse does not declare.
    parser.man_short_description = purpose  # type: ignore[attr-defined]
    head = f'.TH {name.upper()} 1 "" "chatroom {RELEASE}" "User Commands"'
    page = re.sub(
        r"^\.TH .*$", lambda _: head.replace("-", r"\-"), str(Manpage(parser)), count=1, flags=re.MULTILINE
    )
    others = [f".BR {other} (1)" for other in PARSERS if other != name]
    return "\n".join([page.rstrip(), ".SH SEE ALSO", ",\n".join(others).replace("-", r"\-"), ""])


def completion(command: str, shell: str) -> str:
    parser = build_parser(command)
    subcommands = [name for name in PARSERS if name.startswith(f"{command}-")]
    if subcommands:
        group: Any = parser.add_subparsers(dest="subcommand")
        for name in subcommands:
            word = name.removeprefix(f"{command}-")
            group.add_parser(word, help=PARSERS[name][1], add_help=False)
            group.choices[word] = build_parser(name)
    mark_arguments(parser)
    return str(shtab.complete(parser, shell))


def mark_arguments(parser: argparse.ArgumentParser) -> None:
    """Tell which arguments are files, and which have a few values."""
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            for subparser in action.choices.values():
                mark_arguments(subparser)
        elif action.metavar in PATHS:
            # As above.
            action.complete = PATHS[str(action.metavar)]  # type: ignore[attr-defined]
        elif action.option_strings and action.dest == "settings" and action.type is not None:
            action.choices = setting_choices(action)


def setting_choices(action: argparse.Action) -> list[str] | None:
    """Return the values of a flag's setting, if there are only a few."""
    names = getattr(action.type, "args", ())  # of a partial function with the setting's name
    literal = get_args(SETTINGS[names[0]].type)[0] if names else None
    return [str(value) for value in get_args(literal)] or None


if __name__ == "__main__":
    write_files(Path(sys.argv[1]))
