"""One run: clients talk, everything breaks, everything heals, everything is read. A history comes of it.

The counterpart is ``check``, which judges the history.
"""

import asyncio
from asyncio import TaskGroup
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import suppress
from random import Random
from typing import ParamSpec

from tests.delivery.deployment import Site
from tests.delivery.faults import DATABASE, SERVERS, Breakage, break_processes, spoil_network
from tests.delivery.habits import ROOMS, VAULT, Talker
from tests.delivery.history import Healed, now
from tests.delivery.line import Lost
from tests.delivery.rules.recovery import PATIENCE

NAMES = "Ann Bob Cyd Dan Eve Fay Gil Hal Ida Jon Kim Leo Mia Ned Pat Quin Ray Sue Tom Zoe"

GRACE = 5.0
"""Seconds that are waited beyond ``PATIENCE``, so that what comes late is told from what never comes."""


CALM = 120.0
"""Seconds within which all is furnished, or read, while nothing is broken. It should take a few."""


P = ParamSpec("P")


class Stuck(AssertionError):
    """Something that must come about, with everything working, did not."""


async def run(
    site: Site,
    *,
    seconds: float,
    seed: int,
    clients: int = 20,
    pace: float = 1.0,
    network: bool = True,
    breakages: Mapping[Breakage, float] | None = None,
    patience: float = PATIENCE + GRACE,
) -> None:
    """Fill the site's history. ``breakages`` are all that the site has, unless told otherwise.

    ``patience`` is for how many seconds, after everything has healed, there may be something unsettled.
    """
    random = Random(seed)
    talkers = [Talker(name, site.proxies, site.history, Random(f"{seed} {name}")) for name in names(clients)]
    if breakages is None:
        breakages = {**SERVERS, **(DATABASE if site.database else {})}
    async with TaskGroup() as tasks:
        for talker in talkers:
            tasks.create_task(talker.run())
        try:
            async with asyncio.timeout(CALM):
                await _furnish(talkers)
            for talker in talkers:
                talker.pace, talker.talks = pace, True
            await _spoil(site, random, seconds, network, breakages, talkers)
            await _heal(site, talkers, patience)
            async with asyncio.timeout(CALM):
                await _look_after(talkers)
                for talker in talkers:
                    await _insist(_read_everything, talker)
        finally:
            for talker in talkers:
                talker.retire()


def names(wanted: int) -> list[str]:
    """As many user names as are wanted."""
    known = NAMES.split()
    return [f"{known[each % len(known)]}{each // len(known) or ''}" for each in range(wanted)]


async def _furnish(talkers: Sequence[Talker]) -> None:
    """Rooms, with as many inside as can be, and a ring of friends."""
    await _until(lambda: all(talker.is_online for talker in talkers), "everybody is logged in")
    host, *others = talkers
    for room, share in ROOMS.items():
        await _insist(host.create, room, max(2, round(share * len(talkers))))
    await _insist(host.create, VAULT, 2)
    for talker in (host, others[0]):
        await _insist(talker.enter, VAULT)
    for one, other in zip(talkers, [*others, host], strict=True):
        one.be_befriended(other.name)
        other.be_befriended(one.name)
        await _insist(one.befriend, other.name)
        other.seats.add(other.private(one.name))
    for room in ROOMS:
        await asyncio.gather(*(_insist(talker.enter, room) for talker in talkers))  # a race for its seats


async def _spoil(
    site: Site,
    random: Random,
    seconds: float,
    network: bool,
    breakages: Mapping[Breakage, float],
    talkers: Sequence[Talker],
) -> None:
    def unanswered() -> int:
        return sum(talker.unanswered for talker in talkers)

    storm = asyncio.create_task(spoil_network(site, random)) if network else None
    await break_processes(site, random, seconds, breakages, unanswered)
    if storm is not None:
        storm.cancel()


async def _heal(site: Site, talkers: Sequence[Talker], patience: float) -> None:
    """Everything works and nobody says more; wait until no question is left, or for too long."""
    for proxy in site.proxies:
        proxy.heal()
    for talker in talkers:
        talker.talks = False
    site.history.add(Healed(now(), "", 0))
    with suppress(Stuck):  # rule 11 will have something to say
        await _until(lambda: all(talker.is_settled for talker in talkers), "all is settled", patience)


async def _look_after(talkers: Sequence[Talker]) -> None:
    """Take a seat where everybody has given theirs up: somebody must be able to read what was said."""
    for talker in talkers:
        await _insist(_survey, talker)
    for room in (*ROOMS, VAULT):
        if not any(room in talker.seats for talker in talkers):
            await _insist(talkers[0].enter, room)


async def _survey(talker: Talker) -> None:
    await _until(lambda: talker.is_online, f"{talker.name} is logged in")
    await talker.survey()


async def _read_everything(talker: Talker) -> None:
    """Whatever is theirs, from 1."""
    await _survey(talker)
    for conversation in sorted(talker.seats):
        await talker.read_whole(conversation)


async def _insist(step: Callable[P, Awaitable[None]], *args: P.args, **kwargs: P.kwargs) -> None:
    """Do it, if need be again: while nothing is broken a connection may still seem dead that waits for a
    processor.
    """
    while True:
        with suppress(Lost):
            return await step(*args, **kwargs)
        await asyncio.sleep(0.05)


async def _until(holds: Callable[[], bool], what: str, seconds: float = 3 * PATIENCE) -> None:
    """Wait for something about many clients at once, of which none alone could tell."""
    deadline = now() + seconds
    while not holds():
        if now() > deadline:
            raise Stuck(f"waited in vain until {what}")
        await asyncio.sleep(0.01)
