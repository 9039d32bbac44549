"""The published page of the benchmarks contains the measured figures."""

import pytest

from bench import publish
from bench.figures import Figure, GivenUp
from bench.goals import GOALS
from bench.report import Run, as_json, read
from bench.stages import IN_THE_DATABASE, STAGES, find
from tests.support.processes import ROOT

PAGE = "".join(f"# {name}\n<!-- {name} -->\nold\n<!-- /{name} -->\n" for name in publish.PARTS)

RUN = Run(
    "two cores",
    "2026-11-22",
    [
        Figure("S1", "floor: ready bytes", 6e6, "deliveries/s", floor=True),
        Figure("S1", "chatroom on SQLite", 6e6, "deliveries/s", beside={"p99 ms": 3.0}),
        Figure("S1", "chatroom on MariaDB", 1e6, "deliveries/s"),
        Figure("S1", "ngircd", 5e5, "deliveries/s"),
        Figure("users in the room", "chatroom on SQLite", 1000, "deliveries/s", at=10),
        Figure("users in the room", "chatroom on SQLite", 2000, "deliveries/s", at=100),
        Figure("users in the room", "chatroom on MariaDB", 0, "deliveries/s", at=100),
        Figure("profile", "parse the request", 3.0, "µs"),
        Figure("profile", "COMMIT", 1.0, "µs"),
    ],
    [GivenUp("S1", "inspircd", "it hung")],
)


def test_run_survives_json() -> None:
    assert read(as_json(RUN)) == RUN


def test_publishing_replaces_the_marked_parts() -> None:
    page = publish.published(PAGE, RUN)
    assert "old" not in page
    assert publish.published(page, RUN) == page


def test_goal_row_shows_the_ratio_to_the_goal() -> None:
    [line] = [line for line in publish.published(PAGE, RUN).splitlines() if line.startswith("| S1: one room")]
    goal, ours, times, _, on_mariadb, missed, floor, peers = line.split(" | ")[1:]
    assert (goal, ours, times) == ("3,000,000 deliveries/s", "6,000,000", "**2.00**")
    assert (on_mariadb, missed) == ("1,000,000", "0.50")
    assert (floor, peers) == ("6,000,000", "ngircd 500,000 |")


def test_page_names_servers_without_figures() -> None:
    assert "No figure of inspircd in S1: it hung." in publish.published(PAGE, RUN)


def test_ratio_of_time_and_memory_is_inverted() -> None:
    goal = next(goal for goal in GOALS if goal.scenario == "S3")
    assert goal.reached(4, 8) == 2


def test_curve_has_a_column_for_each_size() -> None:
    page = publish.published(PAGE, RUN)
    assert "| users in the room; deliveries/s | 10 | 100 |" in page
    assert "| chatroom on SQLite | 1,000 | 2,000 |" in page
    assert "polyline" in publish.pictures(RUN)["bench-curves.svg"]


def test_profile_shows_the_sum_without_the_database() -> None:
    page = publish.published(PAGE, RUN)
    assert "| **total** | 4.0 | 100% |" in page
    assert "| **without the database** | 3.0 | 75% |" in page


def test_published_page_matches_its_json_file() -> None:
    run = read((publish.DOCS / "benchmarks.json").read_text())
    page = (publish.DOCS / "benchmarks.md").read_text()
    assert publish.published(page, run) == page
    for name, picture in publish.pictures(run).items():
        assert (ROOT / "docs" / "images" / name).read_text() == picture


@pytest.mark.parametrize("place", STAGES)
def test_stage_of_the_profile_is_an_existing_function(place: str) -> None:
    holder, name = find(place)
    assert callable(getattr(holder, name))


def test_database_stages_are_stages() -> None:
    assert set(IN_THE_DATABASE) <= set(STAGES.values())
