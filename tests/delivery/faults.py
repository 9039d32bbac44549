"""The faults of a run, and when they occur. ``proxy`` and ``deployment`` carry them out.

Two sequences run at the same time: network faults on one connection after the other, and faults of one
process at a time, the next one only after that process works again.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from itertools import cycle, islice
from random import Random
from typing import Any

from tests.delivery.client import PASSWORD
from tests.delivery.client_line import ConnectionEnded, Json, ask_once
from tests.delivery.deployment import Deployment
from tests.delivery.history import AgedMessages, Stopped, now
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
    """Block one direction. Blocked bytes are delivered after ``mend``."""
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
"""The faults of a connection and their weights."""

NETWORK_FAULT_INTERVAL = 0.05
"""Average seconds between two network faults, for all connections together."""

OWNER = "Ann"
"""The client that creates the rooms."""

# The processes

Breakage = Callable[[Deployment, Random], Awaitable[None]]


async def kill_server(site: Deployment, random: Random) -> None:
    host = random.choice(site.hosts)
    await host.kill()
    await asyncio.sleep(random.uniform(0, 0.5))
    await host.start()


async def pause_server(site: Deployment, random: Random) -> None:
    host = random.choice(site.hosts)
    await host.pause()
    await asyncio.sleep(random.uniform(0.3, 3))
    await host.resume()


async def restart_server(site: Deployment, random: Random) -> None:
    host = random.choice(site.hosts)
    begun = now()
    code = await host.stop()
    site.history.add(Stopped(now(), "", 0, code, now() - begun))
    await host.start()


async def kill_database(site: Deployment, random: Random) -> None:
    assert site.database is not None
    await asyncio.to_thread(site.database.kill)
    await asyncio.sleep(random.uniform(0, 0.5))
    await asyncio.to_thread(site.database.start)


async def restart_database(site: Deployment, random: Random) -> None:
    assert site.database is not None
    await asyncio.to_thread(site.database.restart)


async def pause_database(site: Deployment, random: Random) -> None:
    assert site.database is not None
    site.database.pause()
    await asyncio.sleep(random.uniform(0.3, 2))
    site.database.resume()


async def kill_database_connections(site: Deployment, random: Random) -> None:
    assert site.database is not None
    await asyncio.to_thread(site.database.kill_connections)


async def kill_nats(site: Deployment, random: Random) -> None:
    assert site.nats is not None
    site.nats.kill()
    await asyncio.sleep(random.uniform(0, 3))
    await asyncio.to_thread(site.nats.start)


async def pause_nats(site: Deployment, random: Random) -> None:
    assert site.nats is not None
    site.nats.pause()
    await asyncio.sleep(random.uniform(0.3, 6))
    site.nats.resume()


async def partition_nats(site: Deployment, random: Random) -> None:
    """One server loses NATS, and the others do not."""
    proxy = random.choice(site.hint_proxies)
    proxy.partition()
    await asyncio.sleep(random.uniform(0.3, 6))
    proxy.heal()


AGED_ROOM = "#den"
"""The room from which old messages are removed."""

KEPT_MESSAGES = 10
"""The messages of that room that are not old."""

ATTEMPTS = 100
"""Requests for a removal before it is given up. A server that removes nothing is found by other tests."""


async def remove_old_messages(site: Deployment, random: Random) -> None:
    """Let the older messages of a room be three days old, and its owner keep them for one day or two."""
    upto = await asyncio.to_thread(site.hosts[0].age_messages, AGED_ROOM, KEPT_MESSAGES, days=3)
    site.history.add(AgedMessages(now(), "", 0, AGED_ROOM, upto))
    for retention in islice(cycle((1, 2)), ATTEMPTS):
        if await _first_left(site) > upto:
            return
        with suppress(ConnectionEnded, OSError, TimeoutError):
            await _ask_as_owner(site, "set_room", room=AGED_ROOM, retention=retention)
        await asyncio.sleep(0.1)


async def _first_left(site: Deployment) -> int:
    """The first seq that is left; 0 if that is not known."""
    with suppress(ConnectionEnded, OSError, TimeoutError):
        answer = await _ask_as_owner(site, "history", conversation=AGED_ROOM, limit=1)
        return int(answer.get("first", 0))
    return 0


async def _ask_as_owner(site: Deployment, type: str, **fields: Any) -> Json:
    login = {"type": "login", "id": 1, "username": OWNER, "password": PASSWORD}
    return await ask_once(site.hosts[0].port, login, {"type": type, "id": 2, **fields})


SERVERS: Mapping[Breakage, float] = {kill_server: 3, pause_server: 1, restart_server: 2}
DATABASE: Mapping[Breakage, float] = {
    kill_database_connections: 3,
    kill_database: 1,
    restart_database: 1,
    pause_database: 1,
}

HINTS: Mapping[Breakage, float] = {kill_nats: 2, pause_nats: 1, partition_nats: 2}

PROCESS_FAULT_INTERVAL = 2.0
"""Average seconds from the end of one process fault to the next."""


async def inject_network_faults(site: Deployment, random: Random) -> None:
    """Inject network faults until cancelled."""
    faults, weights = list(NETWORK), list(NETWORK.values())
    while True:
        await asyncio.sleep(random.expovariate(1 / NETWORK_FAULT_INTERVAL))
        cables = [cable for proxy in site.proxies for cable in proxy.cables]
        if cables:
            random.choices(faults, weights)[0](random.choice(cables), random)


async def inject_process_faults(
    site: Deployment,
    random: Random,
    seconds: float,
    breakages: Mapping[Breakage, float],
    unanswered: Callable[[], int],
) -> None:
    """Inject process faults for ``seconds``; at the end everything works again."""
    end = now() + seconds
    while breakages and (rest := random.uniform(0.5, 1.5) * PROCESS_FAULT_INTERVAL) < end - now():
        await asyncio.sleep(rest)
        (breakage,) = random.choices(list(breakages), list(breakages.values()))
        site.note(breakage.__name__.replace("_", " "), unanswered())
        await breakage(site, random)
    await asyncio.sleep(max(0.0, end - now()))
