"""``python -m bench``: run benchmarks and print the figures. All servers run on this machine, on loopback.

Without names, all scenarios run, which takes about 25 minutes on an idle machine. ``python -m bench.publish``
generates the page and its pictures from the file of ``--json``.
"""

import argparse
import os
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path

from bench import (
    cluster,
    commits,
    curves,
    export,
    machine,
    profile,
    reading,
    screens,
    storms,
    talking,
    waiting,
)
from bench.figures import Figure, GivenUp, Measured
from bench.peers import PEERS
from bench.report import Run, as_json, table

Scenario = Callable[[], Iterator[Measured]]

QUICK_MESSAGES, QUICK_PEOPLE = 20_000, 500


def main() -> int:
    options = _parser().parse_args()
    if options.model:
        print("\n".join(cluster.model()))
        return 0
    scenarios = _scenarios(options)
    names = list(_expand_curves(options.scenarios or list(scenarios)))
    unknown = [name for name in names if name not in scenarios]
    if unknown:
        print(f"no such scenario: {', '.join(unknown)}; there are {', '.join(scenarios)}", file=sys.stderr)
        return 2
    machine.allow_many_files()
    run = Run(machine.description(), _now(), [])
    failed = _run({name: scenarios[name] for name in names}, run, options.json)
    print(f"{run.machine}; {run.when}\n\n{table(run.figures)}")
    for missing in run.given_up:
        print(_words(missing), file=sys.stderr)
    for name, error in failed.items():
        print(f"{name} failed: {error!r}", file=sys.stderr)
    return 1 if failed or any(missing.system not in PEERS for missing in run.given_up) else 0


def _run(scenarios: Mapping[str, Scenario], run: Run, file: Path | None) -> dict[str, Exception]:
    """Run the scenarios and keep the figures, also if a later one fails. Return the failures."""
    failed: dict[str, Exception] = {}
    began = time.monotonic()
    with machine.on(machine.LOAD_CORE):
        for name, scenario in scenarios.items():
            _show_progress(began, f"{name} …")
            try:
                for measured in scenario():
                    _show_progress(began, _words(measured))
                    _keep(run, measured)
            except Exception as error:
                failed[name] = error
            except KeyboardInterrupt:
                break
            finally:
                if file is not None:
                    file.write_text(as_json(run) + "\n")
    return failed


def _keep(run: Run, measured: Measured) -> None:
    if isinstance(measured, Figure):
        run.figures.append(measured)
    else:
        run.given_up.append(measured)


def _show_progress(began: float, words: str) -> None:
    """Print the progress and the elapsed time."""
    minutes, seconds = divmod(int(time.monotonic() - began), 60)
    print(f"{minutes:3}:{seconds:02}  {words}", file=sys.stderr, flush=True)


def _words(measured: Measured) -> str:
    if isinstance(measured, GivenUp):
        return f"{measured.scenario}: {measured.system}: given up: {measured.reason}"
    place = "" if measured.at is None else f" at {measured.at:,.0f}"
    return f"{measured.scenario}: {measured.system}{place}: {measured.value:,.1f} {measured.unit}"


def _now() -> str:
    return f"{time.strftime('%Y-%m-%d')}, load average {os.getloadavg()[0]:.1f} at the start"


def _expand_curves(names: Sequence[str]) -> Iterator[str]:
    """Expand ``curves`` to all curves."""
    for name in names:
        yield from curves.CURVES if name == "curves" else (name,)


def _scenarios(options: argparse.Namespace) -> dict[str, Scenario]:
    """Return all scenarios by name, in the order of the table in docs/benchmarks.md."""
    seconds = 0.5 if options.quick else options.seconds
    rounds = 1 if options.quick else options.rounds
    messages = QUICK_MESSAGES if options.quick else options.messages
    effort = curves.QUICK if options.quick else curves.FAR if options.far else curves.Effort()
    talk = {
        name: partial(talking.measure, plan, seconds=seconds, rounds=rounds)
        for name, plan in talking.PLANS.items()
    }
    return {
        **{name: talk[name] for name in ("S1", "S2")},
        "S3": partial(waiting.idle, QUICK_PEOPLE if options.quick else waiting.IDLE),
        "S4": partial(waiting.one_way, seconds=seconds, rounds=rounds),
        **{name: run for name, run in talk.items() if name.startswith("S5")},
        "commits": partial(commits.measure, seconds),
        "storm": waiting.login_storm,
        "storms": partial(storms.measure, QUICK_PEOPLE if options.quick else storms.USERS),
        "reading": partial(reading.measure, messages),
        "export": partial(export.measure, messages),
        "start": screens.start,
        "drawing": partial(screens.drawing, messages),
        "flood": partial(screens.flood, seconds),
        "profile": partial(profile.measure, seconds),
        "cluster": partial(cluster.measure, seconds),
        "cluster curve": partial(cluster.curve, seconds, (1, 2) if options.quick else (1, 2, 4, 8)),
        **{name: partial(curve, effort) for name, curve in curves.CURVES.items()},
    }


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__.partition("\n")[0])
    parser.add_argument("scenarios", nargs="*", metavar="SCENARIO", help="which; `curves` for all curves")
    parser.add_argument("--seconds", type=float, default=2.0, help="that a round lasts")
    parser.add_argument("--rounds", type=int, default=3, help="of which the median counts")
    parser.add_argument("--messages", type=int, default=1_000_000, help="in the room that is read and drawn")
    parser.add_argument("--model", action="store_true", help="print what a cluster of 64 processes needs")
    parser.add_argument("--quick", action="store_true", help="short rounds and short curves, for a look")
    parser.add_argument("--far", action="store_true", help="curves up to 2,000 people and 10M messages")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the figures for programs")
    return parser


if __name__ == "__main__":
    sys.exit(main())
