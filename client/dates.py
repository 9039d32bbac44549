"""A moment as people type it: ``2022-12-15``, ``12-15 20:07``, ``20:07``, ``yesterday``, ``昨天 8:00``.

The counterpart is ``protocol.values``, which words moments for the wire.
"""

import re
from datetime import UTC, datetime, time, timedelta

_DATE = re.compile(r"(?:(?P<year>\d{4})[-/.])?(?P<month>\d{1,2})[-/.](?P<day>\d{1,2})")
_TIME = re.compile(r"(?P<hour>\d{1,2}):(?P<minute>\d{2})(?::(?P<second>\d{2}))?")

_DAYS = {"today": 0, "今天": 0, "yesterday": -1, "昨天": -1}


class NoDate(ValueError):
    """What was typed is no moment."""


def parse(typed: str, now: datetime) -> datetime:
    """The moment, where this terminal stands; ``now`` knows its own zone. Raises ``NoDate``.

    A day without a time begins at midnight, a time without a day is today's, a day without a year the last
    such day.
    """
    match typed.replace("T", " ").split():
        case [word] if ":" in word:
            return _at(now, _time(word))
        case [word]:
            return _at(_day(word, now), time())
        case [word, clock]:
            return _at(_day(word, now), _time(clock))
    raise NoDate(typed)


def wire(moment: datetime) -> str:
    """As the protocol writes it."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.000Z")


def _day(word: str, now: datetime) -> datetime:
    if (days := _DAYS.get(word.lower())) is not None:
        return now + timedelta(days=days)
    found = _DATE.fullmatch(word)
    if found is None:
        raise NoDate(word)
    year, month, date = (int(part or 0) for part in found.groups())
    try:
        day = now.replace(year=year or now.year, month=month, day=date)
        return day if year or day <= now else day.replace(year=day.year - 1)
    except ValueError:
        raise NoDate(word) from None


def _time(word: str) -> time:
    found = _TIME.fullmatch(word)
    if found is None:
        raise NoDate(word)
    try:
        hour, minute, second = (int(part or 0) for part in found.groups())
        return time(hour, minute, second)
    except ValueError:
        raise NoDate(word) from None


def _at(day: datetime, clock: time) -> datetime:
    """That time of that day, by the zone's clock of then."""
    return datetime.combine(day.date(), clock).astimezone()
