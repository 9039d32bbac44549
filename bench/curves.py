"""Curves: figures for growing numbers of users in a room, rooms, connections, stored messages and senders.

One server runs for a whole curve; each point is a short round, measured by ``talking``.
"""

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from functools import partial
from itertools import pairwise

from bench import archive, commits, machine
from bench.figures import Figure, Measured
from bench.hosts import FLOOR, OURS, Host, Opening, on_each, on_file, temporary
from bench.load import ClientPool
from bench.talkers import Client
from bench.talking import Plan, talk
from chatroom.server.session import MAX_PENDING_SENDS

ON_SQLITE = {system: opening for system, opening in OURS.items() if system.endswith("SQLite")}


@dataclass(frozen=True)
class Effort:
    """The sizes of the curves, and the seconds of each point."""

    seconds: float = 1.0
    sizes: Sequence[int] = (10, 30, 100, 300, 1000)
    rooms: Sequence[int] = (1, 10, 100, 300, 1000)
    connections: Sequence[int] = (100, 1000, 5000)
    stored: Sequence[int] = (10_000, 100_000, 1_000_000)
    senders: Sequence[int] = (1, 3, 10, 30, 100, 300, 1000)


FAR = Effort(
    sizes=(10, 30, 100, 300, 1000, 2000),
    rooms=(1, 10, 100, 300, 1000, 2000),
    connections=(100, 1000, 3000, 10_000),
    stored=(10_000, 100_000, 1_000_000, 10_000_000),
)
"""Takes 15 minutes longer: two thousand users who join a room cause four million notices."""

QUICK = Effort(0.5, (10, 100, 500), (1, 10, 100), (100, 1000), (10_000, 100_000), (1, 10, 100))


def room_size(effort: Effort) -> Iterator[Measured]:
    """One room with ten senders and a growing number of receivers."""
    name = "users in the room"

    def measure_curve(system: str, host: Host, pool: ClientPool) -> Iterator[Figure]:
        people = pool.join(_names(max(effort.sizes)))
        for size in effort.sizes:
            pool.enter(people[:size], [f"size{size}"])
            plan = Plan(name, "", size, 1, min(size, 10), 16, "deliveries")
            yield replace(talk(plan, system, host, pool, people, effort.seconds), at=size)

    return _measure_each(name, FLOOR | OURS, measure_curve)


def rooms(effort: Effort) -> Iterator[Measured]:
    """A growing number of rooms with two senders each."""
    name = "rooms of two"

    def measure_curve(system: str, host: Host, pool: ClientPool) -> Iterator[Figure]:
        people = pool.join(_names(2 * max(effort.rooms)))
        for count in effort.rooms:
            pool.enter(people[: 2 * count], [f"r{count}of{number}" for number in range(count)])
            plan = Plan(name, "", 2 * count, count, 2 * count, 4, "deliveries")
            yield replace(talk(plan, system, host, pool, people, effort.seconds), at=count)

    return _measure_each(name, FLOOR | OURS, measure_curve)


def connections(effort: Effort) -> Iterator[Measured]:
    """S1 with a growing number of idle connections, and the memory of each."""
    name = "connections"

    def measure_curve(system: str, host: Host, pool: ClientPool) -> Iterator[Figure]:
        people = pool.join(_names(100), ["room0"])
        before, connected = machine.resident_bytes(host.pid), len(people)
        for count in effort.connections:
            pool.join([f"i{number}" for number in range(connected, count)])
            weight = machine.resident_bytes(host.pid) - before
            if count > len(people):
                yield _weight(system, count, weight / (count - len(people)))
            plan = Plan(name, "", count, 1, 10, 16, "deliveries")
            yield replace(talk(plan, system, host, pool, people, effort.seconds), at=count)
            connected = count

    return _measure_each(name, FLOOR | ON_SQLITE, measure_curve)


def _weight(system: str, count: int, bytes: float) -> Figure:
    return Figure("memory of a connection", system, bytes / 1000, "kB", system in FLOOR, at=count)


def stored(effort: Effort) -> Iterator[Measured]:
    """S1 with a growing number of stored messages."""
    with temporary() as data:
        for number, (before, count) in enumerate(pairwise((0, *effort.stored))):
            with archive.opened(f"sqlite:///{data / 'chatroom.sqlite'}") as engine:
                archive.fill(engine, count, after=before)
                archive.leave_unindexed(engine, count)
            os.sync()  # or the system would write these pages during the measurement
            hosts = dict.fromkeys(ON_SQLITE, partial(on_file, data))
            measure_curve = partial(_talk_beside, effort.seconds, number, count)
            yield from _measure_each("messages stored", hosts, measure_curve)


def _talk_beside(
    seconds: float, number: int, count: int, system: str, host: Host, pool: ClientPool
) -> Iterator[Figure]:
    people = pool.join(_names(100, f"l{number}u"), [f"room{number}"])
    plan = Plan("messages stored", "", 100, 1, 10, 16, "deliveries")
    yield replace(talk(plan, system, host, pool, people, seconds), at=count)


def senders(effort: Effort) -> Iterator[Measured]:
    """A growing number of senders, each in its own room and with one unconfirmed message."""
    name, unit = "senders with one unconfirmed message", "messages/s"
    for database, rates in commits.rates_of(effort.senders, effort.seconds):
        for count, rate in zip(effort.senders, rates, strict=True):
            yield Figure(name, f"floor: bare commit, {database}", rate.rows, unit, floor=True, at=count)

    def measure_curve(system: str, host: Host, pool: ClientPool) -> Iterator[Figure]:
        most = max(effort.senders)
        people = pool.join(_names(most), [f"room{number}" for number in range(most)])
        for count in effort.senders:
            plan = Plan(name, "", count, count, count, 1, "confirmed")
            yield replace(talk(plan, system, host, pool, people, effort.seconds), at=count)

    yield from _measure_each(name, OURS, measure_curve)


def in_flight(effort: Effort) -> Iterator[Measured]:
    """The memory of a message in the server between its arrival and its delivery."""
    name = "memory of a message in flight"

    def measure_curve(system: str, host: Host, pool: ClientPool) -> Iterator[Figure]:
        people = pool.join(_names(100), [f"room{number}" for number in range(100)])
        few, many = (
            _peak(system, host, pool, people, window, effort.seconds) for window in (1, MAX_PENDING_SENDS)
        )
        yield Figure(name, system, (many - few) / (len(people) * (MAX_PENDING_SENDS - 1)) / 1000, "kB")

    return _measure_each(name, OURS, measure_curve)


def _peak(
    system: str, host: Host, pool: ClientPool, people: Sequence[Client], window: int, seconds: float
) -> int:
    machine.forget_peak(host.pid)
    talk(Plan("", "", 100, 100, 100, window, "confirmed"), system, host, pool, people, seconds)
    return machine.peak_bytes(host.pid)


def _measure_each(
    name: str,
    hosts: Mapping[str, Opening],
    measure_curve: Callable[[str, Host, ClientPool], Iterator[Figure]],
) -> Iterator[Measured]:
    """Measure a curve on each of these servers that is installed, with new clients."""

    def begin(system: str, host: Host) -> Iterator[Figure]:
        with closing(ClientPool(host.dialect, host.port)) as pool:
            yield from measure_curve(system, host, pool)

    return on_each(name, hosts, begin)


def _names(count: int, prefix: str = "u") -> list[str]:
    return [f"{prefix}{number}" for number in range(count)]


CURVES: dict[str, Callable[[Effort], Iterator[Measured]]] = {
    "room-size": room_size,
    "rooms": rooms,
    "connections": connections,
    "stored": stored,
    "senders": senders,
    "in-flight": in_flight,
}
