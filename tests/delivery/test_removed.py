"""Rules about messages that are removed because of their age, and a run in which the server removes some."""

import asyncio
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import pytest

from tests.delivery.check import check
from tests.delivery.deployment import Deployment, deploy
from tests.delivery.faults import AGED_ROOM, Breakage, remove_old_messages, restart_server
from tests.delivery.history import AgedMessages, FullRead, Way
from tests.delivery.run import run
from tests.delivery.scenario import Scenario, notice, text_message


@pytest.fixture
def scene() -> Scenario:
    """Ann and Bob are in the den. Ann has sent three messages, of which Bob has applied the first."""
    scene = Scenario("Ann", "Bob")
    for seq in (1, 2, 3):
        scene.sends_acked("Ann", f"m{seq}", seq)
    scene.applies("Bob", 1)
    return scene


LAST = text_message("Ann", "m3", 3)


def test_removed_messages_break_no_rule(scene: Scenario) -> None:
    scene.reads("Bob", text_message("Ann", "m1", 1), text_message("Ann", "m2", 2), LAST)
    scene.reads("Bob", LAST, first=3)
    scene.reads("Bob", LAST, way=Way.AFTER, bound=1, first=3)
    scene.applies("Bob", 3)
    scene.reads("Bob", way=Way.BEFORE, bound=3, first=3)
    scene.reports_head("Bob", 3, first=3)
    scene.ends_as(LAST, first=3)
    assert scene.broken() == set()


def test_all_messages_may_be_removed(scene: Scenario) -> None:
    scene.reads("Bob", first=4)
    scene.reads("Bob", way=Way.AFTER, bound=1, first=4)
    scene.ends_as(first=4)
    assert scene.broken() == set()


def test_cid_of_a_removed_message_may_be_stored_again(scene: Scenario) -> None:
    scene.acks(scene.sends("Ann", "m1"), 4)
    scene.ends_as(LAST, text_message("Ann", "m1", 4), first=3)
    assert scene.broken() == set()


def test_reused_cid_of_a_removed_message_may_be_refused_otherwise(scene: Scenario) -> None:
    scene.refuses(scene.sends("Ann", "m1", doomed="cid_reused", text="another"), "not_entered")
    scene.ends_as(LAST, first=3)
    assert scene.broken() == set()


def test_repetition_of_a_removed_message_is_judged_as_a_new_message(scene: Scenario) -> None:
    scene.sends("Bob", "m1")
    scene.refuses(scene.sends("Bob", "m1"), "not_entered")
    scene.ends_as(LAST, first=3)
    assert scene.broken() == set()


def test_reused_cid_of_a_stored_message_must_be_refused_as_such(scene: Scenario) -> None:
    scene.refuses(scene.sends("Ann", "m3", doomed="cid_reused", text="another"), "not_entered")
    scene.ends_as(LAST, first=3)
    assert scene.broken() == {"3"}


def test_notice_of_entry_may_be_removed(scene: Scenario) -> None:
    scene.ends_as(LAST, notice("leave", "Bob", 4), first=3)
    assert scene.broken() == set()


def test_time_of_an_aged_message_is_not_compared(scene: Scenario) -> None:
    aged = [replace(text_message("Ann", f"m{seq}", seq), time="11:00") for seq in (1, 2)]
    scene.history.add(AgedMessages(scene.tick(), "", 0, LAST.conversation, 2))
    scene.ends_as(*aged, LAST)
    assert scene.broken() == set()


def test_changed_time_of_another_message_breaks_rule_1(scene: Scenario) -> None:
    scene.history.add(AgedMessages(scene.tick(), "", 0, LAST.conversation, 2))
    scene.ends_as(
        text_message("Ann", "m1", 1),
        text_message("Ann", "m2", 2),
        replace(LAST, time="11:00"),
    )
    assert "1" in scene.broken()


def test_missing_message_after_the_first_breaks_rule_1(scene: Scenario) -> None:
    scene.ends_as(first=3)
    assert scene.broken() == {"1"}


def test_other_seq_after_the_removal_breaks_rule_1(scene: Scenario) -> None:
    scene.ends_as(text_message("Ann", "m3", 2), first=2)
    assert "1" in scene.broken()


def test_removal_from_the_middle_breaks_rule_4(scene: Scenario) -> None:
    scene.ends_as(text_message("Ann", "m1", 1), LAST)
    assert "4" in scene.broken()


def test_page_that_skips_the_first_breaks_rule_4(scene: Scenario) -> None:
    scene.reads("Bob", LAST, way=Way.AFTER, bound=1, first=2)
    scene.ends_as(text_message("Ann", "m2", 2), LAST, first=2)
    assert scene.broken() == {"4"}


def test_more_at_the_first_breaks_rule_4(scene: Scenario) -> None:
    scene.reads("Bob", LAST, first=3, more=True)
    scene.ends_as(LAST, first=3)
    assert scene.broken() == {"4"}


def test_skipping_a_message_that_is_left_breaks_rule_6(scene: Scenario) -> None:
    scene.applies("Bob", 3)
    scene.ends_as(text_message("Ann", "m2", 2), LAST, first=2)
    assert scene.broken() == {"6"}


def test_message_below_the_first_of_its_page_breaks_rule_first(scene: Scenario) -> None:
    """The first seq moved before the messages were deleted."""
    scene.reads("Bob", text_message("Ann", "m2", 2), LAST, first=3)
    scene.ends_as(LAST, first=3)
    assert "first" in scene.broken()


def test_message_below_an_earlier_first_breaks_rule_first(scene: Scenario) -> None:
    scene.reports_head("Ann", 3, first=3)
    scene.reads("Bob", text_message("Ann", "m2", 2), LAST, first=2, more=False)
    scene.ends_as(LAST, first=3)
    assert "first" in scene.broken()


def test_first_that_goes_back_breaks_rule_first(scene: Scenario) -> None:
    scene.reports_head("Ann", 3, first=3)
    scene.reports_head("Bob", 3, first=2)
    scene.ends_as(LAST, first=3)
    assert scene.broken() == {"first"}


def test_page_begun_before_the_removal_breaks_no_rule(scene: Scenario) -> None:
    begun = scene.tick()
    scene.reports_head("Ann", 3, first=3)
    scene.reads("Bob", text_message("Ann", "m2", 2), LAST, first=2, begun=begun)
    scene.ends_as(LAST, first=3)
    assert scene.broken() == set()


def broken_rules(site: Deployment, *, network: bool, breakages: Mapping[Breakage, float]) -> set[str]:
    """The rules that a run breaks in which old messages are removed."""

    async def whole_run() -> None:
        async with site.open():
            await run(site, seconds=8, seed=3, clients=6, network=network, breakages=breakages)

    asyncio.run(whole_run())
    return {violation.rule for violation in check(site.history)}


def broken_by_flaw(folder: Path, flaw: str) -> set[str]:
    return broken_rules(deploy(folder, flaw=flaw), network=False, breakages={remove_old_messages: 1.0})


def test_run_with_removals_breaks_no_rule(tmp_path: Path) -> None:
    site = deploy(tmp_path)
    breakages: dict[Breakage, float] = {remove_old_messages: 3.0, restart_server: 1.0}
    assert broken_rules(site, network=True, breakages=breakages) == set()
    reads = [record for record in site.history.of(FullRead) if record.conversation == AGED_ROOM]
    assert max(record.first for record in reads) > 1


def test_first_moved_before_the_deletion_is_detected(tmp_path: Path) -> None:
    assert "first" in broken_by_flaw(tmp_path, "first-before-deletion")


def test_new_numbers_after_the_deletion_are_detected(tmp_path: Path) -> None:
    assert broken_by_flaw(tmp_path, "renumbered-after-deletion") & {"1", "5"}
