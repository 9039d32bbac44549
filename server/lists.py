"""What there is, as an administrator reads it: tables of accounts, sessions, rooms and invitations. The
counterpart is ``steward``, who is asked for them.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from unicodedata import east_asian_width

from db.passes import Pass
from db.records import Account, Room
from protocol import labels
from protocol.values import format_time
from server.live import Directory


def of_accounts(kept: Iterable[Account], directory: Directory) -> list[str]:
    """With the number of sessions that each has here."""
    rows = [("NAME", "REGISTERED", "SESSIONS", "")]
    for one in kept:
        live = directory.accounts.get(one.id)
        sessions, mark = len(live.speakers) if live else 0, "disabled" if one.disabled else ""
        rows.append((one.username, _day(one.registered_at), str(sessions), mark))
    return _table(rows)


def of_sessions(directory: Directory) -> list[str]:
    """With the number by which each is ended."""
    rows = [("SESSION", "NAME", "FROM", "SINCE")]
    for speaker in sorted(directory.speakers(), key=lambda speaker: speaker.number):
        assert speaker.account is not None
        since = format_time(speaker.since)
        rows.append((str(speaker.number), speaker.account.username, speaker.address, since))
    return _table(rows)


def of_rooms(kept: Iterable[Room]) -> list[str]:
    rows = [("ROOM", "MEMBERS", "MESSAGES", "OWNER", "")]
    for room in kept:
        seats, marks = f"{room.members}/{room.capacity}", " ".join(_marks(room))
        rows.append((labels.room(room.name), seats, str(room.head), room.owner, marks))
    return _table(rows)


def of_invitations(kept: Iterable[Pass], users: Mapping[bytes, Sequence[str]]) -> list[str]:
    """With the names of those who came by each."""
    rows = [("INVITATION", "LEFT", "UNTIL", "ROOM", "MADE BY", "USED BY")]
    for one in kept:
        room, maker = labels.room(one.room) if one.room else "-", one.maker or "-"
        came, until = " ".join(users.get(one.digest, [])), format_time(one.expires_at)
        rows.append((short(one), str(one.uses_left), until, room, maker, came))
    return _table(rows)


def short(one: Pass) -> str:
    """What an administrator calls an invitation: enough of its digest to tell it from the others."""
    return one.digest.hex()[:12]


def _marks(room: Room) -> Iterator[str]:
    """What makes a room another than most."""
    if room.private:
        yield "private"
    if room.password_hash is not None:
        yield "locked"


def _day(milliseconds: int) -> str:
    return format_time(milliseconds).partition("T")[0]


def _table(rows: Sequence[tuple[str, ...]]) -> list[str]:
    """Rows as lines, each column as wide as its widest cell."""
    widths = [max(map(_width, column)) for column in zip(*rows, strict=True)]
    return ["  ".join(map(_padded, row, widths)).rstrip() for row in rows]


def _padded(cell: str, width: int) -> str:
    return cell + " " * (width - _width(cell))


def _width(cell: str) -> int:
    """In columns of a terminal, near enough for names."""
    return sum(2 if east_asian_width(character) in "WF" else 1 for character in cell)
