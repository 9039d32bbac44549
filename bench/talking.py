"""S1, S2 and S5: rooms with many clients; measures deliveries or confirmations per second."""

import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from bench import machine
from bench.figures import Figure, Measured, middle
from bench.hosts import FLOOR, OURS, Host, Opening, on_each
from bench.load import ClientPool, Talk
from bench.peers import PEERS
from bench.talkers import Client


@dataclass(frozen=True)
class Plan:
    """The clients and rooms of a scenario. ``window`` is each sender's maximum of unconfirmed messages."""

    name: str
    title: str
    people: int
    rooms: int
    speakers: int
    window: int
    counts: str  # deliveries, or confirmed

    @property
    def unit(self) -> str:
        return "deliveries/s" if self.counts == "deliveries" else "messages/s"


PLANS = {
    plan.name: plan
    for plan in (
        Plan("S1", "one room of 100, 10 speak, 16 unanswered each", 100, 1, 10, 16, "deliveries"),
        Plan("S2", "200 rooms of 10, all speak, 4 unanswered each", 2000, 200, 2000, 4, "deliveries"),
        Plan("S5a", "one sender, one at a time", 1, 1, 1, 1, "confirmed"),
        Plan("S5b", "50 senders in one room, one at a time", 50, 1, 50, 1, "confirmed"),
        Plan("S5c", "50 senders in rooms of their own, 16 unanswered", 50, 50, 50, 16, "confirmed"),
        Plan("S5d", "100 senders in one room: the confirmation's p99", 100, 1, 100, 1, "confirmed"),
    )
}


@dataclass(frozen=True)
class Usage:
    """CPU seconds of the server and of the load so far."""

    server: float
    load: float


def measure(plan: Plan, *, seconds: float, rounds: int) -> Iterator[Measured]:
    """Measure each server: ours, and for deliveries also the floor and the peers."""
    hosts: Mapping[str, Opening] = OURS
    if plan.counts == "deliveries":
        hosts = FLOOR | OURS | PEERS

    def all_rounds(system: str, host: Host) -> Iterator[Figure]:
        yield middle(list(_rounds(plan, system, host, seconds, rounds)))

    return on_each(plan.name, hosts, all_rounds)


def _rounds(plan: Plan, system: str, host: Host, seconds: float, rounds: int) -> Iterator[Figure]:
    pool = ClientPool(host.dialect, host.port)
    try:
        names = [f"u{number}" for number in range(plan.people)]
        people = pool.join(names, [f"room{number}" for number in range(plan.rooms)])
        for _ in range(rounds):
            yield talk(plan, system, host, pool, people, seconds)
    finally:
        pool.close()


def talk(
    plan: Plan, system: str, host: Host, pool: ClientPool, people: Sequence[Client], seconds: float
) -> Figure:
    """Measure one round. The first of these clients send."""
    usage: list[Usage] = []
    talk = pool.talk(
        people[: plan.speakers],
        window=plan.window,
        warm_up=seconds / 4,
        seconds=seconds,
        mark=lambda: usage.append(_usage(host)),
    )
    return _figure(plan, system, talk, *usage)


def _usage(host: Host) -> Usage:
    return Usage(machine.cpu_seconds(host.pid), time.process_time())


def _figure(plan: Plan, system: str, talk: Talk, before: Usage, after: Usage) -> Figure:
    done = talk.received if plan.counts == "deliveries" else talk.confirmed
    server = after.server - before.server
    return Figure(
        scenario=plan.name,
        system=system,
        value=done / talk.seconds,
        unit=plan.unit,
        floor=system in FLOOR,
        beside={
            "per server CPU second": done / server if server else 0.0,
            "server µs a message": server / talk.confirmed * 1e6 if talk.confirmed else 0.0,
            "server core": server / talk.seconds,
            "load core": (after.load - before.load) / talk.seconds,
            "compiled load": float(talk.compiled),
            "p50 ms": talk.delays.within(0.50) * 1e3,
            "p99 ms": talk.delays.within(0.99) * 1e3,
        },
    )
