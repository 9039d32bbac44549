"""The input queue runs turns in slices, on a manual event loop."""

from collections.abc import Callable
from unittest.mock import Mock

from chatroom.server.net.input_queue import SLICE_SECONDS, InputQueue


class Stage:
    """A loop and a clock; each turn takes ``turn_time`` seconds."""

    def __init__(self, turn_time: float = 0.0) -> None:
        self.now = 0.0
        self.turn_time = turn_time
        self.calls: list[Callable[[], None]] = []
        loop = Mock()
        loop.call_soon = self.calls.append
        loop.call_later = lambda seconds, call: self.calls.append(call)
        self.queue = InputQueue(loop, 0.0, lambda: self.now)
        self.taken: list[str] = []

    def add(self, name: str, again: int = 0) -> None:
        def turn() -> None:
            self.taken.append(name)
            self.now += self.turn_time
            if again:
                self.add(name, again - 1)

        self.queue.add(turn)

    def run_once(self) -> None:
        calls, self.calls[:] = list(self.calls), []
        for call in calls:
            call()


def test_turns_run_in_order_and_never_immediately() -> None:
    stage = Stage()
    stage.add("a")
    stage.add("b")
    assert stage.taken == []
    assert len(stage.calls) == 1
    stage.run_once()
    assert stage.taken == ["a", "b"]
    assert stage.calls == []


def test_turn_that_adds_itself_runs_after_the_others() -> None:
    stage = Stage()
    stage.add("a", again=2)
    stage.add("b")
    for _ in range(3):
        stage.run_once()
    assert stage.taken == ["a", "b", "a", "a"]


def test_slice_ends_after_its_time() -> None:
    stage = Stage(turn_time=SLICE_SECONDS / 2)
    for name in "abcde":
        stage.add(name)
    stage.run_once()
    assert stage.taken == ["a", "b"]
    stage.run_once()
    stage.run_once()
    assert stage.taken == ["a", "b", "c", "d", "e"]
    assert stage.calls == []
