"""Who writes when: the line of connections that have something to say, on a loop that is turned by hand."""

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
    """So many, who have something to say."""
    crowd = [Speaker() for _ in range(size)]
    for speaker in crowd:
        flusher.add_writer(speaker)
    return crowd


def test_what_a_few_have_to_say_leaves_at_once(loop: ManualLoop, flusher: WriteFlusher) -> None:
    crowd = crowd_in(flusher, FEW_WRITERS)
    flusher.note_activity()
    loop.tick()
    assert all(speaker.written == 1 for speaker in crowd)
    assert loop.is_idle


def test_what_many_have_to_say_leaves_as_soon_as_nothing_more_is_said(
    loop: ManualLoop, flusher: WriteFlusher
) -> None:
    crowd = crowd_in(flusher, FEW_WRITERS + 1)
    loop.tick()
    crowd += crowd_in(flusher, 1)
    loop.tick()
    assert not any(speaker.written for speaker in crowd)
    loop.tick()
    assert all(speaker.written == 1 for speaker in crowd)
    assert loop.is_idle


def test_on_a_busy_loop_it_gathers_but_not_for_long(loop: ManualLoop, flusher: WriteFlusher) -> None:
    crowd = crowd_in(flusher, FEW_WRITERS + 1)
    while loop.now < MAX_DELAY:
        assert not any(speaker.written for speaker in crowd)
        flusher.note_activity()
        loop.now += MAX_DELAY / 10
        loop.tick()
    assert all(speaker.written == 1 for speaker in crowd)
    assert loop.is_idle


@pytest.mark.parametrize(("takes", "rest"), [(MAX_DELAY, REST_FACTOR * MAX_DELAY), (1.0, MAX_REST)])
def test_after_a_long_pass_a_busy_loop_gathers_longer(
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


def test_a_thousand_are_written_to_in_several_ticks_each_in_its_turn(
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


def test_one_that_fails_keeps_nobody_from_writing(loop: ManualLoop, flusher: WriteFlusher) -> None:
    speaker = Speaker()
    flusher.add_writer(Broken())
    flusher.add_writer(speaker)
    with pytest.raises(RuntimeError):
        loop.tick()
    loop.tick()
    assert speaker.written == 1
    assert loop.is_idle
