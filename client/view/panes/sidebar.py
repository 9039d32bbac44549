"""The pane on the left: home, my rooms, my friends; what is unread in each, and who is online."""

from functools import lru_cache
from typing import NamedTuple

from chatroom.client.model import select
from chatroom.client.model.state import ClientState, Conversation
from chatroom.client.text import i18n
from chatroom.client.view.draw.text import Row, column_count, drawable_text, fit_text

WIDTH = 22


class SidebarLine(NamedTuple):
    """``name`` is the conversation's (``""`` for home), ``None`` for a heading."""

    name: str | None
    style: str
    label: str
    waiting: str = ""


def sidebar_rows(state: ClientState, width: int, height: int) -> list[Row]:
    """As many lines as there is room for, the current conversation among them."""
    lines = _sidebar_lines(state)
    current = next((at for at, line in enumerate(lines) if line.name == state.current), 0)
    first = max(0, min(current - height // 2, len(lines) - height))
    return [_line_row(line, line.name == state.current, width) for line in lines[first : first + height]]


def conversation_by_number(state: ClientState, number: int) -> str | None:
    """The conversation that bears this number, counted from 1."""
    mine = select.sidebar_conversations(state)
    return mine[number - 1].name if number <= len(mine) else None


def _sidebar_lines(state: ClientState) -> list[SidebarLine]:
    numbers = {one.name: str(number) for number, one in enumerate(select.sidebar_conversations(state)[:9], 1)}
    rooms = [_conversation_line(one, numbers) for one in select.list_rooms(state, mine=True)]
    directs = [_conversation_line(one, numbers) for one in select.list_directs(state)]
    return [
        SidebarLine("", "class:text", "  " + i18n.translate("sidebar.home")),
        SidebarLine(None, "class:heading", i18n.translate("sidebar.rooms")),
        *(rooms or [SidebarLine(None, "class:hint", "  " + i18n.translate("sidebar.no_rooms"))]),
        SidebarLine(None, "class:heading", i18n.translate("sidebar.friends")),
        *(directs or [SidebarLine(None, "class:hint", "  " + i18n.translate("sidebar.no_friends"))]),
    ]


def _conversation_line(one: Conversation, numbers: dict[str, str]) -> SidebarLine:
    more = "+" if one.may_name_more else ""
    count = f"{f'@{one.mentions}{more} ' if one.mentions else ''}{one.unread or ''}"
    style = "class:mentioned" if one.mentions else "class:unread" if one.unread else "class:text"
    return SidebarLine(
        one.name,
        style,
        f"{numbers.get(one.name, ' ')} {_status_mark(one)}{drawable_text(one.name[1:])}",
        count,
    )


def _status_mark(one: Conversation) -> str:
    """Filled: I have entered the room, the friend is online. Half: is away. A diamond is a private room."""
    if one.is_room:
        return ("◆ " if one.entered else "◇ ") if one.private else ("● " if one.entered else "○ ")
    return ("◐ " if one.away else "● ") if one.online else "○ "


@lru_cache(maxsize=1024)
def _line_row(line: SidebarLine, is_current: bool, width: int) -> Row:
    label = fit_text(line.label, max(0, width - column_count(line.waiting) - 1))
    return [("class:current" if is_current else line.style, fit_text(f"{label} {line.waiting}", width))]
