"""Honest users during an attack, and the latency of their requests."""

import threading
import time
from dataclasses import dataclass, field

from tests.support.processes import Wire

PING_EVERY = 0.02
SEND_EVERY = 0.25


@dataclass
class Waits:
    """The latency of each response in seconds."""

    pings: list[float] = field(default_factory=list)
    acks: list[float] = field(default_factory=list)

    def percentile(self, name: str, share: float) -> float:
        """Return a percentile of the latency in milliseconds."""
        return _share(getattr(self, name), share)

    def __str__(self) -> str:
        return " ".join(
            f"{name}: {len(waits)} answers, p50 {_share(waits, 0.5):.0f} ms, p99 {_share(waits, 0.99):.0f} ms"
            for name, waits in (("ping", self.pings), ("ack", self.acks))
        )


def _share(waits: list[float], share: float) -> float:
    """Return the percentile of the latency in milliseconds."""
    return 1000 * sorted(waits)[min(len(waits) - 1, int(len(waits) * share))]


def measure(pinging: Wire, sending: Wire, room: str, seconds: float) -> Waits:
    """One user sends pings, the other sends messages to a room."""
    waits, end = Waits(), time.monotonic() + seconds
    threads = [
        threading.Thread(
            target=_repeat, args=(waits.pings, PING_EVERY, end, lambda: pinging.request("ping"))
        ),
        threading.Thread(
            target=_repeat,
            args=(waits.acks, SEND_EVERY, end, lambda: sending.request("send", to=room, text="hello")),
        ),
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return waits


def _repeat(waits: list[float], every: float, end: float, ask: object) -> None:
    assert callable(ask)
    while time.monotonic() < end:
        began = time.monotonic()
        ask()
        waits.append(time.monotonic() - began)
        time.sleep(max(0.0, began + every - time.monotonic()))
