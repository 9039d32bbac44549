"""The help (F1), which replaces the history: the tables of keys and commands."""

from collections.abc import Iterable, Mapping

from chatroom.client.commands.table import COMMAND_GROUPS, SlashCommand
from chatroom.client.text import i18n, keys
from chatroom.client.view.draw.text import column_count, fit_text
from chatroom.client.view.history.static_content import StaticContent, StaticLine

TITLE = "?"
"""Not a name of a conversation, so the help has its own scroll position."""

LEFT_COLUMNS = 24
"""Columns of the keys and commands. The explanation of a longer one is below it."""

_BLANK = StaticLine([])


def help_content(changes: Mapping[str, str]) -> StaticContent:
    """Return the help. ``changes`` are the keys that the user has bound."""
    close_keys = ", ".join(filter(None, ("Esc", keys.key_of("help", changes))))
    hint = StaticLine([("class:hint", i18n.translate("manual.close", names=close_keys))])
    return StaticContent(TITLE, [hint, *_key_lines(changes), *_command_lines()])


def _key_lines(changes: Mapping[str, str]) -> Iterable[StaticLine]:
    rows = {row.action: row for row in keys.apply_bindings(changes) if row.name}
    for heading, group in keys.KEY_GROUPS.items():
        yield from _heading_lines(heading)
        for row in (rows[default.action] for default in group if default.action in rows):
            yield from _two_columns(row.name, i18n.translate(row.help))


def _command_lines() -> Iterable[StaticLine]:
    for heading, group in COMMAND_GROUPS.items():
        yield from _heading_lines(heading)
        for command in group:
            yield from _two_columns(i18n.command_usage(command.usage), _command_help(command))


def _heading_lines(key: str) -> list[StaticLine]:
    return [_BLANK, StaticLine([("class:heading", i18n.translate(key))])]


def _command_help(command: SlashCommand) -> str:
    text = i18n.translate(command.help)
    aliases = " ".join(f"/{alias}" for alias in command.aliases)
    return text + i18n.translate("manual.aliases", names=aliases) if aliases else text


def _two_columns(left: str, right: str) -> Iterable[StaticLine]:
    """Yield one line, or two if the left column is too narrow."""
    if column_count(left) > LEFT_COLUMNS:
        yield StaticLine([("class:key", f"  {left}")], hanging_indent=4)
        left = ""
    columns = [("class:key", f"  {fit_text(left, LEFT_COLUMNS)}  "), ("class:text", right)]
    yield StaticLine(columns, hanging_indent=LEFT_COLUMNS + 4)
