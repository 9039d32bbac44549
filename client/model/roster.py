"""Who holds the seats of a room: a list in the order in which people see it. Used by ``apply``.

The order is kept whenever somebody comes or goes, as a room of thousands must not be sorted for every
picture. A list is never changed in place: who drew one can tell by itself whether it is still that one.
"""

from bisect import insort
from collections.abc import Iterable

from chatroom.protocol.values import Member
from msgspec import UnsetType
from msgspec.structs import replace


def ordered_members(members: Iterable[Member]) -> list[Member]:
    """Who is here first, and of these, who is inside; then by name."""
    return sorted(members, key=_sort_key)


def members_of_names(usernames: Iterable[str]) -> list[Member]:
    """Of seats of which nothing more is known yet."""
    return ordered_members(map(_unknown_member, usernames))


def find_member(roster: list[Member], username: str) -> Member | None:
    return next((seat for seat in roster if seat.username == username), None)


def without_member(roster: list[Member], username: str) -> list[Member]:
    """Somebody has no seat any more."""
    return [seat for seat in roster if seat.username != username]


def with_member(roster: list[Member], seat: Member) -> list[Member]:
    """Somebody has this seat now, whatever they had before."""
    others = without_member(roster, seat.username)
    insort(others, seat, key=_sort_key)
    return others


def with_entered(roster: list[Member], username: str, nickname: str, *, inside: bool) -> list[Member]:
    """Somebody came in, went out or changed the nickname. Whoever is inside is here."""
    known = find_member(roster, username) or _unknown_member(username)
    online = inside or known.online
    return with_member(roster, replace(known, nickname=nickname, entered=inside, online=online))


def with_presence(roster: list[Member], username: str, online: bool, away: str | UnsetType) -> list[Member]:
    """Somebody is here or no longer, or away though here. Who has no seat changes nothing."""
    known = find_member(roster, username)
    return with_member(roster, replace(known, online=online, away=away)) if known else roster


def _unknown_member(username: str) -> Member:
    return Member(username=username, nickname="", entered=False, online=False)


def _sort_key(member: Member) -> tuple[bool, bool, str]:
    return not member.online, not member.entered, member.username.casefold()
