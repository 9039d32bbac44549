"""A server with a fault planted in it is convicted, by the rule that the fault breaks.

No storm and no more clients than it takes, so that it is the fault that shows.
"""

import asyncio
from pathlib import Path

from tests.database import PrivateMariaDB
from tests.delivery.check import check
from tests.delivery.deployment import Site, deploy
from tests.delivery.faults import Breakage, kill_server
from tests.delivery.run import run


def rules_broken(site: Site, *, seconds: float, killing: bool = False) -> set[str]:
    async def calm_run() -> None:
        async with site.open():
            breakages: dict[Breakage, float] = {kill_server: 1.0} if killing else {}
            await run(
                site, seconds=seconds, seed=1, clients=8, network=False, breakages=breakages, patience=2
            )

    asyncio.run(calm_run())
    return {violation.rule for violation in check(site.history)}


def test_without_a_fault_nothing_is_found(tmp_path: Path) -> None:
    assert rules_broken(deploy(tmp_path), seconds=4, killing=True) == set()


def test_acknowledging_before_the_commit(tmp_path: Path) -> None:
    site = deploy(tmp_path, flaw="ack-before-commit")
    assert "8" in rules_broken(site, seconds=3)


def test_losing_what_was_acknowledged_before_the_commit(tmp_path: Path) -> None:
    site = deploy(tmp_path, flaw="ack-before-commit")
    assert "1" in rules_broken(site, seconds=8, killing=True)


def test_delivering_before_the_commit(tmp_path: Path) -> None:
    site = deploy(tmp_path, flaw="delivery-before-commit")
    assert rules_broken(site, seconds=8, killing=True) & {"5", "8"}


def test_remembering_cids_in_memory_only(tmp_path: Path) -> None:
    site = deploy(tmp_path, flaw="cids-in-memory")
    assert "2" in rules_broken(site, seconds=8, killing=True)


def test_counting_seqs_outside_the_lock(tmp_path: Path, fragile_mariadb: PrivateMariaDB) -> None:
    site = deploy(tmp_path, fragile_mariadb, servers=2, flaw="seq-outside-lock")
    assert "4" in rules_broken(site, seconds=4)


def test_paging_by_row(tmp_path: Path) -> None:
    site = deploy(tmp_path, flaw="page-by-row")
    assert "4" in rules_broken(site, seconds=3)


def test_losing_events(tmp_path: Path) -> None:
    site = deploy(tmp_path, flaw="lost-events")
    assert "6" in rules_broken(site, seconds=3)


def test_counting_no_seats(tmp_path: Path) -> None:
    site = deploy(tmp_path, flaw="seats-uncounted")
    assert "10" in rules_broken(site, seconds=1)


def test_showing_pages_to_strangers(tmp_path: Path) -> None:
    site = deploy(tmp_path, flaw="pages-for-strangers")
    assert "9" in rules_broken(site, seconds=3)
