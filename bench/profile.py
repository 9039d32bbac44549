"""The CPU time of one message by stage, from ``data_received`` to ``send()``, in scenario S1.

``stages`` is the server with timers. The time outside of all timers belongs to uvloop and the kernel:
polling, reading, and ``send()`` to all sockets.
"""

import json
import os
import signal
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

from bench import machine
from bench.figures import Figure
from bench.hosts import TIMEOUT, temporary, timed
from bench.load import ClientPool
from bench.stages import STAGES, TIMERS
from bench.talking import PLANS

SCENARIO = "profile"
REST = "uvloop and the kernel's sockets"


def measure(seconds: float) -> Iterator[Figure]:
    plan = PLANS["S1"]
    totals: list[dict[str, float]] = []
    with (
        temporary() as data,
        timed(data, file := data / "stages") as host,
        closing(ClientPool(host.dialect, host.port)) as pool,
    ):
        people = pool.join([f"u{number}" for number in range(plan.people)], ["room0"])
        talk = pool.talk(
            people[: plan.speakers],
            window=plan.window,
            warm_up=seconds / 2,
            seconds=seconds,
            mark=lambda: totals.append({**_ask(host.pid, file), REST: machine.cpu_seconds(host.pid)}),
        )
    before, after = totals
    for total in totals:
        total[REST] -= total[TIMERS]
    taken = {stage: after.get(stage, 0.0) - before.get(stage, 0.0) for stage in (*STAGES.values(), REST)}
    for stage in STAGES.values():  # subtracting the cost of the timers may give a small negative time
        taken[stage] = max(0.0, taken[stage])
        taken[REST] -= taken[stage]
    for stage, whole in taken.items():
        yield Figure(SCENARIO, stage, whole / talk.confirmed * 1e6, "µs")


def _ask(pid: int, file: Path) -> dict[str, float]:
    """Return the seconds of each stage so far."""
    known = _size(file)
    os.kill(pid, signal.SIGUSR1)
    deadline = time.monotonic() + TIMEOUT
    while _size(file) == known or not (text := file.read_text()).endswith("\n"):
        if time.monotonic() > deadline:
            raise TimeoutError("the server does not tell")
        time.sleep(0.001)
    stages: dict[str, float] = json.loads(text.splitlines()[-1])
    return stages


def _size(file: Path) -> int:
    return file.stat().st_size if file.exists() else 0
