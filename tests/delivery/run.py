"""One run: clients talk while faults are injected; then everything heals and is read. The result is a
history.

``check`` judges the history.
"""

import asyncio
from asyncio import TaskGroup
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import suppress
from random import Random
from typing import ParamSpec

from tests.delivery.client_line import ConnectionEnded
from tests.delivery.deployment import Deployment
from tests.delivery.faults import (
    DATABASE,
    HINTS,
    SERVERS,
    Breakage,
    inject_network_faults,
    inject_process_faults,
)
from tests.delivery.history import Healed, now
from tests.delivery.rules.recovery import PATIENCE
from tests.delivery.workload import ROOMS, VAULT, RandomClient

NAMES = "Ann Bob Cyd Dan Eve Fay Gil Hal Ida Jon Kim Leo Mia Ned Pat Quin Ray Sue Tom Zoe"

GRACE_SECONDS = 5.0
"""Seconds beyond ``PATIENCE``, to distinguish late answers from missing ones."""


SETUP_SECONDS = 120.0
"""Timeout for the set-up and the final reads, while no faults are injected. They should take a few
seconds.
"""


P = ParamSpec("P")


class Stuck(AssertionError):
    """A condition that must become true without faults did not."""


async def run(
    site: Deployment,
    *,
    seconds: float,
    seed: int,
    clients: int = 20,
    pace: float = 1.0,
    network: bool = True,
    breakages: Mapping[Breakage, float] | None = None,
    patience: float = PATIENCE + GRACE_SECONDS,
) -> None:
    """Fill the site's history. ``breakages`` are by default all that the site supports.

    ``patience`` is the time in seconds, after healing, in which outcomes may still be unknown.
    """
    random = Random(seed)
    talkers = [
        RandomClient(name, site.proxies, site.history, Random(f"{seed} {name}")) for name in names(clients)
    ]
    if breakages is None:
        breakages = {
            **SERVERS,
            **(DATABASE if site.database else {}),
            **(HINTS if site.nats else {}),
        }
    async with TaskGroup() as tasks:
        for talker in talkers:
            tasks.create_task(talker.run())
        try:
            async with asyncio.timeout(SETUP_SECONDS):
                await _set_up(talkers)
            for talker in talkers:
                talker.pace, talker.talks = pace, True
            await _inject_faults(site, random, seconds, network, breakages, talkers)
            await _heal(site, talkers, patience)
            async with asyncio.timeout(SETUP_SECONDS):
                await _take_missing_seats(talkers)
                for talker in talkers:
                    await _retry(_read_everything, talker)
        finally:
            for talker in talkers:
                talker.retire()


def names(count: int) -> list[str]:
    """``count`` user names."""
    known = NAMES.split()
    return [f"{known[each % len(known)]}{each // len(known) or ''}" for each in range(count)]


async def _set_up(talkers: Sequence[RandomClient]) -> None:
    """Create the rooms, fill them, and make each client a friend of the next."""
    await _until(lambda: all(talker.is_online for talker in talkers), "all clients are logged in")
    host, *others = talkers
    for room, share in ROOMS.items():
        await _retry(host.create, room, max(2, round(share * len(talkers))))
    await _retry(host.create, VAULT, 2)
    for talker in (host, others[0]):
        await _retry(talker.enter, VAULT)
    for client, friend in zip(talkers, [*others, host], strict=True):
        client.expect_friendship(friend.name)
        friend.expect_friendship(client.name)
        await _retry(client.befriend, friend.name)
        friend.seats.add(friend.private(client.name))
    for room in ROOMS:
        await asyncio.gather(*(_retry(talker.enter, room) for talker in talkers))  # compete for the seats


async def _inject_faults(
    site: Deployment,
    random: Random,
    seconds: float,
    network: bool,
    breakages: Mapping[Breakage, float],
    talkers: Sequence[RandomClient],
) -> None:
    def unanswered() -> int:
        return sum(talker.unanswered for talker in talkers)

    network_faults = asyncio.create_task(inject_network_faults(site, random)) if network else None
    await inject_process_faults(site, random, seconds, breakages, unanswered)
    if network_faults is not None:
        network_faults.cancel()


async def _heal(site: Deployment, talkers: Sequence[RandomClient], patience: float) -> None:
    """Stop all faults and all clients; wait until no outcome is unknown, or for too long."""
    for proxy in site.proxies:
        proxy.heal()
    for talker in talkers:
        talker.talks = False
    site.history.add(Healed(now(), "", 0))
    with suppress(Stuck):  # rule 11 reports it
        await _until(lambda: all(talker.is_settled for talker in talkers), "all is settled", patience)


async def _take_missing_seats(talkers: Sequence[RandomClient]) -> None:
    """Take a seat in rooms without members, so that they can be read."""
    for talker in talkers:
        await _retry(_survey, talker)
    for room in (*ROOMS, VAULT):
        if not any(room in talker.seats for talker in talkers):
            await _retry(talkers[0].enter, room)


async def _survey(talker: RandomClient) -> None:
    await _until(lambda: talker.is_online, f"{talker.name} is logged in")
    await talker.survey()


async def _read_everything(talker: RandomClient) -> None:
    """Read all conversations of a client from 1."""
    await _survey(talker)
    for conversation in sorted(talker.seats):
        await talker.read_whole(conversation)


async def _retry(step: Callable[P, Awaitable[None]], *args: P.args, **kwargs: P.kwargs) -> None:
    """Retry a step: even without faults, a connection may seem dead on a busy machine."""
    while True:
        with suppress(ConnectionEnded):
            return await step(*args, **kwargs)
        await asyncio.sleep(0.05)


async def _until(holds: Callable[[], bool], description: str, seconds: float = 3 * PATIENCE) -> None:
    """Wait for a condition over many clients."""
    deadline = now() + seconds
    while not holds():
        if now() > deadline:
            raise Stuck(f"waited in vain until {description}")
        await asyncio.sleep(0.01)
