"""Reads the lines of standard input in the background: a terminal, a pipe or a file.

A thread reads, because an event loop cannot wait for a file. It reads the descriptor itself, because a thread
that is blocked in ``sys.stdin`` at exit crashes the interpreter.
"""

import asyncio
import codecs
import os
import select
import signal
import termios
import threading
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager

from chatroom.client import background

CHUNK = 65536

MAX_CHUNKS = 4
"""Chunks in memory. While they wait, the rest of a long input stays in its pipe."""


async def read_lines(descriptor: int = 0) -> AsyncIterator[str]:
    """Yield the lines without their ends; the last one may have no end."""
    loop = asyncio.get_running_loop()
    chunks: asyncio.Queue[bytes] = asyncio.Queue()
    free = threading.Semaphore(MAX_CHUNKS)

    def read() -> None:
        while True:
            free.acquire()
            try:
                chunk = os.read(descriptor, CHUNK)
            except OSError:
                chunk = b""
            try:
                loop.call_soon_threadsafe(chunks.put_nowait, chunk)
            except RuntimeError:
                return  # the loop was closed before the end of the input
            if not chunk:
                return

    background.start_thread(read, failed=lambda: chunks.put_nowait(b""))
    decoder = codecs.getincrementaldecoder("utf-8")("replace")
    rest = ""
    while chunk := await chunks.get():
        free.release()
        *whole, rest = (rest + decoder.decode(chunk)).split("\n")
        for line in whole:
            yield line.removesuffix("\r")
    if rest := rest + decoder.decode(b"", final=True):
        yield rest


@contextmanager
def hidden_input(descriptor: int = 0) -> Iterator[None]:
    """Turn the echo of the terminal off."""
    before = termios.tcgetattr(descriptor)
    silent = termios.tcgetattr(descriptor)
    silent[3] &= ~termios.ECHO
    termios.tcsetattr(descriptor, termios.TCSADRAIN, silent)
    try:
        yield
    finally:
        termios.tcsetattr(descriptor, termios.TCSADRAIN, before)


def read_hidden_line(descriptor: int = 0) -> str:
    """Read a line from the terminal without echo; empty at the end of input. Blocks.

    A signal ends the wait also if it arrives just before it begins: its number wakes ``select``, and then its
    handler runs. ``getpass`` would wait for Enter first.
    """
    signal_numbers, wakeup = os.pipe()
    os.set_blocking(wakeup, False)
    earlier_wakeup = signal.set_wakeup_fd(wakeup, warn_on_full_buffer=False)
    try:
        with hidden_input(descriptor):
            while descriptor not in select.select([descriptor, signal_numbers], [], [])[0]:
                if signal.SIGINT in os.read(signal_numbers, CHUNK):
                    raise KeyboardInterrupt
            return os.read(descriptor, CHUNK).decode(errors="replace").rstrip("\r\n")
    finally:
        signal.set_wakeup_fd(earlier_wakeup)
        os.close(signal_numbers)
        os.close(wakeup)
