"""Long work in slices, on a loop that the test advances."""

import asyncio
from collections.abc import Iterator
from typing import cast

import pytest

from chatroom.db.writer.time_slicer import SLICE_SECONDS, TimeSlicer
from tests.support.manual_loop import ManualLoop


class Stepping(ManualLoop):
    """A loop whose clock advances with each step."""

    def __init__(self) -> None:
        super().__init__()
        self.done: list[str] = []

    def steps(self, name: str, count: int, each: float) -> Iterator[None]:
        for number in range(count):
            self.now += each
            self.done.append(f"{name}{number}")
            yield


@pytest.fixture
def loop() -> Stepping:
    return Stepping()


@pytest.fixture
def slices(loop: Stepping) -> TimeSlicer:
    return TimeSlicer(cast(asyncio.AbstractEventLoop, loop), clock=lambda: loop.now)


def test_short_work_runs_at_once(loop: Stepping, slices: TimeSlicer) -> None:
    slices.add_steps(loop.steps("a", 2, SLICE_SECONDS / 10))
    slices.add_steps(loop.steps("b", 1, SLICE_SECONDS / 10))
    assert loop.done == ["a0", "a1", "b0"]
    assert loop.is_idle


def test_long_work_yields_to_loop(loop: Stepping, slices: TimeSlicer) -> None:
    slices.add_steps(loop.steps("a", 3, SLICE_SECONDS / 2))
    assert loop.done == ["a0", "a1"]
    loop.tick()
    assert loop.done == ["a0", "a1", "a2"]
    assert loop.is_idle


def test_later_work_waits_for_earlier_work(loop: Stepping, slices: TimeSlicer) -> None:
    slices.add_steps(loop.steps("a", 3, SLICE_SECONDS))
    slices.add_steps(loop.steps("b", 1, SLICE_SECONDS))
    while not loop.is_idle:
        loop.tick()
    assert loop.done == ["a0", "a1", "a2", "b0"]


def test_failed_step_does_not_stop_later_work(loop: Stepping, slices: TimeSlicer) -> None:
    def fails() -> Iterator[None]:
        yield from loop.steps("a", 1, SLICE_SECONDS)
        raise RuntimeError("not our day")

    slices.add_steps(fails())
    slices.add_steps(loop.steps("b", 1, SLICE_SECONDS / 10))
    loop.tick()
    assert loop.done == ["a0", "b0"]
    assert loop.is_idle
