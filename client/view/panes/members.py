"""The pane on the right: who holds the seats of the room in sight, by account, the nickname behind it.

They come in the order of ``model.roster``, who is here first. What there is no room for can be scrolled to.
"""

from chatroom.client.model.state import Conversation
from chatroom.client.text import i18n
from chatroom.client.view.draw.text import Row, drawable_text, fit_text
from chatroom.client.view.draw.theme import nickname_style
from chatroom.client.view.history.message_rows import key_hint
from chatroom.protocol.values import Member

WIDTH = 20


class MembersPane:
    """The pane, and how far somebody has scrolled in it. In another room it begins at the top again."""

    def __init__(self) -> None:
        self._room = ""
        self._first = 0  # how many stand above what is in sight
        self._page = 1  # how many were in sight

    def scroll_pages(self, pages: int) -> None:
        """Scroll so many pages down, or up where negative; the next picture knows where the end is."""
        self._first = max(0, self._first + pages * self._page)

    def pane_rows(self, room: Conversation, width: int, height: int, up: str, down: str) -> list[Row]:
        """``up`` and ``down`` are the keys that scroll. Those out of sight are counted."""
        taken = room.members or len(room.roster)
        heading = i18n.translate("members.heading", members=taken, capacity=room.capacity)
        rows: list[Row] = [[("class:heading", fit_text(heading, width))]]
        rows += self._seat_rows(room, width, height - 1 - (not room.member), up, down)
        if not room.member:
            rows.append(_hint_row(i18n.translate("members.join", room=room.name), width))
        return rows[:height]

    def _seat_rows(self, room: Conversation, width: int, height: int, up: str, down: str) -> list[Row]:
        roster, first = room.roster, self._first_shown(room, height)
        left = height - (first > 0)
        left -= len(roster) - first > left
        shown = roster[first : first + max(0, left)]
        self._page = max(1, len(shown))
        rows = [_member_row(member, width) for member in shown]
        if first:
            rows.insert(0, _hint_row(i18n.translate("members.above", others=first) + key_hint(up), width))
        if others := len(roster) - first - len(shown):
            rows.append(_hint_row(i18n.translate("members.others", others=others) + key_hint(down), width))
        return rows

    def _first_shown(self, room: Conversation, height: int) -> int:
        """How many are to stand above: never so many that there is room left below, and never one, in whose
        place it would be told.
        """
        most = len(room.roster) - height
        if room.name != self._room:
            self._room, self._first = room.name, 0
        self._first = min(self._first, most + 1) if most > 0 else 0
        self._first -= self._first == 1
        return self._first


def _member_row(member: Member, width: int) -> Row:
    name = drawable_text(member.username)
    if member.nickname and member.nickname != member.username:
        name += f" ({drawable_text(member.nickname)})"
    mark = "◐" if member.online and member.away else "●" if member.online and member.entered else "○"
    style = nickname_style(member.username) if member.online else "class:offline"
    return [
        ("class:online" if member.online else "class:offline", f"{mark} "),
        (style, fit_text(name, width - 2)),
    ]


def _hint_row(text: str, width: int) -> Row:
    return [("class:hint", fit_text(text, width))]
