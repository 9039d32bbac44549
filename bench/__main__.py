"""``python -m bench``: measure, and show. Everything runs on this machine, and only on its loopback."""

import argparse
import os
import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from functools import partial
from pathlib import Path

from bench import commits, machine, reading, screens, talking, waiting
from bench.figures import Figure
from bench.plot import plot
from bench.report import as_json, table

Scenario = Callable[[], Iterator[Figure]]


def main() -> int:
    options = _parser().parse_args()
    scenarios = _scenarios(options.seconds, options.rounds, options.messages)
    unknown = set(options.scenarios) - set(scenarios)
    if unknown:
        print(
            f"no such scenario: {', '.join(sorted(unknown))}; there are {', '.join(scenarios)}",
            file=sys.stderr,
        )
        return 2
    machine.allow_many_files()
    figures: list[Figure] = []
    with suppress(KeyboardInterrupt):  # what is there is shown
        _run([scenarios[name] for name in options.scenarios or scenarios], figures)
    _tell(figures, options.json, options.plot)
    return 0


def _run(scenarios: Iterable[Scenario], figures: list[Figure]) -> None:
    with machine.on(machine.LOAD_CORE):
        for scenario in scenarios:
            for figure in scenario():
                print(f"{figure.scenario}: {figure.who}: {figure.value:,.1f} {figure.unit}", file=sys.stderr)
                figures.append(figure)


def _tell(figures: list[Figure], json: Path | None, svg: Path | None) -> None:
    print(f"{machine.description()}, load average {os.getloadavg()[0]:.1f}\n\n{table(figures)}")
    if json is not None:
        json.write_text(as_json(figures) + "\n")
    if svg is not None:
        svg.write_text(plot(figures))


def _scenarios(seconds: float, rounds: int, messages: int) -> dict[str, Scenario]:
    """Every scenario by its name, in the order of the table in docs/benchmarks.md."""
    talk = {
        name: partial(talking.measure, plan, seconds=seconds, rounds=rounds)
        for name, plan in talking.PLANS.items()
    }
    return {
        **{name: talk[name] for name in ("S1", "S2")},
        "S3": waiting.idle,
        "S4": partial(waiting.one_way, seconds),
        **{name: run for name, run in talk.items() if name.startswith("S5")},
        "commits": partial(commits.measure, seconds),
        "storm": waiting.login_storm,
        "reading": partial(reading.measure, messages),
        "start": screens.start,
        "drawing": partial(screens.drawing, messages),
    }


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument(
        "scenarios", nargs="*", metavar="SCENARIO", help="which; all of them when none is named"
    )
    parser.add_argument("--seconds", type=float, default=3.0, help="that a round lasts")
    parser.add_argument("--rounds", type=int, default=3, help="of which the median counts")
    parser.add_argument("--messages", type=int, default=200_000, help="in the room that is read and drawn")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the figures for programs")
    parser.add_argument("--plot", type=Path, metavar="FILE", help="draw the figures, as SVG")
    return parser


if __name__ == "__main__":
    sys.exit(main())
