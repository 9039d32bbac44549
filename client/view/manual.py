"""The help that F1 lays over the history, made from the tables of keys and commands."""

from collections.abc import Mapping

from client import keys, words
from client.commands import COMMANDS, Command
from client.view.lists import Line, ListStory
from client.view.text import columns, fit

TITLE = "?"
"""No conversation has this name, so the manual keeps a place of its own."""


_BLANK = Line([])


def manual(changes: Mapping[str, str]) -> ListStory:
    """``changes``: the keys that the user has bound."""
    closing = ", ".join(filter(None, ("Esc", keys.key_of("help", changes))))
    hint = Line([("class:hint", words.say("manual.close", names=closing))])
    return ListStory(TITLE, [hint, _BLANK, *_keys(changes), _BLANK, *_commands()])


def _keys(changes: Mapping[str, str]) -> list[Line]:
    heading = Line([("class:heading", words.say("manual.keys"))])
    rows = [row for row in keys.held(changes) if row.name]
    return [heading, *_table([(row.name, words.say(row.help)) for row in rows])]


def _commands() -> list[Line]:
    heading = Line([("class:heading", words.say("manual.commands"))])
    return [heading, *_table([(_usage(command), words.say(command.help)) for command in COMMANDS])]


def _usage(command: Command) -> str:
    return " ".join([words.usage(command.usage), *(f"(/{alias})" for alias in command.aliases)])


def _table(lines: list[tuple[str, str]]) -> list[Line]:
    """Two columns, the first as wide as its widest."""
    width = max((columns(left) for left, _ in lines), default=0)
    return [
        Line([("class:key", f"  {fit(left, width)}  "), ("class:text", right)], hang=width + 4)
        for left, right in lines
    ]
