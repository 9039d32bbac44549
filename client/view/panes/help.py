"""The help (F1), which replaces the history: the tables of keys and commands."""

from collections.abc import Iterable, Mapping
from typing import NamedTuple

from chatroom.client.commands.table import COMMAND_GROUPS, SlashCommand
from chatroom.client.text import i18n, keys
from chatroom.client.view.draw.text import Row, column_count, fit_text, wrap_row
from chatroom.client.view.history.static_content import StaticBlock, StaticContent, StaticLine

TITLE = "?"
"""Not a name of a conversation, so the help has its own scroll position."""

LEFT_COLUMNS = 24
"""Columns of the keys and commands. The explanation of a longer one is below it."""

NARROW_LEFT_COLUMNS = 12
"""The same in a pane of fewer than ``WIDE_FROM`` columns."""

WIDE_FROM = 56

_BLANK = StaticLine([])


class HelpLine(NamedTuple):
    """A key or command, and its explanation beside or below it."""

    name: str
    explanation: str

    def rows_at(self, width: int) -> list[Row]:
        columns = LEFT_COLUMNS if width >= WIDE_FROM else NARROW_LEFT_COLUMNS
        indent = min(columns + 4, width // 2)
        left, right = ("class:key", f"  {self.name}"), ("class:text", self.explanation)
        if column_count(self.name) <= columns and indent == columns + 4:
            return wrap_row([("class:key", f"  {fit_text(self.name, columns)}  "), right], width, indent)
        below = wrap_row([right], width - indent)
        return [*wrap_row([left], width, min(4, indent)), *([("", " " * indent), *row] for row in below)]


def help_content(changes: Mapping[str, str]) -> StaticContent:
    """Return the help. ``changes`` are the keys that the user has bound."""
    close_keys = ", ".join(filter(None, ("Esc", keys.key_of("help", changes))))
    hint = StaticLine([("class:hint", i18n.translate("manual.close", names=close_keys))])
    return StaticContent(TITLE, [hint, *_key_lines(changes), *_command_lines()])


def _key_lines(changes: Mapping[str, str]) -> Iterable[StaticBlock]:
    rows = {row.action: row for row in keys.apply_bindings(changes) if row.name}
    for heading, group in keys.KEY_GROUPS.items():
        yield from _heading_lines(heading)
        for row in (rows[default.action] for default in group if default.action in rows):
            yield HelpLine(row.name, i18n.translate(row.help))


def _command_lines() -> Iterable[StaticBlock]:
    for heading, group in COMMAND_GROUPS.items():
        yield from _heading_lines(heading)
        for command in group:
            yield HelpLine(i18n.command_usage(command.usage), _command_help(command))


def _heading_lines(key: str) -> list[StaticLine]:
    return [_BLANK, StaticLine([("class:heading", i18n.translate(key))])]


def _command_help(command: SlashCommand) -> str:
    text = i18n.translate(command.help)
    aliases = " ".join(f"/{alias}" for alias in command.aliases)
    return text + i18n.translate("manual.aliases", names=aliases) if aliases else text
