"""A server with a planted fault is detected by the rule that the fault breaks.

There are no network faults and few clients, so that only the planted fault shows.
"""

import asyncio
from pathlib import Path

import pytest

from tests.delivery.check import check
from tests.delivery.deployment import Deployment, deploy
from tests.delivery.faults import Breakage, kill_server
from tests.delivery.run import run
from tests.support.database import PrivateMariaDB
from tests.support.processes import Wire

CHANCES = 5
"""Runs in which a fault may show. On a busy machine a run sends few messages."""


def rules_broken(site: Deployment, *, seconds: float, killing: bool = False, seed: int = 1) -> set[str]:
    async def calm_run() -> None:
        async with site.open():
            breakages: dict[Breakage, float] = {kill_server: 1.0} if killing else {}
            await run(
                site, seconds=seconds, seed=seed, clients=8, network=False, breakages=breakages, patience=2
            )

    asyncio.run(calm_run())
    return {violation.rule for violation in check(site.history)}


def is_convicted(folder: Path, flaw: str, by: str, *, seconds: float, killing: bool = False) -> bool:
    """Whether a server with this flaw breaks one of these rules."""
    return any(
        rules_broken(_deploy_anew(folder / str(chance), flaw), seconds=seconds, killing=killing, seed=chance)
        & set(by.split())
        for chance in range(1, CHANCES + 1)
    )


def _deploy_anew(folder: Path, flaw: str) -> Deployment:
    folder.mkdir()
    return deploy(folder, flaw=flaw)


def test_server_without_fault_passes(tmp_path: Path) -> None:
    assert rules_broken(deploy(tmp_path), seconds=4, killing=True) == set()


def test_ack_before_commit_is_detected(tmp_path: Path) -> None:
    assert is_convicted(tmp_path, "ack-before-commit", by="8", seconds=3)


def test_lost_message_after_early_ack_is_detected(tmp_path: Path) -> None:
    assert is_convicted(tmp_path, "ack-before-commit", by="1", seconds=8, killing=True)


def test_delivery_before_commit_is_detected(tmp_path: Path) -> None:
    assert is_convicted(tmp_path, "delivery-before-commit", by="5 8", seconds=8, killing=True)


def test_cids_in_memory_are_detected(tmp_path: Path) -> None:
    assert is_convicted(tmp_path, "cids-in-memory", by="2", seconds=8, killing=True)


def test_seq_outside_lock_is_detected(tmp_path: Path, fragile_mariadb: PrivateMariaDB) -> None:
    site = deploy(tmp_path, fragile_mariadb, servers=2, flaw="seq-outside-lock")
    assert "4" in rules_broken(site, seconds=4)


def test_page_by_row_is_detected(tmp_path: Path) -> None:
    assert is_convicted(tmp_path, "page-by-row", by="4", seconds=3)


def test_lost_events_are_detected(tmp_path: Path) -> None:
    assert is_convicted(tmp_path, "lost-events", by="6", seconds=3)


def test_delivery_to_removed_member_is_detected(tmp_path: Path, fragile_mariadb: PrivateMariaDB) -> None:
    site = deploy(tmp_path, fragile_mariadb, servers=2, flaw="seats-forgotten")
    assert "9" in rules_broken(site, seconds=15)


def test_uncounted_seats_are_detected(tmp_path: Path) -> None:
    assert is_convicted(tmp_path, "seats-uncounted", by="10", seconds=1)


def test_pages_for_strangers_are_detected(tmp_path: Path) -> None:
    assert is_convicted(tmp_path, "pages-for-strangers", by="9", seconds=3)


def test_hints_in_any_order_are_detected(tmp_path: Path, fragile_mariadb: PrivateMariaDB) -> None:
    site = deploy(tmp_path, fragile_mariadb, servers=2, flaw="hints-in-any-order", cluster=True, noise=0.2)
    assert rules_broken(site, seconds=6) & {"3", "5", "6"}


def test_hints_trusted_for_seats_are_detected(tmp_path: Path, fragile_mariadb: PrivateMariaDB) -> None:
    site = deploy(tmp_path, fragile_mariadb, servers=2, flaw="hints-trusted-for-seats", cluster=True)
    assert "9" in rules_broken(site, seconds=15)


@pytest.mark.parametrize("flaw", ["", "no-fallback-poll"])
def test_missing_fallback_poll_is_detected(
    tmp_path: Path, fragile_mariadb: PrivateMariaDB, flaw: str
) -> None:
    """Without any hint a message arrives by polling, unless that is missing."""
    site = deploy(tmp_path, fragile_mariadb, servers=2, flaw=flaw, cluster=True)
    assert asyncio.run(_arrives_without_hints(site)) is not bool(flaw)


async def _arrives_without_hints(site: Deployment) -> bool:
    async with site.open():
        return await asyncio.to_thread(_send_without_hints, site)


def _send_without_hints(site: Deployment) -> bool:
    east, west = (Wire("127.0.0.1", host.port) for host in site.hosts)
    with east, west:
        alice, bob = east.register("Alice"), west.register("Bob")
        alice.request("create_room", room="#den", capacity=2)
        for wire in (alice, bob):
            wire.request("enter_room", room="#den", nickname=wire.username)
        alice.message(kind="enter", username="Bob")
        for proxy in site.hint_proxies:
            proxy.noise, proxy.only = 1.0, "lose"
        alice.request("send", to="#den", text="hi")
        bob.socket.settimeout(20.0)
        try:
            bob.message(text="hi")
        except TimeoutError:
            return False
        return True
