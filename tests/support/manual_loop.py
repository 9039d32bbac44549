"""An event loop that a test runs step by step, for code that only uses ``call_soon``."""

from collections.abc import Callable


class ManualLoop:
    """Runs the scheduled callbacks at each ``tick``. ``now`` is its clock, which the test may advance."""

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
    def is_idle(self) -> bool:
        return not self._soon
