"""The page of the benchmarks is made of the figures that were measured, and of nothing else."""

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
        Figure("people in the room", "chatroom on SQLite", 1000, "deliveries/s", at=10),
        Figure("people in the room", "chatroom on SQLite", 2000, "deliveries/s", at=100),
        Figure("people in the room", "chatroom on MariaDB", 0, "deliveries/s", at=100),
        Figure("profile", "read a line", 3.0, "µs"),
        Figure("profile", "COMMIT", 1.0, "µs"),
    ],
    [GivenUp("S1", "inspircd", "it hung")],
)


def test_a_run_is_read_as_it_was_written() -> None:
    assert read(as_json(RUN)) == RUN


def test_what_is_between_the_marks_is_made_anew() -> None:
    page = publish.published(PAGE, RUN)
    assert "old" not in page
    assert publish.published(page, RUN) == page


def test_the_verdict_says_how_many_times_a_goal_is_reached() -> None:
    [line] = [line for line in publish.published(PAGE, RUN).splitlines() if line.startswith("| S1: one room")]
    goal, ours, times, _, on_mariadb, missed, floor, peers = line.split(" | ")[1:]
    assert (goal, ours, times) == ("3,000,000 deliveries/s", "6,000,000", "**2.00**")
    assert (on_mariadb, missed) == ("1,000,000", "0.50")
    assert (floor, peers) == ("6,000,000", "ngircd 500,000 |")


def test_the_page_names_whoever_was_given_up() -> None:
    assert "No figure of inspircd in S1: it hung." in publish.published(PAGE, RUN)


def test_less_is_better_where_it_is_time_or_memory() -> None:
    goal = next(goal for goal in GOALS if goal.scenario == "S3")
    assert goal.reached(4, 8) == 2


def test_a_curve_has_a_column_for_each_place() -> None:
    page = publish.published(PAGE, RUN)
    assert "| people in the room; deliveries/s | 10 | 100 |" in page
    assert "| chatroom on SQLite | 1,000 | 2,000 |" in page
    assert "polyline" in publish.pictures(RUN)["bench-curves.svg"]


def test_the_profile_says_what_is_left_without_the_database() -> None:
    page = publish.published(PAGE, RUN)
    assert "| **together** | 4.0 | 100% |" in page
    assert "| **without the database's own** | 3.0 | 75% |" in page


def test_the_page_tells_of_the_run_that_lies_beside_it() -> None:
    run = read((publish.DOCS / "benchmarks.json").read_text())
    page = (publish.DOCS / "benchmarks.md").read_text()
    assert publish.published(page, run) == page
    for name, picture in publish.pictures(run).items():
        assert (ROOT / "docs" / "images" / name).read_text() == picture


@pytest.mark.parametrize("place", STAGES)
def test_every_stage_of_the_profile_is_a_function_that_there_is(place: str) -> None:
    holder, name = find(place)
    assert callable(getattr(holder, name))


def test_what_is_the_databases_is_among_the_stages() -> None:
    assert set(IN_THE_DATABASE) <= set(STAGES.values())
