"""What the limits have cost so far, for ``chat-server admin limits`` and ``/metrics``."""

from dataclasses import dataclass

from chatroom.server.net.fair_queue import ReadLanes
from chatroom.server.net.memory_budget import MemoryBudget
from chatroom.server.net.rates import ServerRates
from chatroom.server.state.disk_space import DiskSpace


@dataclass(frozen=True, slots=True)
class LimitReport:
    """Reads the counters of one server process. Callable on any thread."""

    memory: MemoryBudget
    rates: ServerRates
    lanes: ReadLanes
    disk: DiskSpace

    def gauges(self) -> list[tuple[str, str, int]]:
        """Return the current values: name, meaning, value."""
        return [
            ("held_bytes", "Bytes that wait for slow clients, or to be handled", self.memory.held_bytes),
            ("waiting_reads", "Reads of sessions that wait for their turn", self.lanes.waiting),
            ("disk_free_bytes", "Free space of the disk of an SQLite database", self.disk.free_bytes),
            ("disk_full", "Whether messages are refused because the disk is full", int(self.disk.is_full)),
        ]

    def counters(self) -> list[tuple[str, str, int]]:
        """Return what happened since the start: name, meaning, number."""
        return [
            ("memory_disconnects", "Clients disconnected to free memory", self.memory.dropped),
            ("limited_messages", "Messages above the rate of an account or address",
             self.rates.messages.refusals),
            ("limited_requests", "Requests above the rate of an account or address",
             self.rates.requests.refusals),
            ("limited_days", "Messages above the quota of a day", self.rates.day_refusals),
        ]  # fmt: skip
