"""A program in a real terminal: a pty, and what its screen shows.

``pexpect`` holds the pty, ``pyte`` is the screen. ``wait_for`` reads the program's output until the screen
shows a text; nothing sleeps.
"""

import os
import select
import signal
import termios
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Self

import pexpect
import pyte
from wcwidth import wcswidth

from tests.support.processes import PATIENCE, ROOT
from tests.support.svg import DARK, Paper, render

KEYS = {
    "Enter": "\r", "Tab": "\t", "Shift-Tab": "\x1b[Z", "Esc": "\x1b", "Alt-Enter": "\x1b\r",
    "Backspace": "\x7f", "Delete": "\x1b[3~", "PageUp": "\x1b[5~", "PageDown": "\x1b[6~",
    "Up": "\x1b[A", "Down": "\x1b[B", "Right": "\x1b[C", "Left": "\x1b[D", "Home": "\x1b[H", "End": "\x1b[F",
    "Alt-Up": "\x1b[1;3A", "Alt-Down": "\x1b[1;3B", "Alt-Delete": "\x1b[3;3~",
    "Alt-Home": "\x1b[1;3H", "Alt-End": "\x1b[1;3F", "Alt-Left": "\x1b[1;3D", "Alt-Right": "\x1b[1;3C",
    "F1": "\x1bOP", "F2": "\x1bOQ", "F5": "\x1b[15~", "F6": "\x1b[17~", "F7": "\x1b[18~", "F8": "\x1b[19~",
    "F3": "\x1bOR", "F11": "\x1b[23~", "F12": "\x1b[24~",
}  # fmt: skip
"""What xterm sends for a key."""


def bytes_of(key: str) -> str:
    """``"F1"``, ``"Ctrl-G"``, ``"Alt-a"``, ``"x"`` -> what the keyboard sends. Raises ``KeyError``."""
    if key in KEYS:
        return KEYS[key]
    modifier, _, letter = key.rpartition("-")
    match modifier:
        case "Ctrl":
            return chr(ord(letter.upper()) & 0x1F)
        case "Alt":
            return "\x1b" + letter
        case "" if len(letter) == 1:
            return letter
    raise KeyError(key)


class _Screen(pyte.Screen):
    """A screen that answers queries, such as that for the position of the cursor."""

    def __init__(self, columns: int, lines: int, reply: Callable[[str], object]) -> None:
        super().__init__(columns, lines)
        self._reply = reply

    def write_process_input(self, data: str) -> None:
        self._reply(data)

    def row(self, number: int) -> str:
        """Return a line as displayed. The right half of a wide character is an empty cell."""
        cells = [self.buffer[number][column].data for column in range(self.columns)]
        wide = [False, *(wcswidth(cell) == 2 for cell in cells)]
        return "".join(cell or " " * (not after_wide) for cell, after_wide in zip(cells, wide, strict=False))


class Terminal:
    """A program in a terminal of this size. ``home`` is its home and working folder."""

    def __init__(
        self,
        command: Sequence[str],
        home: Path,
        columns: int = 80,
        lines: int = 24,
        environment: Mapping[str, str] | None = None,
    ) -> None:
        self.home = home
        program, *arguments = command
        self._child: pexpect.spawn[bytes] = pexpect.spawn(
            program, arguments, cwd=str(home), env={**_environment(home), **(environment or {})},
            dimensions=(lines, columns), echo=False, timeout=PATIENCE,
        )  # fmt: skip
        self._child.delaybeforesend = None
        self._screen = _Screen(columns, lines, self._child.send)
        self._stream = pyte.ByteStream(self._screen)
        self.output = b""

    @property
    def lines(self) -> list[str]:
        return [self._screen.row(number).rstrip() for number in range(self._screen.lines)]

    @property
    def text(self) -> str:
        """The screen without trailing blanks."""
        return "\n".join(self.lines).rstrip()

    def type(self, text: str) -> Self:
        """Type characters, without Enter."""
        self._child.send(text)
        return self

    def type_bytes(self, data: bytes) -> Self:
        """Send bytes, as a terminal with another encoding does."""
        self._child.send(data)
        return self

    def press(self, *keys: str) -> Self:
        """Press keys by name: ``press("Ctrl-G", "Enter")``."""
        for key in keys:
            self._child.send(bytes_of(key))
        return self

    def enter(self, line: str) -> Self:
        """Type a line and press Enter."""
        return self.type(line).press("Enter")

    def paste(self, text: str) -> Self:
        """Send a bracketed paste."""
        return self.type(f"\x1b[200~{text}\x1b[201~")

    def wait_for(self, *texts: str) -> Self:
        """Wait until the screen shows all of these texts at once."""
        return self.wait_until(lambda: all(text in self.text for text in texts), f"to see {texts}")

    def wait_gone(self, text: str) -> Self:
        return self.wait_until(lambda: text not in self.text, f"for {text!r} to go")

    def wait_until(self, condition: Callable[[], bool], wish: str = "") -> Self:
        """Read the program's output until the condition holds. The error contains the screen."""
        deadline = time.monotonic() + PATIENCE
        while not condition():
            if time.monotonic() > deadline or not self._read(deadline):
                raise AssertionError(f"timed out waiting {wish}; the screen:\n{self.text}")
        return self

    def wait_until_quiet(self, seconds: float = 0.1) -> Self:
        """Read until the program writes nothing for so long."""
        while select.select([self._child.fileno()], [], [], seconds)[0]:
            self._read(time.monotonic() + seconds)
        return self

    def wait_exit(self) -> int:
        """Read until the program has ended. Return its exit code, or minus the signal that ended it."""
        deadline = time.monotonic() + PATIENCE
        while self._read(deadline):
            assert time.monotonic() < deadline, f"the program does not end; the screen:\n{self.text}"
        self._child.wait()
        status, ended_by = self._child.exitstatus, self._child.signalstatus
        return -ended_by if status is None and ended_by is not None else int(status or 0)

    def _read(self, deadline: float) -> bool:
        """Feed the screen once. Return false when the program has closed its end."""
        try:
            data = self._child.read_nonblocking(65536, timeout=max(0.01, deadline - time.monotonic()))
        except pexpect.TIMEOUT:
            return True
        except pexpect.EOF:
            return False
        self.output += data
        self._stream.feed(data)
        return True

    @property
    def cooked(self) -> bool:
        """Whether the terminal is in canonical mode, as a shell expects it."""
        return bool(termios.tcgetattr(self._child.fileno())[3] & termios.ICANON)

    @property
    def foreground_group(self) -> int:
        """The process group that a shell in the terminal has in the foreground."""
        return os.tcgetpgrp(self._child.fileno())

    def end(self, by: signal.Signals) -> Self:
        """Send the program a signal."""
        self._child.kill(by)
        return self

    def resize(self, columns: int, lines: int) -> Self:
        self._screen.resize(lines, columns)
        self._child.setwinsize(lines, columns)
        return self

    def shot(self, path: Path, title: str = "", paper: Paper = DARK) -> Self:
        """Write a picture (SVG) of the screen."""
        path.write_text(render(self._screen, title, paper), encoding="utf-8")
        return self

    @property
    def process(self) -> int:
        """The id of the program's process."""
        assert self._child.pid is not None
        return self._child.pid

    def close(self) -> None:
        with suppress(pexpect.ExceptionPexpect):  # killed, but on a busy machine not gone within a moment
            self._child.close(force=True)


def _environment(home: Path) -> dict[str, str]:
    """Return the environment of a new user."""
    return {
        "HOME": str(home), "PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT),
        "TERM": "xterm-256color", "LANG": "C.UTF-8", "LC_ALL": "C.UTF-8", "TZ": "UTC",
    }  # fmt: skip
