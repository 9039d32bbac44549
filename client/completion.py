"""What Tab offers: commands, rooms, names, nicknames, and emoji by name (``:grin``)."""

import unicodedata
from collections.abc import Iterator
from functools import cache
from typing import NamedTuple

from client import commands, words
from client.model import select
from client.model.state import State

MOST_EMOJI = 20
"""A longer list helps nobody; another letter does."""


class Completion(NamedTuple):
    """``replacement`` goes where ``start`` (an index in the text) to the cursor was."""

    replacement: str
    start: int
    display: str
    meta: str = ""


def complete(state: State, text: str, cursor: int) -> list[Completion]:
    """Everything that the word before the cursor could become, the likeliest first."""
    before = text[:cursor]
    start = max(before.rfind(" "), before.rfind("\n")) + 1
    word = before[start:]
    if commands.is_command(before) and start == 0:
        return list(_commands(word))
    if word.startswith(":") and len(word) > 2:
        return [Completion(picture, start, picture, name) for picture, name in _emoji(word[1:].rstrip(":"))]
    if not word and not commands.is_command(before):
        return []
    found = dict.fromkeys(_names(state, before, word))
    return [Completion(f"{name} ", start, name) for name in found]


def _commands(word: str) -> Iterator[Completion]:
    for command in commands.COMMANDS:
        for name in (command.name, *command.aliases):
            if f"/{name}".startswith(word.lower()):
                usage = words.usage(f"/{name} {command.arguments}".rstrip())
                yield Completion(f"/{name} ", 0, usage, words.say(command.help))
                break


def _names(state: State, before: str, word: str) -> Iterator[str]:
    """Rooms as their names are typed, and people, those of this room first."""
    for name in _candidates(state, before):
        bare = name.lstrip("#@")
        if name.casefold().startswith(word.casefold()) or bare.casefold().startswith(word.casefold()):
            yield name


def _candidates(state: State, before: str) -> Iterator[str]:
    command = commands.find(before[1:].split(" ", 1)[0]) if commands.is_command(before) else None
    wanted = command.completes if command else "people"
    if wanted in ("rooms", "conversations"):
        yield from (one.name for one in select.rooms(state))
    if wanted in ("people", "conversations"):
        yield from _people(state, at="@" if wanted == "conversations" else "")
    if wanted == "commands":
        yield from (entry.name for entry in commands.COMMANDS)
    if command is not None:
        yield from command.choices


def _people(state: State, at: str) -> Iterator[str]:
    one = select.current(state)
    if one is not None and not at:
        for seat in one.roster:
            yield from (name for name in (seat.nickname, seat.username) if name and name != state.username)
    yield from (at + friend.name[1:] for friend in select.friends(state))


def _emoji(word: str) -> list[tuple[str, str]]:
    wanted = word.casefold().replace("_", " ")
    found = [(character, name) for character, name in _all_emoji() if wanted in name]
    found.sort(key=lambda pair: (not pair[1].startswith(wanted), len(pair[1])))
    return found[:MOST_EMOJI]


@cache
def _all_emoji() -> list[tuple[str, str]]:
    blocks = (range(0x1F300, 0x1F650), range(0x1F680, 0x1F700), range(0x1F900, 0x1FA00))
    named = ((chr(code), unicodedata.name(chr(code), "").lower()) for block in blocks for code in block)
    return [(character, name) for character, name in named if name and not name.startswith("emoji modifier")]
