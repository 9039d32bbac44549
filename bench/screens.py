"""The client: how long until it can be typed into, and what a picture of a long history costs.

The floor of the start is ``bare_screen``, a prompt_toolkit screen with nothing in it.
"""

import sys
import tempfile
import time
from collections.abc import Callable, Iterator

import pexpect

from bench.figures import Figure, share
from client.model.state import State
from client.view.story import ConversationStory
from client.view.timeline import Timeline
from tests.client.view.fake import arrive, room
from tests.processes import ROOT

STARTS = 7
FEW = 1000
WIDTH, HEIGHT = 80, 24
ROOM = "#thuhole"


def start() -> Iterator[Figure]:
    """From the command to the first words on the screen, the median of some starts."""
    floor = share([_first_paint("bench.bare_screen", "bare") for _ in range(STARTS)], 0.5)
    yield Figure("client start", "floor: bare prompt_toolkit", floor * 1e3, "ms", floor=True)
    ours = share([_first_paint("client", "127.0.0.1") for _ in range(STARTS)], 0.5)
    yield Figure("client start", "chatroom", ours * 1e3, "ms")


def _first_paint(module: str, words: str) -> float:
    with tempfile.TemporaryDirectory(prefix="chat-bench-") as home:
        started = time.perf_counter()
        program: pexpect.spawn[bytes] = pexpect.spawn(
            sys.executable, ["-m", module], cwd=str(ROOT), dimensions=(HEIGHT, WIDTH),
            env={"HOME": home, "TERM": "xterm-256color", "LANG": "C.UTF-8", "PATH": "/usr/bin:/bin"},
        )  # fmt: skip
        program.expect_exact(words.encode())
        taken = time.perf_counter() - started
        program.close(force=True)
        return taken


def drawing(count: int) -> Iterator[Figure]:
    """A picture of a conversation with so many messages, beside one of a thousand."""
    yield from _pictures(f"floor: {FEW:,} messages", FEW, floor=True)
    yield from _pictures(f"chatroom, {count:,} messages", count)


def _pictures(who: str, count: int, floor: bool = False) -> Iterator[Figure]:
    """After one more message has come, and after PageUp."""
    state = State(username="Alice", current=ROOM)
    conversation = room(state, ROOM, says=count)
    timeline = Timeline(lambda: ConversationStory(state, conversation))
    timeline.look(WIDTH, HEIGHT)

    def hear() -> None:
        arrive(state, ROOM, "One more.")
        timeline.look(WIDTH, HEIGHT)

    def page_up() -> None:
        timeline.turn(-1)
        timeline.look(WIDTH, HEIGHT)

    yield Figure("one more message → picture", who, _milliseconds(hear), "ms", floor)
    yield Figure("PageUp → picture", who, _milliseconds(page_up), "ms", floor)


def _milliseconds(act: Callable[[], None], times: int = 200) -> float:
    took = []
    for _ in range(times):
        started = time.perf_counter()
        act()
        took.append(time.perf_counter() - started)
    return share(took, 0.5) * 1e3
