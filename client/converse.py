"""What ``--plain`` and ``--json`` have in common: lines in, lines out, an exit code at the end.

The password comes from ``CHAT_PASSWORD`` or is asked for at the terminal, never from an argument, which every
user of the machine could read.
"""

import asyncio
import getpass
import os
import sys
from collections.abc import Awaitable, Callable

from client import words
from client.address import Address
from client.app import App
from client.connection import Refused
from client.model.state import Link
from client.stdin import read_lines


async def converse(
    app: App, address: Address, take: Callable[[str], Awaitable[None]], *, register: bool
) -> None:
    """Open the session, hand every line of the input to ``take``, and see what was said through to its
    answer.

    Raises ``Refused`` or ``Lost`` if there is nothing to converse in.
    """
    await _open_session(app, address, register=register)
    reading = asyncio.create_task(_read(app, take))
    leaving = asyncio.create_task(app.done.wait())
    await asyncio.wait((reading, leaving), return_when=asyncio.FIRST_COMPLETED)
    leaving.cancel()
    if reading.done():
        reading.result()
    reading.cancel()


def leave_if_over(app: App, begun: bool) -> bool:
    """Without a form nobody can log in again: when a session that had begun is over, so is the program.

    Returns whether a session has begun by now.
    """
    state = app.state
    if begun and (not state.username or state.link is Link.REFUSED):
        app.quit()
    return begun or state.link is Link.LOGGED_IN


def put(app: App, text: str) -> None:
    """Write a line to whoever reads; when nobody does any more, there is no point in going on."""
    try:
        print(text, flush=True)
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        app.quit()


async def _open_session(app: App, address: Address, *, register: bool) -> None:
    await app.connect(address)
    username = address.username or _ask("prompt.username")
    password = os.environ.get("CHAT_PASSWORD") or _ask("prompt.password", secret=True)
    if register:
        if "CHAT_PASSWORD" not in os.environ and _ask("prompt.password_again", secret=True) != password:
            raise Refused("mismatch")
        await app.register(username, password)
        app.note("registered", username=username)
    await app.login(username, password)
    app.note("logged_in", username=app.state.username)
    if address.conversation:
        await app.enter(address.conversation)
        app.switch(address.conversation)


async def _read(app: App, take: Callable[[str], Awaitable[None]]) -> None:
    async for line in read_lines():
        await take(line)
    await app.settled()


def _ask(prompt: str, *, secret: bool = False) -> str:
    """Ask on standard error: standard output is for what is said. Raises ``Refused`` without a terminal."""
    words_shown = words.say(prompt)
    if not sys.stdin.isatty():
        raise Refused("cannot_ask", {"prompt": words_shown.rstrip(" :：")})
    if secret:
        return getpass.getpass(words_shown, stream=sys.stderr)
    print(words_shown, end="", file=sys.stderr, flush=True)
    return sys.stdin.readline().strip()
