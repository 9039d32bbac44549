"""How the figures move with what there is of something: people in a room, rooms, connections, messages
stored, people who speak at once. Each curve is one server's life; its places are short rounds.

The counterpart is ``talking``, which measures one place.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from functools import partial
from itertools import pairwise

from bench import archive, commits, machine
from bench.figures import Figure
from bench.hosts import FLOOR, OURS, Host, Opening, installed, on_file, temporary
from bench.load import Crowd
from bench.talkers import Client
from bench.talking import Plan, talk
from server.session import MOST_PENDING

ON_SQLITE = {who: opening for who, opening in OURS.items() if who.endswith("SQLite")}


@dataclass(frozen=True)
class Effort:
    """How far the curves go and how long a place takes, in seconds."""

    seconds: float = 1.0
    sizes: Sequence[int] = (10, 30, 100, 300, 1000)
    rooms: Sequence[int] = (1, 10, 100, 300, 1000)
    connections: Sequence[int] = (100, 1000, 3000, 10_000)
    stored: Sequence[int] = (10_000, 100_000, 1_000_000)
    senders: Sequence[int] = (1, 3, 10, 30, 100, 300, 1000)


FAR = Effort(
    sizes=(10, 30, 100, 300, 1000, 2000),
    rooms=(1, 10, 100, 300, 1000, 2000),
    stored=(10_000, 100_000, 1_000_000, 10_000_000),
)
"""For whoever has an hour: two thousand people who enter a room tell each other four million times."""

QUICK = Effort(0.5, (10, 100, 500), (1, 10, 100), (100, 1000), (10_000, 100_000), (1, 10, 100))


def room_size(effort: Effort) -> Iterator[Figure]:
    """One room, in which ten speak; more and more listen."""
    for who, host, crowd in _lives(FLOOR | OURS):
        people = crowd.join(_names(max(effort.sizes)))
        for size in effort.sizes:
            crowd.enter(people[:size], [f"size{size}"])
            plan = Plan("people in the room", "", size, 1, min(size, 10), 16, "deliveries")
            yield replace(talk(plan, who, host, crowd, people, effort.seconds), at=size)


def rooms(effort: Effort) -> Iterator[Figure]:
    """Rooms of two, in which both speak."""
    for who, host, crowd in _lives(FLOOR | OURS):
        people = crowd.join(_names(2 * max(effort.rooms)))
        for count in effort.rooms:
            crowd.enter(people[: 2 * count], [f"r{count}of{number}" for number in range(count)])
            plan = Plan("rooms of two", "", 2 * count, count, 2 * count, 4, "deliveries")
            yield replace(talk(plan, who, host, crowd, people, effort.seconds), at=count)


def connections(effort: Effort) -> Iterator[Figure]:
    """S1, while more and more are logged in and idle; and what each of these weighs."""
    for who, host, crowd in _lives(FLOOR | ON_SQLITE):
        people = crowd.join(_names(100), ["room0"])
        before, there = machine.resident_bytes(host.pid), len(people)
        for count in effort.connections:
            crowd.join([f"i{number}" for number in range(there, count)])
            weight = machine.resident_bytes(host.pid) - before
            if count > len(people):
                yield _weight(who, count, weight / (count - len(people)))
            plan = Plan("connections", "", count, 1, 10, 16, "deliveries")
            yield replace(talk(plan, who, host, crowd, people, effort.seconds), at=count)
            there = count


def _weight(who: str, count: int, bytes: float) -> Figure:
    return Figure("memory of a connection", who, bytes / 1000, "kB", who in FLOOR, at=count)


def stored(effort: Effort) -> Iterator[Figure]:
    """S1, with more and more messages in the database before."""
    with temporary() as data:
        for life, (before, count) in enumerate(pairwise((0, *effort.stored))):
            with archive.opened(f"sqlite:///{data / 'chatroom.sqlite'}") as engine:
                archive.fill(engine, count, after=before)
                archive.leave_unindexed(engine, count)
            for who, host, crowd in _lives(dict.fromkeys(ON_SQLITE, partial(on_file, data))):
                people = crowd.join(_names(100, f"l{life}u"), [f"room{life}"])
                plan = Plan("messages stored", "", 100, 1, 10, 16, "deliveries")
                yield replace(talk(plan, who, host, crowd, people, effort.seconds), at=count)


def senders(effort: Effort) -> Iterator[Figure]:
    """More and more people who each wait for one confirmation, in rooms of their own: confirmed messages."""
    name, unit = "people who wait for a confirmation", "messages/s"
    for database, rates in commits.rates_of(effort.senders, effort.seconds):
        for count, rate in zip(effort.senders, rates, strict=True):
            yield Figure(name, f"floor: bare commit, {database}", rate, unit, floor=True, at=count)
    for who, host, crowd in _lives(OURS):
        most = max(effort.senders)
        people = crowd.join(_names(most), [f"room{number}" for number in range(most)])
        for count in effort.senders:
            plan = Plan(name, "", count, count, count, 1, "confirmed")
            yield replace(talk(plan, who, host, crowd, people, effort.seconds), at=count)


def in_flight(effort: Effort) -> Iterator[Figure]:
    """What a message weighs in the server between its arrival and its delivery."""
    for who, host, crowd in _lives(OURS):
        people = crowd.join(_names(100), [f"room{number}" for number in range(100)])
        few, many = (_peak(who, host, crowd, people, window, effort.seconds) for window in (1, MOST_PENDING))
        weight = (many - few) / (len(people) * (MOST_PENDING - 1))
        yield Figure("memory of a message in flight", who, weight / 1000, "kB")


def _peak(who: str, host: Host, crowd: Crowd, people: Sequence[Client], window: int, seconds: float) -> int:
    machine.forget_peak(host.pid)
    talk(Plan("", "", 100, 100, 100, window, "confirmed"), who, host, crowd, people, seconds)
    return machine.peak_bytes(host.pid)


def _lives(hosts: Mapping[str, Opening]) -> Iterator[tuple[str, Host, Crowd]]:
    """Each of these servers that there is here, and a crowd of its own that is still empty."""
    for who, opening in hosts.items():
        if installed(who):
            with opening() as host, closing(Crowd(host.dialect, host.port)) as crowd:
                yield who, host, crowd


def _names(count: int, prefix: str = "u") -> list[str]:
    return [f"{prefix}{number}" for number in range(count)]


CURVES: dict[str, Callable[[Effort], Iterator[Figure]]] = {
    "room-size": room_size,
    "rooms": rooms,
    "connections": connections,
    "stored": stored,
    "senders": senders,
    "in-flight": in_flight,
}
