"""Figures as people read them: a table in Markdown, JSON for programs. The counterpart is ``figures``."""

import json
from collections.abc import Sequence
from dataclasses import asdict

from bench import machine
from bench.figures import Figure

COLUMNS = ("scenario", "who", "figure", "of the floor", "per server CPU s",
           "server µs a message", "load's core", "p50", "p99")  # fmt: skip


def table(figures: Sequence[Figure]) -> str:
    """One line a figure, with its ratio to the floor of the same scenario and run."""
    titles = [f"| {' | '.join(COLUMNS)} |", f"|---|---|{'---:|' * (len(COLUMNS) - 2)}"]
    return "\n".join([*titles, *(_line(figure, _floor(figure, figures)) for figure in figures)])


def _line(figure: Figure, floor: Figure | None) -> str:
    cells = [figure.scenario, figure.who, f"{_number(figure.value)} {figure.unit}", _ratio(figure, floor)]
    beside = figure.beside
    cells += [
        _shown(beside, "per server CPU second"),
        _shown(beside, "server µs a message"),
        f"{beside['load core']:.0%}" if "load core" in beside else "",
        _shown(beside, "p50 ms", " ms"),
        _shown(beside, "p99 ms", " ms"),
    ]
    return f"| {' | '.join(cells)} |"


def _floor(figure: Figure, figures: Sequence[Figure]) -> Figure | None:
    """The floor under a figure: that of its database, where the scenario has one for each."""
    floors = [other for other in figures if other.floor and other.scenario == figure.scenario]
    matching = [floor for floor in floors if figure.who.rpartition(" ")[2] == floor.who.rpartition(" ")[2]]
    return next(iter(matching or floors), None)


def _ratio(figure: Figure, floor: Figure | None) -> str:
    if floor is None or figure.floor or not floor.value:
        return ""
    return f"{figure.value / floor.value:.2f}"


def _shown(beside: dict[str, float], name: str, unit: str = "") -> str:
    return f"{_number(beside[name])}{unit}" if beside.get(name) else ""


def _number(value: float) -> str:
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}"


def as_json(figures: Sequence[Figure]) -> str:
    return json.dumps(
        {"machine": machine.description(), "figures": [asdict(figure) for figure in figures]},
        ensure_ascii=False,
        indent=1,
    )
