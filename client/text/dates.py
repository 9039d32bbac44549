"""Parses dates and times as users type them, and formats times of the protocol in local time.

Examples: ``2022-12-15``, ``12-15 20:07``, ``20:07``, ``yesterday``, ``昨天 8:00``.
"""

import re
import time as clocks
from datetime import UTC, datetime, time, timedelta
from functools import lru_cache

from chatroom.protocol.values import parse_time

UNKNOWN = "????-??-?? ??:??:??"
"""Shown for a time of the server that cannot be parsed."""

_WIRE = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", re.ASCII)

_DATE = re.compile(r"(?:(?P<year>\d{4})[-/.])?(?P<month>\d{1,2})[-/.](?P<day>\d{1,2})")
_TIME = re.compile(r"(?P<hour>\d{1,2}):(?P<minute>\d{2})(?::(?P<second>\d{2}))?")

_DAYS = {"today": 0, "今天": 0, "yesterday": -1, "昨天": -1}


LEAP_YEARS_APART = 8
"""The most years between two leap years, as from 1896 to 1904."""


class DateError(ValueError):
    """The text is not a date or time."""


def parse_moment(typed: str, now: datetime) -> datetime:
    """Parse a local date and time. ``now`` is aware of its time zone. Raises ``DateError``.

    A date without a time means midnight, a time without a date means today, and a date without a year means
    its last occurrence.
    """
    match typed.replace("T", " ").split():
        case [word] if ":" in word:
            return _local_moment(now, _parse_time(word))
        case [word]:
            return _local_moment(_parse_day(word, now), time())
        case [word, clock]:
            return _local_moment(_parse_day(word, now), _parse_time(clock))
    raise DateError(typed)


def wire_time(moment: datetime) -> str:
    """Format a moment as the protocol does."""
    return f"{moment.astimezone(UTC).replace(tzinfo=None).isoformat(timespec='seconds')}.000Z"


def milliseconds(wire_time: str) -> int | None:
    """Convert a time of the protocol to milliseconds since 1970; ``None`` if it cannot be parsed."""
    try:
        return parse_time(wire_time)
    except (ValueError, OverflowError):
        return None


def clock(wire_time: str) -> str:
    """Format a time of the protocol in local time: ``2022-12-15 20:07:40``."""
    if _WIRE.fullmatch(wire_time):
        minute = _minute(wire_time[:16])
        return f"{minute}:{wire_time[17:19]}" if minute else UNKNOWN
    moment = milliseconds(wire_time)
    return UNKNOWN if moment is None else local(moment)


def local(moment: int) -> str:
    """Format milliseconds since 1970 in local time: ``2022-12-15 20:07:40``."""
    try:
        return clocks.strftime("%Y-%m-%d %H:%M:%S", clocks.localtime(moment // 1000))
    except (ValueError, OverflowError, OSError):
        return UNKNOWN


@lru_cache(maxsize=1024)
def _minute(minute: str) -> str:
    """Convert ``2022-12-15T20:07`` in UTC to local ``2022-12-15 20:07``; empty for an invalid minute.

    Cached, because ``/save`` may write a million messages.
    """
    moment = milliseconds(f"{minute}Z")
    return "" if moment is None else local(moment)[:16]


def _parse_day(word: str, now: datetime) -> datetime:
    if (days := _DAYS.get(word.lower())) is not None:
        return now + timedelta(days=days)
    match = _DATE.fullmatch(word)
    if match is None:
        raise DateError(word)
    year, month, date = (int(part or 0) for part in match.groups())
    years = [year] if year else range(now.year, now.year - LEAP_YEARS_APART - 1, -1)
    valid = (_valid_day(now, candidate, month, date) for candidate in years)
    day = next((day for day in valid if day is not None and (year or day <= now)), None)
    if day is None:
        raise DateError(word)
    return day


def _valid_day(now: datetime, year: int, month: int, date: int) -> datetime | None:
    try:
        return now.replace(year=year, month=month, day=date)
    except ValueError:
        return None


def _parse_time(word: str) -> time:
    match = _TIME.fullmatch(word)
    if match is None:
        raise DateError(word)
    try:
        hour, minute, second = (int(part or 0) for part in match.groups())
        return time(hour, minute, second)
    except ValueError:
        raise DateError(word) from None


def _local_moment(day: datetime, clock: time) -> datetime:
    """Combine a day and a local time. Raises ``DateError`` outside of the calendar."""
    try:
        moment = datetime.combine(day.date(), clock).astimezone()
        moment.astimezone(UTC)
    except (ValueError, OverflowError, OSError):
        raise DateError(f"{day} {clock}") from None
    return moment
