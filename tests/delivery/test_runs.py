"""The contract holds during faults. These are short runs; ``docs/delivery.md`` describes longer ones."""

import asyncio
from collections.abc import Mapping
from pathlib import Path

import pytest

from tests.delivery.check import check
from tests.delivery.deployment import Deployment, deploy
from tests.delivery.faults import Breakage, restart_server
from tests.delivery.figures import Figures, figures
from tests.delivery.run import run
from tests.support.database import PrivateMariaDB


def prove(
    site: Deployment,
    *,
    seconds: float,
    seed: int,
    network: bool = True,
    breakages: Mapping[Breakage, float] | None = None,
) -> Figures:
    """Run the clients, and check that no rule was broken. Return the figures."""

    async def whole() -> list[str]:
        async with site.open():
            await run(site, seconds=seconds, seed=seed, network=network, breakages=breakages)
            return site.tracebacks

    tracebacks = asyncio.run(whole())
    run_figures = figures(site.history)
    violations = "\n".join(str(violation) for violation in check(site.history))
    assert not violations, f"{violations}\n{run_figures}"
    assert not tracebacks, "\n".join(tracebacks)
    return run_figures


@pytest.mark.parametrize("database", ["sqlite", "fragile_mariadb", "fragile_mysql"])
def test_no_message_is_lost_duplicated_or_moved(
    database: str, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    private = None if database == "sqlite" else request.getfixturevalue(database)
    run_figures = prove(deploy(tmp_path, private), seconds=20, seed=7)
    assert run_figures.with_sends_in_flight
    assert run_figures.resolved
    assert run_figures.duplicates


def test_two_servers_on_one_database_agree(tmp_path: Path, fragile_mariadb: PrivateMariaDB) -> None:
    prove(deploy(tmp_path, fragile_mariadb, servers=2), seconds=15, seed=8)


def test_three_servers_agree_while_hints_and_nats_are_lost(
    tmp_path: Path, fragile_mariadb: PrivateMariaDB
) -> None:
    site = deploy(tmp_path, fragile_mariadb, servers=3, cluster=True, noise=0.2)
    prove(site, seconds=20, seed=10)
    assert sum(proxy.spoilt for proxy in site.hint_proxies)


def test_restart_loses_no_message_of_twenty_clients(tmp_path: Path) -> None:
    run_figures = prove(deploy(tmp_path), seconds=10, seed=9, network=False, breakages={restart_server: 1.0})
    assert run_figures.breakages["restart server"]
    assert run_figures.with_sends_in_flight
