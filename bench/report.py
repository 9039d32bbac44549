"""Figures as people read them, in a table, and as programs do, in JSON. The counterpart is ``figures``."""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field

import msgspec

from bench.figures import Figure, GivenUp

COLUMNS = ("scenario", "who", "figure", "of the floor", "per server CPU s",
           "server µs a message", "load's core", "p50", "p99")  # fmt: skip


@dataclass(frozen=True)
class Run:
    """All that was measured in one go, and on what ``machine``; ``when`` also says how busy that was."""

    machine: str
    when: str
    figures: list[Figure]
    given_up: list[GivenUp] = field(default_factory=list)


def table(figures: Sequence[Figure]) -> str:
    """One line a figure, with its ratio to the floor of the same scenario and run."""
    titles = [f"| {' | '.join(COLUMNS)} |", f"|---|---|{'---:|' * (len(COLUMNS) - 2)}"]
    return "\n".join([*titles, *(_line(figure, _floor(figure, figures)) for figure in figures)])


def _line(figure: Figure, floor: Figure | None) -> str:
    place = "" if figure.at is None else f": {figure.at:,.0f}"
    cells = [
        figure.scenario + place,
        figure.who,
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
    """The floor under a figure: that of its database, where the scenario has one for each."""
    place = (figure.scenario, figure.at)
    floors = [other for other in figures if other.floor and (other.scenario, other.at) == place]
    matching = [floor for floor in floors if figure.who.rpartition(" ")[2] == floor.who.rpartition(" ")[2]]
    return next(iter(matching or floors), None)


def _ratio(figure: Figure, floor: Figure | None) -> str:
    if floor is None or figure.floor or not floor.value:
        return ""
    return f"{figure.value / floor.value:.2f}"


def _shown(beside: dict[str, float], name: str, unit: str = "") -> str:
    return f"{number(beside[name])}{unit}" if beside.get(name) else ""


def number(value: float) -> str:
    """A thousand and more in groups of three, and no more digits than were measured."""
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}"


def as_json(run: Run) -> str:
    return json.dumps(asdict(run), ensure_ascii=False, indent=1)


def read(text: str) -> Run:
    """What ``as_json`` wrote."""
    return msgspec.json.decode(text, type=Run)
