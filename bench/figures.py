"""The result of a measurement: a figure of one server in one scenario, or the reason why there is none."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from statistics import median


@dataclass(frozen=True)
class Figure:
    """``system`` reached ``value`` in ``unit``.

    ``floor`` marks a limit that no server can pass. ``beside`` has additional values, such as the share of
    a core that the load used, or percentiles. ``at`` is the position on a curve: the size that the scenario
    varies.
    """

    scenario: str
    system: str
    value: float
    unit: str
    floor: bool = False
    beside: dict[str, float] = field(default_factory=dict)
    at: float | None = None

    @property
    def less_is_better(self) -> bool:
        return self.unit in ("ms", "µs", "kB", "MB", "% of a core")


@dataclass(frozen=True)
class GivenUp:
    """A server without a complete result in a scenario, because it hung or lost messages."""

    scenario: str
    system: str
    reason: str


Measured = Figure | GivenUp


def grouped(figures: Sequence[Figure]) -> list[Figure]:
    """Return the figures grouped by scenario, the floors first."""
    order = {name: number for number, name in enumerate(dict.fromkeys(figure.scenario for figure in figures))}
    return sorted(figures, key=lambda figure: (order[figure.scenario], not figure.floor))


def middle(figures: Sequence[Figure]) -> Figure:
    """Return the median of several rounds, of each value separately."""
    first = figures[0]
    return Figure(
        first.scenario,
        first.system,
        median(figure.value for figure in figures),
        first.unit,
        first.floor,
        {name: median(figure.beside[name] for figure in figures) for name in first.beside},
        first.at,
    )


def share(values: Sequence[float], part: float) -> float:
    """Return a percentile; the part is for example 0.99."""
    ascending = sorted(values)
    return ascending[min(int(len(ascending) * part), len(ascending) - 1)]
