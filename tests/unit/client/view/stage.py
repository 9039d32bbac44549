"""A screen with a keyboard and a terminal of its own, in one process: what is typed goes through
prompt_toolkit's parser, what is drawn through pyte's terminal. Nothing sleeps: whoever waits, waits for
a picture.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from io import StringIO

import pyte
from chatroom.client.view.screen import FullScreen
from prompt_toolkit.data_structures import Size
from prompt_toolkit.input import create_pipe_input
from prompt_toolkit.input.base import PipeInput
from prompt_toolkit.output.vt100 import Vt100_Output

from tests.support.terminal import bytes_of
from tests.unit.client.view.fake import FakeApp

PATIENCE = 10.0
"""Seconds after which a picture that is waited for is taken to be one that never comes."""


class Stage:
    def __init__(self, app: FakeApp, keyboard: PipeInput, columns: int, lines: int) -> None:
        self.app = app
        self._keyboard = keyboard
        self.output = ""  # every byte that went to the terminal
        self._drawn = asyncio.Event()
        self._glass = pyte.Screen(columns, lines)
        self._stream = pyte.Stream(self._glass)
        terminal = Vt100_Output(_Wire(self._show), self._size, term="xterm-256color", enable_cpr=False)
        self.screen = FullScreen(app, input=keyboard, output=terminal)

    @property
    def lines(self) -> list[str]:
        return [line.rstrip() for line in self._glass.display]

    @property
    def text(self) -> str:
        return "\n".join(self.lines)

    def type(self, text: str) -> None:
        self._keyboard.send_text(text)

    def press(self, *keys: str) -> None:
        """Press keys by name: ``press("Ctrl-G", "Enter")``."""
        for key in keys:
            self._keyboard.send_text(bytes_of(key))

    def paste(self, text: str) -> None:
        self._keyboard.send_text(f"\x1b[200~{text}\x1b[201~")

    def hang_up(self) -> None:
        """The terminal is closed."""
        self._keyboard.close()

    def resize(self, columns: int, lines: int) -> None:
        self._glass.resize(lines, columns)
        self.screen.application._on_resize()

    async def sees(self, *texts: str) -> None:
        """Wait for a picture with all of these on it."""
        await self.until(lambda: all(text in self.text for text in texts), f"to see {texts}")

    async def loses(self, text: str) -> None:
        await self.until(lambda: text not in self.text, f"for {text!r} to go")

    async def until(self, condition: Callable[[], bool], wish: str) -> None:
        try:
            async with asyncio.timeout(PATIENCE):
                while not condition():
                    self._drawn.clear()
                    await self._drawn.wait()
        except TimeoutError:
            raise AssertionError(f"waited in vain {wish}; the screen:\n{self.text}") from None

    def _size(self) -> Size:
        return Size(rows=self._glass.lines, columns=self._glass.columns)

    def _show(self, data: str) -> None:
        self.output += data
        self._stream.feed(data)
        self._drawn.set()


class _Wire(StringIO):
    """What is written goes to the terminal."""

    def __init__(self, show: Callable[[str], None]) -> None:
        super().__init__()
        self._show = show

    def write(self, data: str) -> int:
        self._show(data)
        return len(data)


@asynccontextmanager
async def stage(app: FakeApp, columns: int = 80, lines: int = 24) -> AsyncIterator[Stage]:
    """The screen, running, until the story is told."""
    with create_pipe_input() as keyboard:
        one = Stage(app, keyboard, columns, lines)
        running = asyncio.create_task(one.screen.run_until_quit())
        await one.until(lambda: any(one.lines), "for a first picture")
        try:
            yield one
        finally:
            app.quit()
            await running


Tale = Callable[[Stage], Awaitable[None]]


def play(app: FakeApp, tale: Tale, columns: int = 80, lines: int = 24) -> None:
    async def tell() -> None:
        async with stage(app, columns, lines) as one:
            await tale(one)

    asyncio.run(tell())


def typed(one: Stage) -> str:
    return one.lines[-1].removeprefix("> ")


def history(one: Stage) -> list[str]:
    """What stands between the panes, at 80 columns."""
    return [line.partition("│")[2] for line in one.lines[1:-2]]
