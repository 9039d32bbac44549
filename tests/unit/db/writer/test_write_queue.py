"""Which operations wait for the writer, and when the writer stops waiting for more. The loop is a list of
calls, so that a tick ends when the test says so.
"""

import threading
from asyncio import AbstractEventLoop
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import cast

import pytest

import chatroom.db.writer.write_queue
from chatroom.db.records import MessageDraft
from chatroom.db.writer.operations import MessagePost, Operation, SessionOrder
from chatroom.db.writer.write_queue import MAX_BATCH, WriteQueue
from tests.support.manual_loop import ManualLoop

FOREVER = 3600.0


def numbered(number: int, conversation: int = 1) -> MessagePost:
    """A post of a new session."""
    draft = MessageDraft(conversation, 1, "Alice", "Alice", "text", str(number))
    return MessagePost(draft, 0, SessionOrder(), lambda outcome: None)


def numbers(batch: list[Operation]) -> list[int]:
    return [int(operation.draft.text) for operation in batch if isinstance(operation, MessagePost)]


class QueueScenario:
    """A queue of numbered posts, its loop, and the taking thread."""

    def __init__(self, thread: ThreadPoolExecutor) -> None:
        self._loop = ManualLoop()
        self._thread = thread
        self.last_size = 0
        # It has the only method that the queue calls.
        self.queue = WriteQueue(cast(AbstractEventLoop, self._loop))

    def tick(self, *numbers: int) -> None:
        for number in numbers:
            self.queue.add_operation(numbered(number))
        self._loop.tick()

    def start_taking(self) -> Future[list[int]]:
        return self._thread.submit(lambda: numbers(self.queue.take_batch()))

    def take(self) -> list[int]:
        taken = self.start_taking().result(timeout=10)
        self.last_size = len(taken)
        return taken

    def answer(self) -> None:
        """Write and answer the last batch."""
        self.queue.batch_written(self.last_size)
        self.queue.batch_answered()


@pytest.fixture
def scene() -> Iterator[QueueScenario]:
    with ThreadPoolExecutor(1) as thread:
        scene = QueueScenario(thread)
        yield scene
        scene.queue.close()


@pytest.fixture
def patient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(chatroom.db.writer.write_queue, "GATHER_SECONDS", FOREVER)


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(chatroom.db.writer.write_queue, "GATHER_SECONDS", 0.0)


def test_operations_of_one_tick_are_taken_together(scene: QueueScenario) -> None:
    taken = scene.start_taking()
    scene.tick(1, 2, 3)
    assert taken.result(timeout=10) == [1, 2, 3]


@pytest.mark.usefixtures("patient")
def test_single_active_sender_is_not_delayed(scene: QueueScenario) -> None:
    for number in range(5):
        scene.tick(number)
        assert scene.take() == [number]
        scene.answer()


@pytest.mark.usefixtures("patient")
def test_batch_waits_for_all_active_senders(scene: QueueScenario) -> None:
    scene.tick(1, 2, 3, 4)
    assert scene.take() == [1, 2, 3, 4]
    scene.answer()
    taken = scene.start_taking()
    scene.tick(5)
    scene.tick(6, 7)
    scene.tick(8)
    assert taken.result(timeout=10) == [5, 6, 7, 8]


@pytest.mark.usefixtures("patient")
def test_alternating_halves_merge_into_one_batch(scene: QueueScenario) -> None:
    """Two senders send while the messages of two others are written. After the answers all four are
    active.
    """
    scene.tick(1, 2)
    assert scene.take() == [1, 2]
    scene.tick(3, 4)
    scene.answer()
    taken = scene.start_taking()
    scene.tick(5, 6)
    assert taken.result(timeout=10) == [3, 4, 5, 6]


@pytest.mark.usefixtures("impatient")
def test_gather_time_starts_after_answers(scene: QueueScenario) -> None:
    """The wait begins when the last batch was answered, however long the loop takes for that."""
    scene.tick(1, 2, 3)
    assert scene.take() == [1, 2, 3]
    scene.queue.batch_written(3)
    taken = scene.start_taking()
    scene.tick(4)
    scene.tick(5)
    scene.queue.batch_answered()
    assert taken.result(timeout=10) == [4, 5]


@pytest.mark.usefixtures("impatient")
def test_absent_sender_is_waited_for_once(scene: QueueScenario, monkeypatch: pytest.MonkeyPatch) -> None:
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
def test_batch_size_is_limited(scene: QueueScenario) -> None:
    scene.tick(*range(MAX_BATCH + 1))
    assert scene.take() == list(range(MAX_BATCH))
    scene.tick(*range(MAX_BATCH))
    scene.answer()
    assert scene.take() == [MAX_BATCH, *range(MAX_BATCH - 1)]


@pytest.mark.usefixtures("impatient")
def test_overload_batch_holds_whole_conversations(scene: QueueScenario) -> None:
    first, second = range(MAX_BATCH // 2), range(MAX_BATCH // 2, MAX_BATCH + 2)
    for in_first, in_second in zip(first, second, strict=False):
        scene.queue.add_operation(numbered(in_first, conversation=1))
        scene.queue.add_operation(numbered(in_second, conversation=2))
    scene.tick(MAX_BATCH)
    assert scene.take() == [*first, MAX_BATCH]
    scene.answer()
    assert scene.take() == [*second][: len(first)]


@pytest.mark.usefixtures("patient")
def test_closed_queue_is_drained(scene: QueueScenario) -> None:
    scene.tick(1, 2)
    assert scene.take() == [1, 2]
    scene.answer()
    scene.queue.add_operation(numbered(3))  # in a tick that never ends
    scene.queue.close()
    assert scene.take() == [3]
    assert scene.take() == []


@pytest.mark.usefixtures("patient")
def test_concurrent_ticks_lose_no_operation() -> None:
    """A thousand ticks against a thread that takes as fast as it can: no wake-up is missed."""
    ended = threading.Event()
    with ThreadPoolExecutor(1) as thread:
        scene = QueueScenario(thread)
        taken: list[int] = []

        def take_all() -> None:
            while batch := scene.queue.take_batch():
                taken.extend(numbers(batch))
                scene.answer()
            ended.set()

        thread.submit(take_all)
        for number in range(0, 3000, 3):
            scene.tick(number, number + 1, number + 2)
        scene.queue.close()
        assert ended.wait(10)
    assert taken == list(range(3000))


def test_wake_returns_without_operations(scene: QueueScenario) -> None:
    taken = scene.start_taking()
    scene.queue.wake()
    assert taken.result(timeout=10) == []
    scene.tick(1)
    assert scene.take() == [1]


def test_wake_before_a_batch_is_taken_is_not_lost(scene: QueueScenario) -> None:
    scene.queue.wake()
    assert scene.take() == []
