"""Print figures as a table, and write and read them as JSON."""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field

import msgspec

from bench.figures import Figure, GivenUp

COLUMNS = ("scenario", "system", "figure", "of the floor", "per server CPU s",
           "server µs a message", "load's core", "p50", "p99")  # fmt: skip


@dataclass(frozen=True)
class Run:
    """The figures of one run, and its machine. ``when`` includes the load average at the start."""

    machine: str
    when: str
    figures: list[Figure]
    given_up: list[GivenUp] = field(default_factory=list)


def table(figures: Sequence[Figure]) -> str:
    """Return a table with a line for each figure, with its ratio to the floor of its scenario."""
    titles = [f"| {' | '.join(COLUMNS)} |", f"|---|---|{'---:|' * (len(COLUMNS) - 2)}"]
    return "\n".join([*titles, *(_line(figure, _floor(figure, figures)) for figure in figures)])


def _line(figure: Figure, floor: Figure | None) -> str:
    place = "" if figure.at is None else f": {figure.at:,.0f}"
    cells = [
        figure.scenario + place,
        figure.system,
        f"{number(figure.value)} {figure.unit}",
        _ratio(figure, floor),
    ]
    beside = figure.beside
    cells += [
        _shown(beside, "per server CPU second"),
        _shown(beside, "server µs a message"),
        _load(beside),
        _shown(beside, "p50 ms", " ms"),
        _shown(beside, "p99 ms", " ms"),
    ]
    return f"| {' | '.join(cells)} |"


def _load(beside: dict[str, float]) -> str:
    if "load core" not in beside:
        return ""
    return f"{beside['load core']:.0%}{'' if beside['compiled load'] else ', Python'}"


def _floor(figure: Figure, figures: Sequence[Figure]) -> Figure | None:
    """Return the floor of a figure, for its database if the scenario has one for each."""
    place = (figure.scenario, figure.at)
    floors = [other for other in figures if other.floor and (other.scenario, other.at) == place]
    matching = [
        floor for floor in floors if figure.system.rpartition(" ")[2] == floor.system.rpartition(" ")[2]
    ]
    return next(iter(matching or floors), None)


def _ratio(figure: Figure, floor: Figure | None) -> str:
    if floor is None or figure.floor or not floor.value:
        return ""
    return f"{figure.value / floor.value:.2f}"


def _shown(beside: dict[str, float], name: str, unit: str = "") -> str:
    return f"{number(beside[name])}{unit}" if beside.get(name) else ""


def number(value: float) -> str:
    """Format a number with thousands separators, and with no more than three digits if it is small."""
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}"


def as_json(run: Run) -> str:
    return json.dumps(asdict(run), ensure_ascii=False, indent=1)


def read(text: str) -> Run:
    """Read the output of ``as_json``."""
    return msgspec.json.decode(text, type=Run)
