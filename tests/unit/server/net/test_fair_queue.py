"""Reader threads serve the accounts in turn."""

import asyncio
from dataclasses import dataclass

import pytest

from chatroom.protocol.errors import Unavailable
from chatroom.server.net.fair_queue import FairLane


@dataclass
class Session:
    address: str
    reads: int = 0


class Reads:
    """Reads that run until the test ends them."""

    def __init__(self, lane: FairLane) -> None:
        self._lane = lane
        self.started: list[tuple[str, asyncio.Future[str]]] = []

    def request(self, session: Session, name: str) -> asyncio.Task[str]:
        def start() -> asyncio.Future[str]:
            self.started.append((name, asyncio.get_running_loop().create_future()))
            return self.started[-1][1]

        return asyncio.create_task(self._lane.run(session, start))

    async def finish(self, number: int) -> None:
        self.started[number][1].set_result(self.started[number][0])
        await settled()

    @property
    def names(self) -> list[str]:
        return [name for name, _ in self.started]


async def settled() -> None:
    for _ in range(5):
        await asyncio.sleep(0)


async def test_read_of_another_address_goes_before_the_queue_of_one_address() -> None:
    reads = Reads(FairLane(1))
    tasks = [reads.request(Session("10.0.0.1"), f"many{number}") for number in range(4)]
    await settled()
    tasks.append(reads.request(Session("10.0.0.2"), "other"))
    await settled()
    for number in range(5):
        assert len(reads.started) == number + 1
        await reads.finish(number)
    assert reads.names == ["many0", "many1", "other", "many2", "many3"]
    assert [await task for task in tasks] == ["many0", "many1", "many2", "many3", "other"]


async def test_session_with_fewer_reads_goes_first_at_one_address() -> None:
    reads, busy = Reads(FairLane(1)), Session("10.0.0.1", reads=9)
    tasks = [
        reads.request(busy, "busy"),
        reads.request(busy, "busy"),
        reads.request(Session("10.0.0.1"), "new"),
    ]
    await settled()
    for number in range(3):
        await reads.finish(number)
    assert reads.names == ["busy", "new", "busy"]
    assert all(task.done() for task in tasks)


async def test_cancelled_read_keeps_its_place_until_its_thread_ends() -> None:
    reads = Reads(FairLane(1))
    first, second, third = (reads.request(Session("10.0.0.1"), name) for name in ("first", "second", "third"))
    await settled()
    first.cancel()
    second.cancel()
    await settled()
    assert reads.names == ["first"]
    await reads.finish(0)
    assert reads.names == ["first", "third"]
    await reads.finish(1)
    assert await third == "third"


async def test_waiting_reads_are_refused_at_a_shutdown() -> None:
    lane = FairLane(1)
    reads = Reads(lane)
    first, second = reads.request(Session("10.0.0.1"), "first"), reads.request(Session("10.0.0.1"), "second")
    await settled()
    assert lane.waiting == 1
    lane.refuse_waiting()
    with pytest.raises(Unavailable):
        await second
    await reads.finish(0)
    assert await first == "first"
    assert (reads.names, lane.waiting) == (["first"], 0)
