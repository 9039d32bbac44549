"""The members of a room as a list in display order. Used by ``apply``.

Every function keeps the order, so that a room with thousands of members is not sorted for each redraw. A list
is never changed in place, so a view can compare lists by identity to see whether anything changed.
"""

from bisect import insort
from collections.abc import Iterable

from msgspec import UNSET, UnsetType
from msgspec.structs import replace

from chatroom.protocol.values import Member


def ordered_members(members: Iterable[Member]) -> list[Member]:
    """Sort members: online ones first, of these the ones in the room, then by name."""
    return sorted(members, key=_sort_key)


def with_page(roster: list[Member], page: Iterable[Member]) -> list[Member]:
    """Add a page of members; they replace those with the same user name."""
    return ordered_members({member.username: member for member in (*roster, *page)}.values())


def members_of_names(usernames: Iterable[str]) -> list[Member]:
    """Return members of which only the user name is known."""
    return ordered_members(map(_unknown_member, usernames))


def find_member(roster: list[Member], username: str) -> Member | None:
    return next((member for member in roster if member.username == username), None)


def without_member(roster: list[Member], username: str) -> list[Member]:
    return [member for member in roster if member.username != username]


def with_member(roster: list[Member], member: Member) -> list[Member]:
    """Add a member, or replace the one with the same user name."""
    others = without_member(roster, member.username)
    insort(others, member, key=_sort_key)
    return others


def with_entered(roster: list[Member], username: str, nickname: str, *, inside: bool) -> list[Member]:
    """Apply that a member entered, left or changed the nickname. A member in the room is online."""
    known = find_member(roster, username) or _unknown_member(username)
    online = inside or known.online
    return with_member(roster, replace(known, nickname=nickname, entered=inside, online=online))


def role_of(member: Member, owner: str) -> str:
    """Return ``owner``, ``moderator`` or an empty string; ``owner`` is the room's."""
    if member.username == owner:
        return "owner"
    return "moderator" if member.role == "moderator" else ""


def with_role(roster: list[Member], username: str, role: str) -> list[Member]:
    """Apply a new role of a member; an empty one is that of an ordinary member. A room has one owner."""
    if role == "owner":
        previous = [member.username for member in roster if member.role == "owner"]
        for name in previous:
            roster = with_role(roster, name, "")
    known = find_member(roster, username)
    return with_member(roster, replace(known, role=role or UNSET)) if known else roster


def with_presence(roster: list[Member], username: str, online: bool, away: str | UnsetType) -> list[Member]:
    """Apply a change of presence or away text. Other users than the members are ignored."""
    known = find_member(roster, username)
    return with_member(roster, replace(known, online=online, away=away)) if known else roster


def _unknown_member(username: str) -> Member:
    return Member(username=username, nickname="", entered=False, online=False)


def _sort_key(member: Member) -> tuple[bool, bool, str]:
    return not member.online, not member.entered, member.username.casefold()
