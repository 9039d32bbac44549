"""The client: time to start, time of a frame of a long history, and the cost of a flood of messages.

The floor for the start is ``bare_screen``, an empty prompt_toolkit screen; that for a frame is a short
history.
"""

import asyncio
import gc
import io
import os
import select
import sys
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, closing, contextmanager
from pathlib import Path
from statistics import median

import pexpect
from prompt_toolkit.data_structures import Size
from prompt_toolkit.input import create_pipe_input
from prompt_toolkit.output.vt100 import Vt100_Output

from bench import machine
from bench.dialects import PASSWORD
from bench.figures import Figure, share
from bench.hosts import Host, on_sqlite, temporary
from bench.load import ClientPool
from bench.talkers import Client, drain
from chatroom.client.model.state import ConnectionState
from chatroom.client.view.screen import FullScreen
from tests.support.processes import ROOT
from tests.support.terminal import bytes_of
from tests.unit.client.view.fake import FakeApp, add_messages, add_room

STARTS = 7
FEW = 1000
TIMES = 200
WIDTH, HEIGHT = 80, 24
ROOM = "#thuhole"

FLOOD = 200
"""Messages per second."""
KEY, KEY_EVERY = "~", 20
"""A key that occurs in no message, and the number of messages between two presses (ten per second)."""
QUIET_FOR, TYPED_FOR = 3, 10
"""Factors for the length of a round: a 99th percentile needs two hundred keys."""


# The start


def start() -> Iterator[Figure]:
    """Measure from the command to the first text on the screen; the median of several starts."""
    floor = median(_first_paint("bench.bare_screen", "bare") for _ in range(STARTS))
    yield Figure("client start", "floor: bare prompt_toolkit", floor * 1e3, "ms", floor=True)
    ours = median(_first_paint("client", "127.0.0.1") for _ in range(STARTS))
    yield Figure("client start", "chatroom", ours * 1e3, "ms")


def _first_paint(module: str, words: str) -> float:
    started = time.perf_counter()
    with _terminal(module) as program:
        program.expect_exact(words.encode())
        return time.perf_counter() - started


@contextmanager
def _terminal(module: str, *arguments: str) -> Iterator["pexpect.spawn[bytes]"]:
    """Run a program of ours in a terminal."""
    with temporary() as home:
        program: pexpect.spawn[bytes] = pexpect.spawn(
            sys.executable, ["-m", module, *arguments], cwd=str(ROOT), dimensions=(HEIGHT, WIDTH), echo=False,
            env={"HOME": str(home), "TERM": "xterm-256color", "LANG": "C.UTF-8", "PATH": os.environ["PATH"]},
        )  # fmt: skip
        program.delaybeforesend = None
        try:
            yield program
        finally:
            program.close(force=True)


# Frames


def drawing(count: int) -> Iterator[Figure]:
    """Measure frames of a conversation with ``count`` messages, and of one with a thousand."""
    for system, messages in ((f"floor: {FEW:,} messages", FEW), (f"chatroom, {count:,} messages", count)):
        with temporary() as folder:
            yield from asyncio.run(_pictures(system, messages, folder, floor=messages == FEW))


async def _pictures(system: str, count: int, folder: Path, *, floor: bool) -> list[Figure]:
    """Measure a key, a new message and PageUp, each until the frame was written to the terminal."""
    app = FakeApp(folder)
    add_room(app.state, ROOM, says=count)
    app.state.username, app.state.link = "Alice", ConnectionState.LOGGED_IN
    gc.collect()
    before = machine.resident_bytes(os.getpid())
    async with _shown(app) as (screen, press, drawn):
        app.conversations.show(ROOM)

        def hear() -> None:
            add_messages(app.state, ROOM, "One more.")
            screen.application.invalidate()

        acts = {
            "key → picture": lambda: press("x"),
            "one more message → picture": hear,
            "PageUp → picture": lambda: press(bytes_of("PageUp")),
        }
        took = {name: await _milliseconds(act, drawn) for name, act in acts.items()}
    memory = (machine.resident_bytes(os.getpid()) - before) / 1e6
    figures = [Figure(name, system, each, "ms", floor) for name, each in took.items()]
    return [*figures, Figure("memory of the pictures", system, memory, "MB", floor)]


@asynccontextmanager
async def _shown(app: FakeApp) -> AsyncIterator[tuple[FullScreen, Callable[[str], None], asyncio.Event]]:
    """Run the screen without a terminal. Yield it, a function that sends keys, and an event for frames."""
    output = Vt100_Output(io.StringIO(), lambda: Size(HEIGHT, WIDTH), term="xterm-256color", enable_cpr=False)
    with create_pipe_input() as keyboard:
        screen = FullScreen(input=keyboard, output=output)
        screen.open(app)
        app.screen.relay_to = screen
        drawn = asyncio.Event()
        screen.application.after_render += lambda _: drawn.set()
        running = asyncio.create_task(screen.run_until_quit())
        try:
            yield screen, keyboard.send_text, drawn
        finally:
            app.quit()
            await running


async def _milliseconds(act: Callable[[], None], drawn: asyncio.Event) -> float:
    """Return the median time from the action to the end of the next frame."""
    took = []
    for _ in range(TIMES):
        await asyncio.sleep(0.04)  # until all frames of the last action are drawn
        drawn.clear()
        started = time.perf_counter()
        act()
        await drawn.wait()
        took.append(time.perf_counter() - started)
    return share(took, 0.5) * 1e3


# A flood


def flood(seconds: float) -> Iterator[Figure]:
    """Run the real client in a terminal while many messages arrive.

    Measures its share of a core without and with typing, and the time until a typed key is visible.
    """
    with on_sqlite() as host, closing(ClientPool(host.dialect, host.port)) as pool:
        speaker, listener = pool.join(["u0", "u1"], ["room0"])
        with _terminal("client", f"{listener.name}@127.0.0.1:{host.port}/room0", "--lang", "en") as program:
            program.expect_exact(b"F2")  # the form, with its cursor in the only empty field
            program.send(f"{PASSWORD}\r")
            program.expect_exact(b"room0")
            flood_of_messages = MessageFlood(host, speaker, program)
            flood_of_messages.run(seconds)  # warm up
            alone = flood_of_messages.run(QUIET_FOR * seconds)
            typing = flood_of_messages.run(TYPED_FOR * seconds, typing=True)
    beside = {
        "p50 ms": share(flood_of_messages.keys, 0.5) * 1e3,
        "p99 ms": share(flood_of_messages.keys, 0.99) * 1e3,
    }
    yield Figure("flood", "chatroom", alone, "% of a core", beside=beside)
    yield Figure("flood, typing", "chatroom", typing, "% of a core", beside=beside)


class MessageFlood:
    """Sends messages to a client and presses keys. ``keys`` has the seconds until each key was visible."""

    def __init__(self, host: Host, speaker: Client, program: "pexpect.spawn[bytes]") -> None:
        self.keys: list[float] = []
        self._host = host
        self._speaker = speaker
        self._program = program
        self._pressed = 0.0  # when the key was pressed that is not visible yet

    def run(self, seconds: float, *, typing: bool = False) -> float:
        """Return how much of a core the client used, in per cent."""
        before, began, sent = self._cpu(), time.perf_counter(), 0
        while (left := began + seconds - time.perf_counter()) > 0:
            wait = began + sent / FLOOD - time.perf_counter()
            if wait <= 0:
                self._send_message()
                sent += 1
                if typing and sent % KEY_EVERY == 0 and not self._pressed:
                    self._press()
            elif select.select([self._program.child_fd], [], [], min(wait, left))[0]:
                self._look()
        return (self._cpu() - before) / (time.perf_counter() - began) * 100

    def _cpu(self) -> float:
        assert self._program.pid is not None
        return machine.cpu_seconds(self._program.pid)

    def _send_message(self) -> None:
        self._speaker.socket.sendall(self._host.dialect.say(self._speaker.name, self._speaker.room, 1))
        drain(self._speaker)

    def _press(self) -> None:
        self._program.send(KEY)
        self._pressed = time.perf_counter()

    def _look(self) -> None:
        shown = os.read(self._program.child_fd, 65536)
        if self._pressed and KEY.encode() in shown:
            self.keys.append(time.perf_counter() - self._pressed)
            self._program.send(bytes_of("Ctrl-U"))
            self._pressed = 0.0
