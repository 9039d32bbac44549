"""Splits the bytes that a server sends into lines, with bounded memory.

Only the beginning of a line that is too long is kept. The server's ``protocol.wire.LineBuffer`` instead ends
the connection at such a line.
"""

import re
from collections.abc import Iterator
from typing import NamedTuple

KEPT_BYTES = 256
"""Bytes that are kept of a line that is too long: enough to find the id of its request."""

_ID = re.compile(rb'"id"\s*:\s*(\d{1,15})\b')


class AnswerLine(NamedTuple):
    """A line. If it was ``too_long``, ``data`` is its beginning only."""

    data: bytes
    too_long: bool

    @property
    def id(self) -> int | None:
        """The id of the request that this unreadable line answers, if it can be found."""
        match = _ID.search(self.data[:KEPT_BYTES]) or _ID.search(self.data[-KEPT_BYTES:])
        return int(match[1]) if match else None


class AnswerLines:
    """Assembles lines of at most ``limit`` bytes."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._parts: list[bytes] = []
        self._size = 0

    def feed(self, data: bytes) -> Iterator[AnswerLine]:
        """Yield the lines that end in this data, except empty ones."""
        *ends, rest = data.split(b"\n")
        for end in ends:
            self._add(end)
            line = AnswerLine(b"".join(self._parts), self._size > self._limit)
            self._parts, self._size = [], 0
            if line.data and not line.data.isspace():
                yield line
        self._add(rest)

    def _add(self, part: bytes) -> None:
        self._size += len(part)
        if self._size <= self._limit:
            self._parts.append(part)
        else:
            self._parts = [b"".join(self._parts)[:KEPT_BYTES] or part[:KEPT_BYTES]]
