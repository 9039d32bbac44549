"""Restores the terminal when the process is stopped, and shows the screen again when it continues."""

import asyncio
import os
import signal
import termios
from contextlib import suppress
from typing import Any

from prompt_toolkit.application import Application, run_in_terminal


class JobControl:
    """Handles SIGTSTP and SIGCONT of a full-screen program."""

    def __init__(self, application: Application[None]) -> None:
        self._application = application
        self._modes: list[Any] | None = None  # of the terminal while the screen is shown

    def add_handlers(self) -> None:
        loop = asyncio.get_running_loop()
        loop.add_signal_handler(signal.SIGTSTP, self._on_stop_signal)
        loop.add_signal_handler(signal.SIGCONT, self._on_continued)

    def remove_handlers(self) -> None:
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTSTP, signal.SIGCONT):
            loop.remove_signal_handler(number)

    def remember_modes(self) -> None:
        """Remember the modes of the terminal; called while the screen is shown."""
        if self._modes is None:
            with suppress(termios.error, OSError):
                self._modes = termios.tcgetattr(self._application.input.fileno())

    def _on_stop_signal(self) -> None:
        """Restore the terminal before the process stops. ``fg`` shows the screen again."""
        run_in_terminal(self._stop_process)

    def _stop_process(self) -> None:
        loop = asyncio.get_running_loop()
        loop.remove_signal_handler(signal.SIGTSTP)
        os.kill(os.getpid(), signal.SIGTSTP)  # returns when the process continues
        loop.add_signal_handler(signal.SIGTSTP, self._on_stop_signal)

    def _on_continued(self) -> None:
        """Draw the whole screen again: after SIGSTOP, the terminal belonged to another program."""
        if self._application.is_running and not self._application._running_in_terminal:
            if self._modes is not None:
                with suppress(termios.error):
                    termios.tcsetattr(self._application.input.fileno(), termios.TCSANOW, self._modes)
            self._application.renderer.reset()
            self._application.invalidate()
