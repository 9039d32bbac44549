"""Text tables of accounts, sessions, rooms and invitations for admin commands."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from unicodedata import east_asian_width

from chatroom.db.account_erasure.erasure_queue import AccountErasure
from chatroom.db.queries.instances import DEAD_AFTER_SECONDS, InstanceRecord
from chatroom.db.queries.invite_codes import InviteCode
from chatroom.db.records import AccountRecord, RoomRecord
from chatroom.protocol import labels
from chatroom.protocol.values import format_time
from chatroom.server.state.directory import LiveDirectory
from chatroom.server.state.limit_report import LimitReport


def account_table(accounts: Iterable[AccountRecord], directory: LiveDirectory) -> list[str]:
    """Return the accounts, each with its number of sessions on this server."""
    rows = [("NAME", "REGISTERED", "SESSIONS", "")]
    for account in accounts:
        live = directory.find_account(account.id)
        sessions, mark = len(live.speakers) if live else 0, _account_mark(account)
        rows.append((account.username, _format_day(account.registered_at), str(sessions), mark))
    return _format_table(rows)


def _account_mark(account: AccountRecord) -> str:
    if account.erased:
        return "erased"
    return "disabled" if account.disabled else ""


def erasure_table(erasures: Iterable[AccountErasure], conversations: int) -> list[str]:
    """Return the erasures that are not complete, and how many of the conversations each has looked at."""
    rows = [("NAME", "SINCE", "MESSAGES", "CONVERSATIONS")]
    for erasure in erasures:
        at = f"{min(erasure.conversation_id, conversations)}/{conversations}"
        since = format_time(erasure.requested_at)
        rows.append((erasure.neutral_name, since, str(erasure.messages), at))
    return _format_table(rows)


def session_table(directory: LiveDirectory) -> list[str]:
    """Return the sessions, each with the number that ``end-session`` takes."""
    rows = [("SESSION", "NAME", "FROM", "SINCE")]
    for speaker in sorted(directory.all_speakers(), key=lambda speaker: speaker.number):
        assert speaker.account is not None
        since = format_time(speaker.since)
        rows.append((str(speaker.number), speaker.account.username, speaker.address, since))
    return _format_table(rows)


def server_table(instances: Iterable[InstanceRecord], now: int) -> list[str]:
    """Return the server processes, each with the number of its accounts and the age of its last heartbeat."""
    rows = [("SERVER", "ACCOUNTS", "SINCE", "SEEN")]
    for instance in instances:
        age = max(0, now - instance.seen_at)
        state = f"{age // 1000} s ago" + (" (dead)" if age > DEAD_AFTER_SECONDS * 1000 else "")
        since = "-" if instance.started_at is None else format_time(instance.started_at)
        rows.append((instance.name or "-", str(instance.accounts), since, state))
    return _format_table(rows)


def room_table(rooms: Iterable[RoomRecord]) -> list[str]:
    rows = [("ROOM", "MEMBERS", "MESSAGES", "OWNER", "")]
    for room in rooms:
        seats, marks = f"{room.members}/{room.capacity}", " ".join(_room_marks(room))
        rows.append((labels.room_label(room.name), seats, str(room.head + 1 - room.first), room.owner, marks))
    return _format_table(rows)


def limit_table(report: LimitReport) -> list[str]:
    """Return what the limits have cost so far."""
    rows = [("VALUE", "MEANING")]
    rows += [(str(value), purpose) for _, purpose, value in (*report.gauges(), *report.counters())]
    return _format_table(rows)


def invitation_table(codes: Iterable[InviteCode], users: Mapping[bytes, Sequence[str]]) -> list[str]:
    """Return the invitation codes, each with the usernames that used it."""
    rows = [("INVITATION", "LEFT", "UNTIL", "ROOM", "MADE BY", "USED BY")]
    for code in codes:
        room, maker = labels.room_label(code.room) if code.room else "-", code.maker or "-"
        used_by, until = " ".join(users.get(code.digest, [])), format_time(code.expires_at)
        rows.append((short_digest(code), str(code.uses_left), until, room, maker, used_by))
    return _format_table(rows)


def short_digest(code: InviteCode) -> str:
    """Return the beginning of a code's digest, which names the invitation in admin commands."""
    return code.digest.hex()[:12]


def _room_marks(room: RoomRecord) -> Iterator[str]:
    """Return the marks of a private or locked room, or one whose owner limits its retention."""
    if room.private:
        yield "private"
    if room.password_hash is not None:
        yield "locked"
    if room.retention_days is not None:
        yield f"retention:{room.retention_days}d"


def _format_day(milliseconds: int) -> str:
    return format_time(milliseconds).partition("T")[0]


def _format_table(rows: Sequence[tuple[str, ...]]) -> list[str]:
    """Return rows as lines, each column as wide as its widest cell."""
    widths = [max(map(_cell_width, column)) for column in zip(*rows, strict=True)]
    return ["  ".join(map(_pad_cell, row, widths)).rstrip() for row in rows]


def _pad_cell(cell: str, width: int) -> str:
    return cell + " " * (width - _cell_width(cell))


def _cell_width(cell: str) -> int:
    """Return the width of a cell in terminal columns, close enough for names."""
    return sum(2 if east_asian_width(character) in "WF" else 1 for character in cell)
