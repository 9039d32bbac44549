"""The pane on the left: home, my rooms, my friends; what is unread in each, and who is online."""

from functools import lru_cache
from typing import NamedTuple

from client import words
from client.model import select
from client.model.state import Conversation, State
from client.view.text import Row, columns, drawn, fit

WIDTH = 22


class Line(NamedTuple):
    """``name`` is the conversation's (``""`` for home), ``None`` for a heading."""

    name: str | None
    style: str
    label: str
    waiting: str = ""


def sidebar_rows(state: State, width: int, height: int) -> list[Row]:
    """As many lines as there is room for, the current conversation among them."""
    lines = _lines(state)
    current = next((at for at, line in enumerate(lines) if line.name == state.current), 0)
    first = max(0, min(current - height // 2, len(lines) - height))
    return [_row(line, line.name == state.current, width) for line in lines[first : first + height]]


def numbered(state: State, number: int) -> str | None:
    """The conversation that bears this number, counted from 1."""
    mine = select.sidebar(state)
    return mine[number - 1].name if number <= len(mine) else None


def _lines(state: State) -> list[Line]:
    numbers = {one.name: str(number) for number, one in enumerate(select.sidebar(state)[:9], 1)}
    rooms = [_line(one, numbers) for one in select.rooms(state, mine=True)]
    directs = [_line(one, numbers) for one in select.directs(state)]
    return [
        Line("", "class:text", "  " + words.say("sidebar.home")),
        Line(None, "class:heading", words.say("sidebar.rooms")),
        *(rooms or [Line(None, "class:hint", "  " + words.say("sidebar.no_rooms"))]),
        Line(None, "class:heading", words.say("sidebar.friends")),
        *(directs or [Line(None, "class:hint", "  " + words.say("sidebar.no_friends"))]),
    ]


def _line(one: Conversation, numbers: dict[str, str]) -> Line:
    more = "+" if one.may_name_more else ""
    count = f"{f'@{one.mentions}{more} ' if one.mentions else ''}{one.unread or ''}"
    style = "class:mentioned" if one.mentions else "class:unread" if one.unread else "class:text"
    return Line(one.name, style, f"{numbers.get(one.name, ' ')} {_mark(one)}{drawn(one.name[1:])}", count)


def _mark(one: Conversation) -> str:
    """Filled: I have entered the room, the friend is online. Half: is away. A diamond is a private room."""
    if one.is_room:
        return ("◆ " if one.entered else "◇ ") if one.private else ("● " if one.entered else "○ ")
    return ("◐ " if one.away else "● ") if one.online else "○ "


@lru_cache(maxsize=1024)
def _row(line: Line, is_current: bool, width: int) -> Row:
    label = fit(line.label, max(0, width - columns(line.waiting) - 1))
    return [("class:current" if is_current else line.style, fit(f"{label} {line.waiting}", width))]
