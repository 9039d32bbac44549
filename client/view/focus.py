"""Whether the user looks at the screen, as far as the terminal reports it."""

import time

MAX_KEY_PAUSE = 20.0
"""Seconds. If a terminal reports no focus, a user who has pressed no key for longer may look elsewhere."""


class TerminalFocus:
    """``reported`` is ``None`` until the terminal reports the focus."""

    def __init__(self) -> None:
        self.reported: bool | None = None
        self._key_pressed_at = time.monotonic()

    @property
    def is_watched(self) -> bool:
        if self.reported is None:
            return time.monotonic() - self._key_pressed_at <= MAX_KEY_PAUSE
        return self.reported

    def key_pressed(self) -> None:
        self._key_pressed_at = time.monotonic()
