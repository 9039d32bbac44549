"""The pane on the left: home, joined rooms and friends, with presence and unread counts."""

from collections.abc import Mapping
from typing import NamedTuple

from chatroom.client.model import select
from chatroom.client.model.numbers import ConversationNumbers
from chatroom.client.model.state import ClientState, Conversation
from chatroom.client.text import i18n
from chatroom.client.view.draw.text import Row, column_count, drawable_text, fit_text
from chatroom.client.view.draw.widths import cached_by_width
from chatroom.client.view.panes.status import unread_counts

MIN_WIDTH, MAX_WIDTH = 10, 22
"""Columns of the pane, unless the user has set them."""


MAX_NUMBER = 9
"""The highest number that has a key."""


class SidebarLine(NamedTuple):
    """``name`` is the name of the conversation, ``""`` for home, or ``None`` for a heading."""

    name: str | None
    style: str
    label: str
    unread: str = ""


def sidebar_rows(
    state: ClientState, width: int, height: int, numbers: Mapping[str, int] | None = None
) -> list[Row]:
    """Return at most ``height`` rows around the current conversation.

    ``numbers`` are those of ``ConversationNumbers``, or else the places of the conversations.
    """
    lines = _sidebar_lines(
        state, ConversationNumbers(state).current_numbers() if numbers is None else numbers
    )
    current = next((at for at, line in enumerate(lines) if line.name == state.current), 0)
    first = max(0, min(current - height // 2, len(lines) - height))
    return [_line_row(line, line.name == state.current, width) for line in lines[first : first + height]]


def sidebar_names(state: ClientState, height: int) -> list[str | None]:
    """Return the name of the conversation in each row; ``None`` for headings."""
    names = [line.name for line in _sidebar_lines(state, {})]
    current = names.index(state.current) if state.current in names else 0
    first = max(0, min(current - height // 2, len(names) - height))
    return names[first : first + height]


def preferred_width(state: ClientState) -> int:
    """Return the columns that the rows need."""
    widest = max(_needed_columns(line) for line in _sidebar_lines(state, {}))
    return max(MIN_WIDTH, min(MAX_WIDTH, widest))


def _needed_columns(line: SidebarLine) -> int:
    return column_count(line.label) + column_count(line.unread) + 1


def _sidebar_lines(state: ClientState, numbered: Mapping[str, int]) -> list[SidebarLine]:
    numbers = {name: str(number) for name, number in numbered.items() if number <= MAX_NUMBER}
    rooms = [_conversation_line(room, numbers) for room in select.list_rooms(state, mine=True)]
    directs = [_conversation_line(direct, numbers) for direct in select.list_directs(state)]
    return [
        SidebarLine("", "class:text", "  " + i18n.translate("sidebar.home")),
        SidebarLine(None, "class:heading", i18n.translate("sidebar.rooms")),
        *(rooms or [SidebarLine(None, "class:hint", "  " + i18n.translate("sidebar.no_rooms"))]),
        SidebarLine(None, "class:heading", i18n.translate("sidebar.friends")),
        *(directs or [SidebarLine(None, "class:hint", "  " + i18n.translate("sidebar.no_friends"))]),
    ]


def _conversation_line(conversation: Conversation, numbers: dict[str, str]) -> SidebarLine:
    name = conversation.name
    unread_style = "class:unread" if conversation.unread else "class:text"
    style = "class:mentioned" if conversation.mentions else unread_style
    label = f"{numbers.get(name, ' ')} {_status_mark(conversation)}{drawable_text(name[1:])}"
    return SidebarLine(name, style, label, unread_counts(conversation))


def _status_mark(conversation: Conversation) -> str:
    """Filled: entered room or online friend. Half-filled: away. Diamond: private room."""
    if conversation.is_room:
        entered = conversation.entered
        return ("◆ " if entered else "◇ ") if conversation.private else ("● " if entered else "○ ")
    return ("◐ " if conversation.away else "● ") if conversation.online else "○ "


@cached_by_width(maxsize=1024)
def _line_row(line: SidebarLine, is_current: bool, width: int) -> Row:
    label = fit_text(line.label, max(0, width - column_count(line.unread) - 1))
    return [("class:current" if is_current else line.style, fit_text(f"{label} {line.unread}", width))]
