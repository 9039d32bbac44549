"""A loop that is turned by hand, for what needs no more of one than ``call_soon``."""

from collections.abc import Callable


class Loop:
    """Ticks when it is told to; ``now`` is its clock, which whoever turns it may put forward."""

    def __init__(self) -> None:
        self.now = 0.0
        self._soon: list[Callable[[], None]] = []

    def call_soon(self, callback: Callable[[], None]) -> None:
        self._soon.append(callback)

    def tick(self) -> None:
        soon, self._soon = self._soon, []
        for callback in soon:
            callback()

    @property
    def rests(self) -> bool:
        return not self._soon
