"""The help that F1 lays over the history, made from the tables of keys and commands."""

from client import words
from client.commands import COMMANDS, Command
from client.keys import KEYS
from client.view.lists import ListStory
from client.view.text import Row, columns

TITLE = "?"
"""No conversation has this name, so the manual keeps a place of its own."""


def manual() -> ListStory:
    return ListStory(TITLE, [*_hint(), *_keys(), [], *_commands()])


def _hint() -> list[Row]:
    return [[("class:hint", words.say("manual.close"))], []]


def _keys() -> list[Row]:
    heading: Row = [("class:heading", words.say("manual.keys"))]
    return [heading, *_table([(key.name, words.say(key.help)) for key in KEYS])]


def _commands() -> list[Row]:
    heading: Row = [("class:heading", words.say("manual.commands"))]
    return [heading, *_table([(_usage(command), words.say(command.help)) for command in COMMANDS])]


def _usage(command: Command) -> str:
    return " ".join([command.usage, *(f"(/{alias})" for alias in command.aliases)])


def _table(lines: list[tuple[str, str]]) -> list[Row]:
    """Two columns, the first as wide as its widest."""
    width = max((columns(left) for left, _ in lines), default=0)
    return [
        [("class:key", f"  {left}{' ' * (width - columns(left))}"), ("class:text", f"  {right}")]
        for left, right in lines
    ]
