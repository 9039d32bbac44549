"""Standard input, line by line, without stopping everything else: a terminal, a pipe or a file alike.

A thread reads, because no event loop can wait for a file; it reads the descriptor itself, because a thread
that sits inside ``sys.stdin`` when the program ends brings the interpreter down.
"""

import asyncio
import codecs
import os
import termios
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager

from chatroom.client import background

CHUNK = 65536


async def read_lines(descriptor: int = 0) -> AsyncIterator[str]:
    """The lines without their ends; the last one need have none."""
    loop = asyncio.get_running_loop()
    chunks: asyncio.Queue[bytes] = asyncio.Queue()

    def read() -> None:
        while True:
            try:
                chunk = os.read(descriptor, CHUNK)
            except OSError:
                chunk = b""
            try:
                loop.call_soon_threadsafe(chunks.put_nowait, chunk)
            except RuntimeError:
                return  # the loop has ended before the input
            if not chunk:
                return

    background.start_thread(read, failed=lambda: chunks.put_nowait(b""))
    decoder = codecs.getincrementaldecoder("utf-8")("replace")
    rest = ""
    while chunk := await chunks.get():
        *whole, rest = (rest + decoder.decode(chunk)).split("\n")
        for line in whole:
            yield line.removesuffix("\r")
    if rest := rest + decoder.decode(b"", final=True):
        yield rest


@contextmanager
def hidden_input(descriptor: int = 0) -> Iterator[None]:
    """The terminal shows nothing of what is typed meanwhile."""
    before = termios.tcgetattr(descriptor)
    silent = termios.tcgetattr(descriptor)
    silent[3] &= ~termios.ECHO
    termios.tcsetattr(descriptor, termios.TCSADRAIN, silent)
    try:
        yield
    finally:
        termios.tcsetattr(descriptor, termios.TCSADRAIN, before)
