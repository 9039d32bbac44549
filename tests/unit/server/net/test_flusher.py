"""The flusher batches writes of many connections, on a manual event loop."""

import asyncio
from typing import cast

import pytest

from chatroom.server.net.flusher import (
    FEW_WRITERS,
    MAX_DELAY,
    MAX_REST,
    REST_FACTOR,
    WRITERS_PER_TICK,
    WriteFlusher,
)
from tests.support.manual_loop import ManualLoop


class Speaker:
    def __init__(self) -> None:
        self.written = 0

    def flush(self) -> None:
        self.written += 1


class Slow:
    """Writing to it takes a while."""

    def __init__(self, loop: ManualLoop, takes: float) -> None:
        self._loop = loop
        self._takes = takes

    def flush(self) -> None:
        self._loop.now += self._takes


class Broken:
    def flush(self) -> None:
        raise RuntimeError


@pytest.fixture
def loop() -> ManualLoop:
    return ManualLoop()


@pytest.fixture
def flusher(loop: ManualLoop) -> WriteFlusher:
    return WriteFlusher(cast(asyncio.AbstractEventLoop, loop), clock=lambda: loop.now)


def crowd_in(flusher: WriteFlusher, size: int) -> list[Speaker]:
    """Return this many connections with data to write."""
    crowd = [Speaker() for _ in range(size)]
    for speaker in crowd:
        flusher.add_writer(speaker)
    return crowd


def test_few_writers_are_flushed_in_the_next_tick(loop: ManualLoop, flusher: WriteFlusher) -> None:
    crowd = crowd_in(flusher, FEW_WRITERS)
    flusher.note_activity()
    loop.tick()
    assert all(speaker.written == 1 for speaker in crowd)
    assert loop.is_idle


def test_many_writers_are_flushed_after_an_idle_tick(loop: ManualLoop, flusher: WriteFlusher) -> None:
    crowd = crowd_in(flusher, FEW_WRITERS + 1)
    loop.tick()
    crowd += crowd_in(flusher, 1)
    loop.tick()
    assert not any(speaker.written for speaker in crowd)
    loop.tick()
    assert all(speaker.written == 1 for speaker in crowd)
    assert loop.is_idle


def test_busy_loop_delays_a_pass_by_at_most_the_maximum(loop: ManualLoop, flusher: WriteFlusher) -> None:
    crowd = crowd_in(flusher, FEW_WRITERS + 1)
    while loop.now < MAX_DELAY:
        assert not any(speaker.written for speaker in crowd)
        flusher.note_activity()
        loop.now += MAX_DELAY / 10
        loop.tick()
    assert all(speaker.written == 1 for speaker in crowd)
    assert loop.is_idle


@pytest.mark.parametrize(("takes", "rest"), [(MAX_DELAY, REST_FACTOR * MAX_DELAY), (1.0, MAX_REST)])
def test_long_pass_lengthens_the_next_delay(
    loop: ManualLoop, flusher: WriteFlusher, takes: float, rest: float
) -> None:
    flusher.add_writer(Slow(loop, takes))
    loop.tick()
    crowd = crowd_in(flusher, FEW_WRITERS + 1)
    begun = loop.now
    while not crowd[0].written:
        flusher.note_activity()
        loop.now += MAX_DELAY / 10
        loop.tick()
    assert rest <= loop.now - begun < rest + MAX_DELAY


def test_thousand_writers_are_flushed_in_several_ticks_in_order(
    loop: ManualLoop, flusher: WriteFlusher
) -> None:
    crowd = crowd_in(flusher, 2 * WRITERS_PER_TICK + 1)
    loop.tick()
    loop.tick()
    assert [speaker.written for speaker in crowd] == [1] * WRITERS_PER_TICK + [0] * (WRITERS_PER_TICK + 1)
    loop.tick()
    loop.tick()
    assert all(speaker.written == 1 for speaker in crowd)
    assert loop.is_idle


def test_writes_during_a_pass_wait_for_the_next(loop: ManualLoop, flusher: WriteFlusher) -> None:
    crowd = crowd_in(flusher, WRITERS_PER_TICK + 1)
    loop.tick()
    loop.tick()
    flusher.add_writer(crowd[0])
    loop.tick()
    assert crowd[-1].written == 1
    assert crowd[0].written == 1
    loop.tick()
    assert crowd[0].written == 2
    assert loop.is_idle


def test_failing_writer_does_not_stop_the_others(loop: ManualLoop, flusher: WriteFlusher) -> None:
    speaker = Speaker()
    flusher.add_writer(Broken())
    flusher.add_writer(speaker)
    with pytest.raises(RuntimeError):
        loop.tick()
    loop.tick()
    assert speaker.written == 1
    assert loop.is_idle
