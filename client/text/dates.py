"""A moment as people type it: ``2022-12-15``, ``12-15 20:07``, ``20:07``, ``yesterday``, ``昨天 8:00``.

The counterpart is ``protocol.values``, which words moments for the wire.
"""

import re
import time as clocks
from datetime import UTC, datetime, time, timedelta
from functools import lru_cache

from chatroom.protocol.values import parse_time

UNKNOWN = "????-??-?? ??:??:??"
"""Shown where a server sends no time that can be read."""

_WIRE = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", re.ASCII)

_DATE = re.compile(r"(?:(?P<year>\d{4})[-/.])?(?P<month>\d{1,2})[-/.](?P<day>\d{1,2})")
_TIME = re.compile(r"(?P<hour>\d{1,2}):(?P<minute>\d{2})(?::(?P<second>\d{2}))?")

_DAYS = {"today": 0, "今天": 0, "yesterday": -1, "昨天": -1}


LEAP_YEARS_APART = 8
"""Years between two leap years at most: 1896 and 1904."""


class DateError(ValueError):
    """What was typed is no moment."""


def parse_moment(typed: str, now: datetime) -> datetime:
    """The moment, where this terminal stands; ``now`` knows its own zone. Raises ``DateError``.

    A day without a time begins at midnight, a time without a day is today's, a day without a year the last
    such day.
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
    """As the protocol writes it."""
    return f"{moment.astimezone(UTC).replace(tzinfo=None).isoformat(timespec='seconds')}.000Z"


def milliseconds(wire_time: str) -> int | None:
    """A time of the protocol in milliseconds since 1970; ``None`` where it cannot be read."""
    try:
        return parse_time(wire_time)
    except (ValueError, OverflowError):
        return None


def clock(wire_time: str) -> str:
    """A time of the protocol where this terminal stands: ``2022-12-15 20:07:40``."""
    if _WIRE.fullmatch(wire_time):
        minute = _minute(wire_time[:16])
        return f"{minute}:{wire_time[17:19]}" if minute else UNKNOWN
    moment = milliseconds(wire_time)
    return UNKNOWN if moment is None else local(moment)


def local(moment: int) -> str:
    """Milliseconds since 1970 as ``2022-12-15 20:07:40`` where this terminal stands."""
    try:
        return clocks.strftime("%Y-%m-%d %H:%M:%S", clocks.localtime(moment // 1000))
    except (ValueError, OverflowError, OSError):
        return UNKNOWN


@lru_cache(maxsize=1024)
def _minute(minute: str) -> str:
    """``2022-12-15T20:07`` in UTC -> ``2022-12-15 20:07`` here; empty for no such minute. Cached, because
    ``/save`` writes a million messages.
    """
    moment = milliseconds(f"{minute}Z")
    return "" if moment is None else local(moment)[:16]


def _parse_day(word: str, now: datetime) -> datetime:
    if (days := _DAYS.get(word.lower())) is not None:
        return now + timedelta(days=days)
    found = _DATE.fullmatch(word)
    if found is None:
        raise DateError(word)
    year, month, date = (int(part or 0) for part in found.groups())
    years = [year] if year else range(now.year, now.year - LEAP_YEARS_APART - 1, -1)
    valid = (_valid_day(now, each, month, date) for each in years)
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
    found = _TIME.fullmatch(word)
    if found is None:
        raise DateError(word)
    try:
        hour, minute, second = (int(part or 0) for part in found.groups())
        return time(hour, minute, second)
    except ValueError:
        raise DateError(word) from None


def _local_moment(day: datetime, clock: time) -> datetime:
    """That time of that day, by the zone's clock of then. Raises ``DateError`` at the ends of the
    calendar."""
    try:
        moment = datetime.combine(day.date(), clock).astimezone()
        moment.astimezone(UTC)
    except (ValueError, OverflowError, OSError):
        raise DateError(f"{day} {clock}") from None
    return moment
