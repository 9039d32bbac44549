"""Log lines of events: a name, then fields, as in ``login address=192.0.2.1 account=Alice method=password``.

Operators' programs read these lines, so names and fields are stable (``docs/operating.md``). The address is
the first field. A value that is not a plain word is a JSON string, so no name that a peer chooses looks like
a field. Each record also has the attributes ``event`` and ``fields``, for other formats.
"""

import json
import logging
import re
from asyncio import AbstractEventLoop
from collections.abc import Mapping

from chatroom.server.net.limits import MINUTE, address_group

log = logging.getLogger("chatroom.server.events")

LINES_PER_MINUTE = 20
"""Lines of one event from one address; further ones are counted."""

MAX_ADDRESSES = 1000
"""Addresses that are counted apart. If there are more, the others share their lines."""

MAX_VALUE = 64
"""Characters of a value: a peer may send a longer name than any account has."""

PLAIN_VALUE = re.compile(r"[\w.:@#/+%-]+")

EventFields = Mapping[str, str | int | float]


def log_event(level: int, event: str, fields: EventFields) -> None:
    if log.isEnabledFor(level):
        log.log(level, "%s", event_text(event, fields), extra={"event": event, "fields": dict(fields)})


def event_text(event: str, fields: EventFields) -> str:
    return " ".join([event, *(f"{name}={_value_text(value)}" for name, value in fields.items())])


def _value_text(value: str | int | float) -> str:
    text = str(value)
    if len(text) > MAX_VALUE:
        text = f"{text[:MAX_VALUE]}…"
    return text if PLAIN_VALUE.fullmatch(text) else json.dumps(text, ensure_ascii=False)


class EventThrottle:
    """Logs events that a peer can cause at any rate: some lines a minute for each event and address, and at
    the end of the minute how many more there were."""

    def __init__(self, loop: AbstractEventLoop) -> None:
        self._loop = loop
        self._counts: dict[tuple[str, str], int] = {}

    def log_event(self, level: int, event: str, address: str, fields: EventFields) -> None:
        if not log.isEnabledFor(level):
            return
        key = event, address_group(address)
        if key not in self._counts:
            if len(self._counts) >= MAX_ADDRESSES:
                key = event, ""
            if key not in self._counts:
                self._counts[key] = 0
                self._loop.call_later(MINUTE, self._end_minute, level, key)
        self._counts[key] += 1
        if self._counts[key] <= LINES_PER_MINUTE:
            log_event(level, event, {"address": address, **fields})

    def _end_minute(self, level: int, key: tuple[str, str]) -> None:
        suppressed = self._counts.pop(key) - LINES_PER_MINUTE
        if suppressed > 0:
            event, place = key
            log_event(level, event, {"address": place or "many", "suppressed": suppressed})
