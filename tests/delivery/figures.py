"""Numbers that show what happened in a run, and so how much a clean verdict is worth."""

from collections import Counter, defaultdict
from dataclasses import dataclass

from tests.delivery.history import (
    Ack,
    Applied,
    Arrival,
    Attempt,
    Healed,
    History,
    InjectedFault,
    Page,
    Refusal,
)
from tests.delivery.history_index import Name


@dataclass(frozen=True)
class Figures:
    acknowledged: int  # distinct messages
    connections: int
    events: int
    pages: int
    applied: int
    duplicates: int  # answers with ``duplicate``: resends that were not stored
    resolved: int  # messages resent after an unknown outcome and then acknowledged
    breakages: Counter[str]
    with_sends_in_flight: int  # faults while sends were in flight
    longest: float  # seconds from a message's first attempt to its acknowledgement
    recovery: float  # seconds from healing to the last answer

    def __str__(self) -> str:
        broken = (
            ", ".join(f"{count} × {fault}" for fault, count in sorted(self.breakages.items())) or "nothing"
        )
        return "\n".join(
            (
                f"acknowledged messages        {self.acknowledged}",
                f"shown by events, in pages    {self.events}, {self.pages} ({self.applied} applied)",
                f"connections                  {self.connections}",
                f"broken                       {broken}",
                f"  with acks in flight        {self.with_sends_in_flight}",
                f"unknown outcomes resolved    {self.resolved}",
                f"duplicates suppressed        {self.duplicates}",
                f"longest wait for an ack      {self.longest:.1f} s",
                f"recovery after healing       {self.recovery:.1f} s",
            )
        )


def figures(history: History) -> Figures:
    acks = list(history.of(Ack))
    attempts: dict[Name, list[Attempt]] = defaultdict(list)
    for attempt in history.of(Attempt):
        attempts[Name(attempt.client, attempt.cid)].append(attempt)
    first = {Name(ack.client, ack.cid): ack for ack in reversed(acks)}
    spoilt = list(history.of(InjectedFault))
    healed = next((record.at for record in history.of(Healed)), 0.0)
    return Figures(
        acknowledged=len(first),
        connections=len({(record.client, record.connection) for record in history.records if record.client}),
        events=sum(1 for _ in history.of(Arrival)),
        pages=sum(len(page.messages) for page in history.of(Page)),
        applied=sum(1 for _ in history.of(Applied)),
        duplicates=sum(ack.duplicate for ack in acks),
        resolved=sum(_was_unknown(attempts[name], ack) for name, ack in first.items()),
        breakages=Counter(each.fault for each in spoilt),
        with_sends_in_flight=sum(each.unanswered > 0 for each in spoilt),
        longest=max((ack.at - attempts[name][0].at for name, ack in first.items()), default=0.0),
        recovery=max(
            (each.at - healed for each in (*acks, *history.of(Refusal)) if each.at > healed), default=0.0
        ),
    )


def _was_unknown(attempts: list[Attempt], ack: Ack) -> bool:
    """Whether there was an earlier attempt than the answered one."""
    return any(attempt.id != ack.id and attempt.at < ack.at for attempt in attempts)
