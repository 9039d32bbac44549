"""What is broken in a run, when, and for how long. The counterparts are ``proxy`` and ``deployment``.

Two things go on at a time: the network is spoilt for one connection after the other, and every now and then
a process is broken, the next one not before it works again.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from random import Random

from tests.delivery.deployment import Site
from tests.delivery.history import Stopped, now
from tests.delivery.proxy import Cable

# The network


def delay(cable: Cable, random: Random) -> None:
    cable.up.lag, cable.down.lag = random.uniform(0, 0.2), random.uniform(0, 0.2)


def drip(cable: Cable, random: Random) -> None:
    cable.up.drips, cable.down.drips = random.random() < 0.5, random.random() < 0.5


def cut(cable: Cable, random: Random) -> None:
    random.choice((cable.up, cable.down)).cut_after = random.randrange(1, 2000)


def reset(cable: Cable, random: Random) -> None:
    cable.reset()


def hold(cable: Cable, random: Random) -> None:
    """One direction is a black hole; what fell into it comes out when it is mended."""
    random.choice((cable.up, cable.down)).hold()


def replay(cable: Cable, random: Random) -> None:
    cable.replay(random)


def mend(cable: Cable, random: Random) -> None:
    cable.mend()


NETWORK: Mapping[Callable[[Cable, Random], None], float] = {
    delay: 3,
    drip: 1,
    cut: 3,
    reset: 2,
    hold: 2,
    replay: 6,
    mend: 4,
}
"""What happens to one connection, each with how often it does."""

FLURRY = 0.05
"""Seconds between two such, on average, for all connections together."""

# The processes

Breakage = Callable[[Site, Random], Awaitable[None]]


async def kill_server(site: Site, random: Random) -> None:
    host = random.choice(site.hosts)
    await host.kill()
    await asyncio.sleep(random.uniform(0, 0.5))
    await host.start()


async def pause_server(site: Site, random: Random) -> None:
    host = random.choice(site.hosts)
    await host.pause()
    await asyncio.sleep(random.uniform(0.3, 3))
    await host.resume()


async def restart_server(site: Site, random: Random) -> None:
    host = random.choice(site.hosts)
    begun = now()
    code = await host.stop()
    site.history.add(Stopped(now(), "", 0, code, now() - begun))
    await host.start()


async def kill_database(site: Site, random: Random) -> None:
    assert site.database is not None
    await asyncio.to_thread(site.database.kill)
    await asyncio.sleep(random.uniform(0, 0.5))
    await asyncio.to_thread(site.database.start)


async def restart_database(site: Site, random: Random) -> None:
    assert site.database is not None
    await asyncio.to_thread(site.database.restart)


async def pause_database(site: Site, random: Random) -> None:
    assert site.database is not None
    site.database.pause()
    await asyncio.sleep(random.uniform(0.3, 2))
    site.database.resume()


async def kill_database_connections(site: Site, random: Random) -> None:
    assert site.database is not None
    await asyncio.to_thread(site.database.kill_connections)


SERVERS: Mapping[Breakage, float] = {kill_server: 3, pause_server: 1, restart_server: 2}
DATABASE: Mapping[Breakage, float] = {
    kill_database_connections: 3,
    kill_database: 1,
    restart_database: 1,
    pause_database: 1,
}

RESPITE = 2.0
"""Seconds from the end of one breakage to the next, on average, so that there is something to be broken."""


async def spoil_network(site: Site, random: Random) -> None:
    """Until cancelled."""
    faults, weights = list(NETWORK), list(NETWORK.values())
    while True:
        await asyncio.sleep(random.expovariate(1 / FLURRY))
        cables = [cable for proxy in site.proxies for cable in proxy.cables]
        if cables:
            random.choices(faults, weights)[0](random.choice(cables), random)


async def break_processes(
    site: Site,
    random: Random,
    seconds: float,
    breakages: Mapping[Breakage, float],
    unanswered: Callable[[], int],
) -> None:
    """For so long; at the end, everything that was broken works again."""
    end = now() + seconds
    while breakages and (rest := random.uniform(0.5, 1.5) * RESPITE) < end - now():
        await asyncio.sleep(rest)
        (breakage,) = random.choices(list(breakages), list(breakages.values()))
        site.note(breakage.__name__.replace("_", " "), unanswered())
        await breakage(site, random)
    await asyncio.sleep(max(0.0, end - now()))
