"""The pane on the right: the members of the current room, with account and nickname.

They are in the order of ``model.roster``: members who are in the room come first. A star marks the owner, an
empty one the moderators.
"""

from chatroom.client.model.roster import role_of
from chatroom.client.model.state import Conversation
from chatroom.client.text import i18n
from chatroom.client.view.draw.text import Row, column_count, drawable_text, fit_text
from chatroom.client.view.draw.theme import nickname_style
from chatroom.client.view.history.message_rows import key_hint
from chatroom.protocol.safe import safe_text
from chatroom.protocol.values import Member

MIN_WIDTH, MAX_WIDTH = 9, 20
"""Columns of the pane, unless the user has set them."""

_LONG_LIST = 15
_LONG_LIST_WIDTH = 16
"""A longer list is scrolled; the hint about the hidden members needs these columns."""

_MEASURED_MEMBERS = 100
"""Members whose names are measured for the width of the pane."""


def preferred_width(room: Conversation) -> int:
    """Return the columns that the rows need."""
    names = (_member_name(member, room.owner) for member in room.roster[:_MEASURED_MEMBERS])
    widest = max((column_count(name) + 2 for name in names), default=0)
    scrolled = _LONG_LIST_WIDTH if len(room.roster) > _LONG_LIST else 0
    return max(MIN_WIDTH, min(MAX_WIDTH, max(widest, scrolled, column_count(_heading(room)))))


class MembersPane:
    """The pane and its scroll offset, which is reset in another room."""

    def __init__(self) -> None:
        self._room = ""
        self._offset = 0  # how many members are above the visible ones
        self._page_size = 1  # how many were visible last
        self.visible_names: list[str] = []  # by row; empty for a row without a member

    def scroll_pages(self, pages: int) -> None:
        """Scroll down by pages, or up if negative. The next frame limits the offset."""
        self._offset = max(0, self._offset + pages * self._page_size)

    def pane_rows(self, room: Conversation, width: int, height: int, up: str, down: str) -> list[Row]:
        """Return the rows. ``up`` and ``down`` are the names of the keys that scroll."""
        heading = _heading(room)
        if column_count(heading) > width:
            heading = f"{_member_count(room)}/{room.capacity}"
        rows: list[Row] = [[("class:heading", fit_text(heading, width))]]
        rows += self._member_rows(room, width, height - 1 - (not room.member), up, down)
        if not room.member:
            rows.append(_hint_row(i18n.translate("members.join", room=room.name), width))
        return rows[:height]

    def _member_rows(self, room: Conversation, width: int, height: int, up: str, down: str) -> list[Row]:
        roster, offset = room.roster, self._clamped_offset(room, height)
        lines = height - (offset > 0)
        lines -= len(roster) - offset > lines
        visible = roster[offset : offset + max(0, lines)]
        self._page_size = max(1, len(visible))
        rows = [_member_row(member, room.owner, width) for member in visible]
        names = [safe_text(member.nickname or member.username) for member in visible]
        self.visible_names = ["", *([""] if offset else []), *names]
        if offset:
            rows.insert(0, _hint_row(i18n.translate("members.above", others=offset) + key_hint(up), width))
        if others := len(roster) - offset - len(visible):
            rows.append(_hint_row(i18n.translate("members.others", others=others) + key_hint(down), width))
        return rows

    def _clamped_offset(self, room: Conversation, height: int) -> int:
        """Return how many members to hide above.

        No line below stays empty. It is never 1, because the hint itself takes a line.
        """
        excess = len(room.roster) - height
        if room.name != self._room:
            self._room, self._offset = room.name, 0
        self._offset = min(self._offset, excess + 1) if excess > 0 else 0
        self._offset -= self._offset == 1
        return self._offset


def _heading(room: Conversation) -> str:
    return i18n.translate("members.heading", members=_member_count(room), capacity=room.capacity)


def _member_count(room: Conversation) -> int:
    return room.members or len(room.roster)


ROLE_MARKS = {"owner": "★", "moderator": "☆"}
"""Marks behind the names of these members."""


def _member_name(member: Member, owner: str) -> str:
    name = drawable_text(member.username)
    if role := role_of(member, owner):
        name += ROLE_MARKS[role]
    if member.nickname and member.nickname != member.username:
        name += f" ({drawable_text(member.nickname)})"
    return name


def _member_row(member: Member, owner: str, width: int) -> Row:
    name = _member_name(member, owner)
    mark = "◐" if member.online and member.away else "●" if member.online and member.entered else "○"
    style = nickname_style(member.username) if member.online else "class:offline"
    return [
        ("class:online" if member.online else "class:offline", f"{mark} "),
        (style, fit_text(name, width - 2)),
    ]


def _hint_row(text: str, width: int) -> Row:
    return [("class:hint", fit_text(text, width))]
