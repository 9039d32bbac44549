"""Run the full screen in the test process, with prompt_toolkit's input parser and pyte as the terminal.

Tests never sleep: they wait for the next frame.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from io import StringIO

import pyte
from prompt_toolkit.data_structures import Size
from prompt_toolkit.input import create_pipe_input
from prompt_toolkit.input.base import PipeInput

from chatroom.client.view.draw.terminal_output import TerminalOutput
from chatroom.client.view.screen import FullScreen
from tests.support.terminal import bytes_of
from tests.unit.client.view.fake import FakeApp

FRAME_TIMEOUT = 10.0
"""Seconds to wait for an expected frame."""


class ScreenHarness:
    def __init__(self, app: FakeApp, keyboard: PipeInput, columns: int, lines: int) -> None:
        self.app = app
        self._keyboard = keyboard
        self.output = ""  # all bytes written to the terminal
        self._drawn = asyncio.Event()
        self._terminal = pyte.Screen(columns, lines)
        self._stream = pyte.Stream(self._terminal)
        output = TerminalOutput(
            _OutputStream(self._feed), self._size, term="xterm-256color", enable_cpr=False
        )
        self.full_screen = FullScreen(input=keyboard, output=output)
        self.full_screen.open(app)
        app.screen.relay_to = self.full_screen

    @property
    def lines(self) -> list[str]:
        return ["".join(row).rstrip() for row in self.cells]

    @property
    def text(self) -> str:
        return "\n".join(self.lines)

    @property
    def cells(self) -> list[list[str]]:
        """The characters of each row by column; empty for the right half of a wide one."""
        columns = range(self._terminal.columns)
        return [
            [self._terminal.buffer[row][at].data for at in columns] for row in range(self._terminal.lines)
        ]

    def cell(self, row: int, column: int) -> pyte.screens.Char:
        """Return a cell of the screen with its attributes."""
        return self._terminal.buffer[row][column]

    def type(self, text: str) -> None:
        self._keyboard.send_text(text)

    def press(self, *keys: str) -> None:
        """Press keys by name: ``press("Ctrl-G", "Enter")``."""
        for key in keys:
            self._keyboard.send_text(bytes_of(key))

    def paste(self, text: str) -> None:
        self._keyboard.send_text(f"\x1b[200~{text}\x1b[201~")

    def hang_up(self) -> None:
        """Close the terminal."""
        self._keyboard.close()

    def resize(self, columns: int, lines: int) -> None:
        self._terminal.resize(lines, columns)
        self.full_screen.application._on_resize()

    async def wait_for(self, *texts: str) -> None:
        """Wait for a frame that contains all of these texts."""
        await self.wait_until(lambda: all(text in self.text for text in texts), f"to see {texts}")

    async def wait_gone(self, text: str) -> None:
        await self.wait_until(lambda: text not in self.text, f"for {text!r} to go")

    async def wait_until(self, condition: Callable[[], bool], wish: str) -> None:
        try:
            async with asyncio.timeout(FRAME_TIMEOUT):
                while not condition():
                    self._drawn.clear()
                    await self._drawn.wait()
        except TimeoutError:
            raise AssertionError(f"timed out waiting {wish}; the screen:\n{self.text}") from None

    def _size(self) -> Size:
        return Size(rows=self._terminal.lines, columns=self._terminal.columns)

    def _feed(self, data: str) -> None:
        self.output += data
        self._stream.feed(data)
        self._drawn.set()


class _OutputStream(StringIO):
    """Passes written text to ``feed``."""

    def __init__(self, feed: Callable[[str], None]) -> None:
        super().__init__()
        self._feed = feed

    def write(self, data: str) -> int:
        self._feed(data)
        return len(data)


@asynccontextmanager
async def open_screen(app: FakeApp, columns: int = 80, lines: int = 24) -> AsyncIterator[ScreenHarness]:
    """Run the screen; quit it at the end of the block."""
    with create_pipe_input() as keyboard:
        screen = ScreenHarness(app, keyboard, columns, lines)
        running = asyncio.create_task(screen.full_screen.run_until_quit())
        await screen.wait_until(lambda: any(screen.lines), "for the first frame")
        try:
            yield screen
        finally:
            app.quit()
            await running


Steps = Callable[[ScreenHarness], Awaitable[None]]


def run_steps(app: FakeApp, steps: Steps, columns: int = 80, lines: int = 24) -> None:
    """Open the screen, run ``steps`` with it, and quit."""

    async def run() -> None:
        async with open_screen(app, columns, lines) as screen:
            await steps(screen)

    asyncio.run(run())


def input_line(screen: ScreenHarness) -> str:
    return screen.lines[-1].removeprefix("> ")


def history_lines(screen: ScreenHarness) -> list[str]:
    """Return the lines of the history pane, at 80 columns."""
    return [line.partition("│")[2] for line in screen.lines[1:-2]]
