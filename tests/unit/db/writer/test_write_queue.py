"""What waits for the writer, and when the writer stops waiting for more. The loop here is a list of calls, so
that a tick ends when the test says so."""

import threading
from asyncio import AbstractEventLoop
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import cast

import chatroom.db.writer.write_queue
import pytest
from chatroom.db.records import MessageDraft
from chatroom.db.writer.operations import MessagePost, Operation, SessionOrder
from chatroom.db.writer.write_queue import MAX_BATCH, WriteQueue

from tests.support.turned_clock import Loop

FOREVER = 3600.0


def numbered(number: int, conversation: int = 1) -> MessagePost:
    """What somebody says who has said nothing before."""
    draft = MessageDraft(conversation, 1, "Alice", "Alice", "text", str(number))
    return MessagePost(draft, 0, SessionOrder(), lambda outcome: None)


def numbers(batch: list[Operation]) -> list[int]:
    return [int(operation.draft.text) for operation in batch if isinstance(operation, MessagePost)]


class Scene:
    """A gathering of numbered posts, its loop, and the thread that takes."""

    def __init__(self, thread: ThreadPoolExecutor) -> None:
        self._loop = Loop()
        self._thread = thread
        # It has the one method that a gathering calls.
        self.gathering = WriteQueue(cast(AbstractEventLoop, self._loop))

    def tick(self, *numbers: int) -> None:
        for number in numbers:
            self.gathering.add_operation(numbered(number))
        self._loop.tick()

    def taking(self) -> Future[list[int]]:
        return self._thread.submit(lambda: numbers(self.gathering.take_batch()))

    def take(self) -> list[int]:
        return self.taking().result(timeout=10)

    def answer(self) -> None:
        """Write what was taken, and tell everybody in it."""
        self.gathering.batch_written()
        self.gathering.batch_answered()


@pytest.fixture
def scene() -> Iterator[Scene]:
    with ThreadPoolExecutor(1) as thread:
        scene = Scene(thread)
        yield scene
        scene.gathering.close()


@pytest.fixture
def patient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(chatroom.db.writer.write_queue, "GATHER_SECONDS", FOREVER)


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(chatroom.db.writer.write_queue, "GATHER_SECONDS", 0.0)


def test_what_comes_in_one_tick_is_taken_together(scene: Scene) -> None:
    taken = scene.taking()
    scene.tick(1, 2, 3)
    assert taken.result(timeout=10) == [1, 2, 3]


@pytest.mark.usefixtures("patient")
def test_somebody_who_is_alone_is_never_waited_with(scene: Scene) -> None:
    for number in range(5):
        scene.tick(number)
        assert scene.take() == [number]
        scene.answer()


@pytest.mark.usefixtures("patient")
def test_where_four_were_all_four_are_waited_for(scene: Scene) -> None:
    scene.tick(1, 2, 3, 4)
    assert scene.take() == [1, 2, 3, 4]
    scene.answer()
    taken = scene.taking()
    scene.tick(5)
    scene.tick(6, 7)
    scene.tick(8)
    assert taken.result(timeout=10) == [5, 6, 7, 8]


@pytest.mark.usefixtures("patient")
def test_two_halves_become_a_whole(scene: Scene) -> None:
    """Two spoke while the messages of the two others were written. When those have had their answers, all
    four are about."""
    scene.tick(1, 2)
    assert scene.take() == [1, 2]
    scene.tick(3, 4)
    scene.answer()
    taken = scene.taking()
    scene.tick(5, 6)
    assert taken.result(timeout=10) == [3, 4, 5, 6]


@pytest.mark.usefixtures("impatient")
def test_nobody_can_come_back_before_the_answer(scene: Scene) -> None:
    """The moment begins when those of the last batch have been told, however long the loop takes for it."""
    scene.tick(1, 2, 3)
    assert scene.take() == [1, 2, 3]
    scene.gathering.batch_written()
    taken = scene.taking()
    scene.tick(4)
    scene.tick(5)
    scene.gathering.batch_answered()
    assert taken.result(timeout=10) == [4, 5]


@pytest.mark.usefixtures("impatient")
def test_who_does_not_come_back_is_waited_for_no_longer_than_a_moment_and_once(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    scene.tick(1, 2, 3, 4)
    assert scene.take() == [1, 2, 3, 4]
    scene.answer()
    scene.tick(5)
    assert scene.take() == [5]
    scene.answer()
    monkeypatch.setattr(chatroom.db.writer.write_queue, "GATHER_SECONDS", FOREVER)
    scene.tick(6)
    assert scene.take() == [6]


@pytest.mark.usefixtures("patient")
def test_a_batch_has_an_end(scene: Scene) -> None:
    scene.tick(*range(MAX_BATCH + 1))
    assert scene.take() == list(range(MAX_BATCH))
    scene.tick(*range(MAX_BATCH))
    scene.answer()
    assert scene.take() == [MAX_BATCH, *range(MAX_BATCH - 1)]


@pytest.mark.usefixtures("impatient")
def test_where_more_waits_than_a_batch_holds_a_batch_holds_whole_conversations(scene: Scene) -> None:
    here, there = range(MAX_BATCH // 2), range(MAX_BATCH // 2, MAX_BATCH + 2)
    for one, other in zip(here, there, strict=False):
        scene.gathering.add_operation(numbered(one, conversation=1))
        scene.gathering.add_operation(numbered(other, conversation=2))
    scene.tick(MAX_BATCH)
    assert scene.take() == [*here, MAX_BATCH]
    scene.answer()
    assert scene.take() == [*there][: len(here)]


@pytest.mark.usefixtures("patient")
def test_at_the_end_what_waits_is_taken_and_then_nothing(scene: Scene) -> None:
    scene.tick(1, 2)
    assert scene.take() == [1, 2]
    scene.answer()
    scene.gathering.add_operation(numbered(3))  # in a tick that never ends
    scene.gathering.close()
    assert scene.take() == [3]
    assert scene.take() == []


@pytest.mark.usefixtures("patient")
def test_nothing_is_left_lying_however_the_two_threads_meet() -> None:
    """A thousand ticks against a thread that takes as fast as it can: the bell is never missed."""
    ended = threading.Event()
    with ThreadPoolExecutor(1) as thread:
        scene = Scene(thread)
        taken: list[int] = []

        def take_all() -> None:
            while batch := scene.gathering.take_batch():
                taken.extend(numbers(batch))
                scene.answer()
            ended.set()

        thread.submit(take_all)
        for number in range(0, 3000, 3):
            scene.tick(number, number + 1, number + 2)
        scene.gathering.close()
        assert ended.wait(10)
    assert taken == list(range(3000))
