"""What a server sends, cut into lines, with bounded memory: of a line that is too long only the beginning is
kept. The server's counterpart is ``protocol.wire.LineBuffer``, which ends at such a line.
"""

import re
from collections.abc import Iterator
from typing import NamedTuple

KEPT = 256
"""Bytes of a line that is too long: they hold the id of the request that it answers."""

_ID = re.compile(rb'"id"\s*:\s*(\d{1,15})\b')


class AnswerLine(NamedTuple):
    """``too_long``: this is the beginning only."""

    data: bytes
    too_long: bool

    @property
    def id(self) -> int | None:
        """The id of the request that this line answers, as far as that can be seen in what cannot be read."""
        found = _ID.search(self.data[:KEPT]) or _ID.search(self.data[-KEPT:])
        return int(found[1]) if found else None


class AnswerLines:
    """``limit``: the longest line in bytes."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._parts: list[bytes] = []
        self._size = 0

    def feed(self, data: bytes) -> Iterator[AnswerLine]:
        """The lines that end in this data; empty ones are passed over."""
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
            self._parts = [b"".join(self._parts)[:KEPT] or part[:KEPT]]
