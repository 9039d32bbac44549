"""What there is, as an administrator reads it: tables of accounts, sessions, rooms and invitations. The
counterpart is ``steward``, who is asked for them.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from unicodedata import east_asian_width

from chatroom.db.queries.invite_codes import InviteCode
from chatroom.db.records import AccountRecord, RoomRecord
from chatroom.protocol import labels
from chatroom.protocol.values import format_time
from chatroom.server.state.directory import LiveDirectory


def account_table(kept: Iterable[AccountRecord], directory: LiveDirectory) -> list[str]:
    """With the number of sessions that each has here."""
    rows = [("NAME", "REGISTERED", "SESSIONS", "")]
    for one in kept:
        live = directory.accounts.get(one.id)
        sessions, mark = len(live.speakers) if live else 0, "disabled" if one.disabled else ""
        rows.append((one.username, _format_day(one.registered_at), str(sessions), mark))
    return _format_table(rows)


def session_table(directory: LiveDirectory) -> list[str]:
    """With the number by which each is ended."""
    rows = [("SESSION", "NAME", "FROM", "SINCE")]
    for speaker in sorted(directory.all_speakers(), key=lambda speaker: speaker.number):
        assert speaker.account is not None
        since = format_time(speaker.since)
        rows.append((str(speaker.number), speaker.account.username, speaker.address, since))
    return _format_table(rows)


def room_table(kept: Iterable[RoomRecord]) -> list[str]:
    rows = [("ROOM", "MEMBERS", "MESSAGES", "OWNER", "")]
    for room in kept:
        seats, marks = f"{room.members}/{room.capacity}", " ".join(_room_marks(room))
        rows.append((labels.room_label(room.name), seats, str(room.head), room.owner, marks))
    return _format_table(rows)


def invitation_table(kept: Iterable[InviteCode], users: Mapping[bytes, Sequence[str]]) -> list[str]:
    """With the names of those who came by each."""
    rows = [("INVITATION", "LEFT", "UNTIL", "ROOM", "MADE BY", "USED BY")]
    for one in kept:
        room, maker = labels.room_label(one.room) if one.room else "-", one.maker or "-"
        came, until = " ".join(users.get(one.digest, [])), format_time(one.expires_at)
        rows.append((short_digest(one), str(one.uses_left), until, room, maker, came))
    return _format_table(rows)


def short_digest(one: InviteCode) -> str:
    """What an administrator calls an invitation: enough of its digest to tell it from the others."""
    return one.digest.hex()[:12]


def _room_marks(room: RoomRecord) -> Iterator[str]:
    """What makes a room another than most."""
    if room.private:
        yield "private"
    if room.password_hash is not None:
        yield "locked"


def _format_day(milliseconds: int) -> str:
    return format_time(milliseconds).partition("T")[0]


def _format_table(rows: Sequence[tuple[str, ...]]) -> list[str]:
    """Rows as lines, each column as wide as its widest cell."""
    widths = [max(map(_cell_width, column)) for column in zip(*rows, strict=True)]
    return ["  ".join(map(_pad_cell, row, widths)).rstrip() for row in rows]


def _pad_cell(cell: str, width: int) -> str:
    return cell + " " * (width - _cell_width(cell))


def _cell_width(cell: str) -> int:
    """In columns of a terminal, near enough for names."""
    return sum(2 if east_asian_width(character) in "WF" else 1 for character in cell)
