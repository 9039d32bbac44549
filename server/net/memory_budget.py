"""Bounds the memory of all connections together: bytes that peers have not read, and input that waits.

Each connection is bounded too, but many of them at their limits would fill the memory. If the sum exceeds the
limit, the connection that holds most is dropped first.
"""

import logging
import time
from typing import Protocol

from chatroom.protocol.errors import ChatError, SlowConsumer
from chatroom.server.net.limits import MINUTE

log = logging.getLogger(__name__)


class MemoryHolder(Protocol):
    """A connection that holds data."""

    address: str

    def close(self, reason: ChatError, *, at_once: bool) -> None: ...


class HeldBytes:
    """What one connection holds: output that its peer has not read, and input that waits."""

    __slots__ = ("_budget", "_holder", "_input", "_output")

    def __init__(self, budget: "MemoryBudget", holder: MemoryHolder) -> None:
        self._budget = budget
        self._holder = holder
        self._output = 0
        self._input = 0

    def add_output(self, size: int) -> None:
        self._output += size
        self._budget.hold(self._holder, self._output + self._input)

    def clear_output(self) -> None:
        self.add_output(-self._output)

    def set_input(self, size: int) -> None:
        if size != self._input:
            self._input = size
            self._budget.hold(self._holder, self._output + size)

    def clear(self) -> None:
        """The connection is lost."""
        self._output = self._input = 0
        self._budget.hold(self._holder, 0)


class MemoryBudget:
    """``limit`` is in bytes, 0 for none. ``held_bytes`` and ``dropped`` connections are counters."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._held: dict[MemoryHolder, int] = {}
        self._logged_at = -MINUTE
        self.held_bytes = 0
        self.dropped = 0

    def hold(self, holder: MemoryHolder, size: int) -> None:
        """Set how many bytes a connection holds now."""
        self.held_bytes += size - self._held.pop(holder, 0)
        if size:
            self._held[holder] = size
        while 0 < self._limit < self.held_bytes:
            self._drop_largest()

    def _drop_largest(self) -> None:
        largest = max(self._held, key=self._held.__getitem__)
        size = self._held.pop(largest)
        self.held_bytes -= size
        self.dropped += 1
        now = time.monotonic()
        if now - self._logged_at >= MINUTE:
            self._logged_at = now
            log.warning(
                "connections hold more than %d bytes: the largest ones are dropped, first %s with %d",
                self._limit,
                largest.address,
                size,
            )
        largest.close(SlowConsumer(), at_once=True)
