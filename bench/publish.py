"""Generate the figures of docs/benchmarks.md: ``python -m bench.publish FILE.json``

The file, which ``report`` has written, is copied to docs/benchmarks.json. Pictures go to docs/images. In
the page, the text between two marks (``<!-- goals -->`` and ``<!-- /goals -->``) is replaced.
"""

import re
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from bench import plot
from bench.figures import Figure, grouped
from bench.goals import GOALS, Goal
from bench.profile import SCENARIO as PROFILE
from bench.report import Run, as_json, number, read, table
from bench.stages import IN_THE_DATABASE
from tests.support.processes import ROOT

DOCS = ROOT / "docs"
RATES = ("deliveries/s", "messages/s")


def main(file: Path) -> None:
    run = read(file.read_text())
    (DOCS / "benchmarks.json").write_text(as_json(run) + "\n")
    for name, picture in pictures(run).items():
        (DOCS / "images" / name).write_text(picture)
    page = DOCS / "benchmarks.md"
    page.write_text(published(page.read_text(), run))


def published(page: str, run: Run) -> str:
    """Return the page with the text between its marks generated again."""
    for name, part in PARTS.items():
        mark = re.compile(rf"(?<=<!-- {name} -->\n).*?(?=<!-- /{name} -->)", re.DOTALL)
        assert mark.search(page), f"the page has no place for {name}"
        text = f"\n{part(run)}\n\n"
        page = mark.sub(lambda _, text=text: text, page)  # type: ignore[misc]  # mypy infers no such lambda
    return page


def pictures(run: Run) -> dict[str, str]:
    compared = [figure for figure in _single(run) if figure.unit in RATES]
    return {"bench.svg": plot.bars(compared), "bench-curves.svg": plot.lines(_curves(run))}


# The text between the marks


def _machine(run: Run) -> str:
    given_up = (
        f" No figure of {failed.system} in {failed.scenario}: {failed.reason}." for failed in run.given_up
    )
    return f"{run.machine}; {run.when}.{''.join(given_up)}"


def _goals(run: Run) -> str:
    titles = "| | goal | ours | × goal | on MariaDB: goal | ours | × goal | floor | peers |"
    return "\n".join(
        [titles, "|---|---:|---:|---:|---:|---:|---:|---:|---|", *(_goal(goal, run) for goal in GOALS)]
    )


def _goal(goal: Goal, run: Run) -> str:
    figures = [figure for figure in run.figures if figure.scenario == goal.scenario and figure.at is None]
    ours = [figure for figure in figures if figure.system.startswith("chatroom")]
    on_mariadb = [figure for figure in ours if figure.system.endswith("MariaDB")]
    cells = [
        f"{goal.scenario}: {goal.title}" if re.match(r"S\d", goal.scenario) else goal.title,
        *_against(goal, goal.value, [figure for figure in ours if figure not in on_mariadb]),
        *_against(goal, goal.mariadb, on_mariadb),
        " / ".join(_values(goal, [figure for figure in figures if figure.floor])),
        ", ".join(
            f"{figure.system} {value}"
            for figure in figures
            if figure not in ours and not figure.floor
            for value in _values(goal, [figure])
        ),
    ]
    return f"| {' | '.join(cells)} |"


def _against(goal: Goal, value: float | None, figures: Sequence[Figure]) -> list[str]:
    """Return the goal, the measured value, and their ratio."""
    target = "" if value is None else f"{number(value)} {goal.unit}"
    measured = [result for figure in figures[:1] if (result := goal.of(figure)) is not None]
    if not measured:
        return [target, "", ""]
    [result] = measured
    if value is None:
        return ["", number(result), ""]
    times = goal.reached(result, value)
    return [target, number(result), f"**{times:.2f}**" if times >= 1 else f"{times:.2f}"]


def _values(goal: Goal, figures: Sequence[Figure]) -> list[str]:
    return [number(value) for figure in figures if (value := goal.of(figure)) is not None]


def _all(run: Run) -> str:
    return table(_single(run))


def _single(run: Run) -> list[Figure]:
    """Return the figures that belong to no curve and no profile."""
    return grouped([figure for figure in run.figures if figure.at is None and figure.scenario != PROFILE])


def _curve_tables(run: Run) -> str:
    curves = _curves(run)
    return "\n\n".join(_curve(name, [figure for figure in curves if figure.scenario == name])
                       for name in dict.fromkeys(figure.scenario for figure in curves))  # fmt: skip


def _curve(name: str, figures: Sequence[Figure]) -> str:
    """Return a table with a line for each server and a column for each size."""
    places = sorted({figure.at for figure in figures if figure.at is not None})
    lines = [
        f"| {name}; {figures[0].unit} | {' | '.join(f'{place:,.0f}' for place in places)} |",
        f"|---|{'---:|' * len(places)}",
    ]
    for system in dict.fromkeys(figure.system for figure in figures):
        values = {figure.at: number(figure.value) for figure in figures if figure.system == system}
        lines.append(f"| {system} | {' | '.join(values.get(place, '') for place in places)} |")
    return "\n".join(lines)


def _curves(run: Run) -> list[Figure]:
    return [figure for figure in run.figures if figure.at is not None]


def _profile(run: Run) -> str:
    """Return a table of the microseconds of each stage, with its share."""
    stages = [figure for figure in run.figures if figure.scenario == PROFILE]
    whole = sum(figure.value for figure in stages) or 1.0
    stored = sum(figure.value for figure in stages if figure.system in IN_THE_DATABASE)
    lines = [(figure.system, figure.value) for figure in stages]
    lines += [("**total**", whole), ("**without the database**", whole - stored)]
    rows = [f"| {name} | {value:.1f} | {value / whole:.0%} |" for name, value in lines]
    return "\n".join(["| | µs a message | |", "|---|---:|---:|", *rows])


PARTS: dict[str, Callable[[Run], str]] = {
    "machine": _machine,
    "goals": _goals,
    "all": _all,
    "curves": _curve_tables,
    "profile": _profile,
}


if __name__ == "__main__":
    main(Path(sys.argv[1]))
