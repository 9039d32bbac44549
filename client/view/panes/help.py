"""The help (F1), which replaces the history: the tables of keys and commands."""

from collections.abc import Mapping

from chatroom.client.commands.table import COMMANDS, SlashCommand
from chatroom.client.text import i18n, keys
from chatroom.client.view.draw.text import column_count, fit_text
from chatroom.client.view.history.static_content import StaticContent, StaticLine

TITLE = "?"
"""Not a name of a conversation, so the help has its own scroll position."""


_BLANK = StaticLine([])


def help_content(changes: Mapping[str, str]) -> StaticContent:
    """Return the help. ``changes`` are the keys that the user has bound."""
    close_keys = ", ".join(filter(None, ("Esc", keys.key_of("help", changes))))
    hint = StaticLine([("class:hint", i18n.translate("manual.close", names=close_keys))])
    return StaticContent(TITLE, [hint, _BLANK, *_key_lines(changes), _BLANK, *_command_lines()])


def _key_lines(changes: Mapping[str, str]) -> list[StaticLine]:
    heading = StaticLine([("class:heading", i18n.translate("manual.keys"))])
    rows = [row for row in keys.apply_bindings(changes) if row.name]
    return [heading, *_two_columns([(row.name, i18n.translate(row.help)) for row in rows])]


def _command_lines() -> list[StaticLine]:
    heading = StaticLine([("class:heading", i18n.translate("manual.commands"))])
    return [
        heading,
        *_two_columns([(_command_usage(command), i18n.translate(command.help)) for command in COMMANDS]),
    ]


def _command_usage(command: SlashCommand) -> str:
    return " ".join([i18n.command_usage(command.usage), *(f"(/{alias})" for alias in command.aliases)])


def _two_columns(lines: list[tuple[str, str]]) -> list[StaticLine]:
    """Return lines of two columns; the first is as wide as its widest text."""
    width = max((column_count(left) for left, _ in lines), default=0)
    return [
        StaticLine(
            [("class:key", f"  {fit_text(left, width)}  "), ("class:text", right)], hanging_indent=width + 4
        )
        for left, right in lines
    ]
