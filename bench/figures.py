"""What a measurement gives: one figure, of one server, in one scenario; or the reason why there is none.

The counterparts are ``report`` and ``plot``, which show figures, and the modules with scenarios in them.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from statistics import median


@dataclass(frozen=True)
class Figure:
    """``who`` did ``value`` of ``unit``. ``floor`` marks what no server can be better than. ``beside`` holds
    what else was seen: the share of its core that the load used, how long confirmations took. ``at`` is the
    place on a curve: how many there were of what the scenario varies.
    """

    scenario: str
    who: str
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
    """A server of which a scenario has no figure, or no more of them: it hung, or owed something."""

    scenario: str
    who: str
    reason: str


Measured = Figure | GivenUp


def grouped(figures: Sequence[Figure]) -> list[Figure]:
    """Those of one scenario side by side, the floors first, wherever in a run they were measured."""
    order = {name: place for place, name in enumerate(dict.fromkeys(figure.scenario for figure in figures))}
    return sorted(figures, key=lambda figure: (order[figure.scenario], not figure.floor))


def middle(figures: Sequence[Figure]) -> Figure:
    """Of several rounds, the one that stands for all: the median, of everything seen by itself."""
    first = figures[0]
    return Figure(
        first.scenario,
        first.who,
        median(figure.value for figure in figures),
        first.unit,
        first.floor,
        {name: median(figure.beside[name] for figure in figures) for name in first.beside},
        first.at,
    )


def share(values: Sequence[float], part: float) -> float:
    """The value that this part (0.99) of all stay within."""
    ascending = sorted(values)
    return ascending[min(int(len(ascending) * part), len(ascending) - 1)]
