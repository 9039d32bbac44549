"""The pane on the right: who holds the seats of the room in sight, by account, the nickname behind it."""

from client import words
from client.model.state import Conversation
from client.view.text import Row, drawn, fit
from client.view.theme import nickname_style
from protocol.values import Member

WIDTH = 20


def members_rows(room: Conversation, width: int, height: int) -> list[Row]:
    """Who is here first; those for whom there is no room are counted."""
    taken = room.members or len(room.roster)
    heading = words.say("members.heading", members=taken, capacity=room.capacity)
    rows: list[Row] = [[("class:heading", fit(heading, width))]]
    roster = sorted(room.roster, key=_rank)
    most = height - 1 if len(roster) < height else height - 2
    rows += [_row(member, width) for member in roster[: max(0, most)]]
    if not room.member:
        rows.append([("class:hint", fit(words.say("members.join", room=room.name), width))])
    if len(roster) > most:
        rows.append([("class:hint", fit(words.say("members.others", others=len(roster) - most), width))])
    return rows[:height]


def _rank(member: Member) -> tuple[bool, bool, str]:
    return not member.online, not member.entered, member.username.casefold()


def _row(member: Member, width: int) -> Row:
    name = drawn(member.username)
    if member.nickname and member.nickname != member.username:
        name += f" ({drawn(member.nickname)})"
    mark = "◐" if member.online and member.away else "●" if member.online and member.entered else "○"
    style = nickname_style(member.username) if member.online else "class:offline"
    return [("class:online" if member.online else "class:offline", f"{mark} "), (style, fit(name, width - 2))]
