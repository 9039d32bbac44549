"""The common part of ``--plain`` and ``--json``: the session, the input lines and the exit code.

A password is taken from the environment or asked for at the terminal, never from an argument, which every
user of the machine could read.
"""

import asyncio
import sys
from collections.abc import Callable
from contextlib import suppress
from typing import Any, Protocol

from chatroom.client import background
from chatroom.client.app import App
from chatroom.client.core.front_end import FrontEnd
from chatroom.client.core.prompts import PASSWORD_VARIABLE, environment_password
from chatroom.client.core.session import LOGOUT_TIMEOUT
from chatroom.client.line_ui import standard_streams
from chatroom.client.line_ui.line_output import write_error
from chatroom.client.line_ui.message_feed import MessageFeed
from chatroom.client.line_ui.stdin import hidden_input, read_hidden_line, read_lines
from chatroom.client.model import select
from chatroom.client.model.state import ConnectionState
from chatroom.client.net.address import ServerAddress
from chatroom.client.net.connection import ConnectionLost, Refused
from chatroom.client.text import i18n

VARIABLES = {
    "prompt.password": PASSWORD_VARIABLE,
    "prompt.old_password": PASSWORD_VARIABLE,
    "prompt.delete_password": PASSWORD_VARIABLE,
    "prompt.new_password": "CHAT_NEW_PASSWORD",
    "prompt.room_password": "CHAT_ROOM_PASSWORD",
    "prompt.new_room_password": "CHAT_ROOM_PASSWORD",
}
"""The environment variables that may answer the prompts."""


class PasswordSource:
    """Finds passwords in the environment, or asks for them at the terminal.

    While input is read (``reading``), the next line is the answer, typed without echo, if ``asks`` allows it.
    """

    def __init__(self, *, asks: bool) -> None:
        self.reading = False
        self._asks = asks
        self._answer: asyncio.Future[str] | None = None

    async def find_password(self, key: str, facts: dict[str, object]) -> str:
        """Return a password. Raises ``Refused`` without a terminal or an answer."""
        variable = VARIABLES[key.removesuffix("_again")]
        if password := environment_password(variable):
            return password
        prompt = i18n.translate(key, **facts)
        if self.reading and not self._asks:
            raise Refused("cannot_ask", {"variable": variable})
        _require_terminal("cannot_ask", variable=variable)
        if answer := await (self._next_line(prompt) if self.reading else _ask_password(prompt)):
            return answer
        raise Refused("cancelled")

    async def confirm(self, question: str) -> bool | None:
        """Ask a yes-or-no question: the next line is the answer. Return ``None`` without a terminal."""
        if not (self._asks and sys.stdin.isatty()):
            return None
        self._answer = asyncio.get_running_loop().create_future()
        write_error(question, end=" ")
        return i18n.is_yes(await self._answer)

    async def _next_line(self, prompt: str) -> str:
        self._answer = asyncio.get_running_loop().create_future()
        write_error(prompt, end="")
        with hidden_input():
            answer = await self._answer
        write_error("")
        return answer

    def take_answer(self, line: str) -> bool:
        """Use a line as the answer to a pending question. Return whether there was one."""
        answer, self._answer = self._answer, None
        if answer is None or answer.done():
            return False
        answer.set_result(line)
        return True


class LineFrontEnd(FrontEnd, Protocol):
    """``--plain`` or ``--json``."""

    failed: bool
    output_failed: bool
    feed: MessageFeed
    passwords: PasswordSource

    def caught_up(self) -> None:
        """All messages that the feed delivers from now on are new."""

    async def handle_line(self, line: str) -> None:
        """Handle a line of the input."""


async def run_line_session(app: App, address: ServerAddress, front: LineFrontEnd, *, register: bool) -> None:
    """Log in, deliver the requested older messages, handle every input line, and wait until all is sent.

    Raises ``Refused`` or ``ConnectionLost`` if the session or the conversation cannot be opened.
    """
    await _open_session(app, address, register=register)
    await front.feed.begin()
    front.caught_up()
    front.state_changed()
    front.passwords.reading = True
    reading = background.start(_read_input(app, front), expected=(Refused, ConnectionLost))
    leaving = background.start(app.done.wait())
    await asyncio.wait((reading, leaving), return_when=asyncio.FIRST_COMPLETED)
    leaving.cancel()
    if reading.done():
        reading.result()
    else:  # ended by /quit; messages before it may still be refused
        reading.cancel()
        with suppress(TimeoutError):
            async with asyncio.timeout(LOGOUT_TIMEOUT):
                await _settle(app, front)


def exit_code(app: App, front: LineFrontEnd) -> int:
    """Return 0 if everything succeeded and all messages are confirmed, else 1.

    At a terminal only failed output counts, because the user has seen the errors.
    """
    unanswered = not sys.stdin.isatty() and (front.failed or bool(select.pending_messages(app.state)))
    return int(unanswered or front.output_failed)


def quit_when_over(app: App, begun: bool) -> bool:
    """End the client when its session has ended, because there is no form to log in again.

    Return whether a session has begun by now.
    """
    state = app.state
    if begun and (not state.username or state.link is ConnectionState.REFUSED):
        app.quit()
    return begun or state.link is ConnectionState.LOGGED_IN


def print_line(app: App, front: LineFrontEnd, value: object, write: Callable[[Any], None]) -> None:
    """Write a line. End the client when the output is closed or the disk is full."""
    try:
        write(value)
    except OSError as error:
        standard_streams.discard(sys.stdout.fileno())
        app.quit()
        if not isinstance(error, BrokenPipeError):
            front.output_failed = True
            write_error(i18n.translate("output_failed", reason=error.strerror))


async def _open_session(app: App, address: ServerAddress, *, register: bool) -> None:
    await app.requests.connect(address)
    username = address.username or _username_of_kept_login(app, address) or _ask_username()
    if register or not await app.session.continue_login(username):
        await _log_in(app, username, register=register)
    app.notes.show("logged_in", username=app.state.username)
    if address.conversation:
        app.conversations.show(await _enter(app, address.conversation))


async def _log_in(app: App, username: str, *, register: bool) -> None:
    password = await (app.prompts.ask_new_password if register else app.prompts.ask_password)(
        "prompt.password"
    )
    if register:
        await app.session.register(username, password)
        app.notes.show("registered", username=username)
    await app.session.login(username, password)


def _username_of_kept_login(app: App, address: ServerAddress) -> str:
    return app.config.username if app.has_kept_login(address, app.config.username) else ""


async def _read_input(app: App, front: LineFrontEnd) -> None:
    async for line in read_lines():
        if not front.passwords.take_answer(line):
            try:
                await front.handle_line(line)
            except Exception as error:
                app.lines.show_failure(error)
    front.passwords.take_answer("")
    await _settle(app, front)


async def _settle(app: App, front: LineFrontEnd) -> None:
    """Wait until all lines and requests are handled, and the server has the read positions."""
    await app.wait_until_settled()
    await front.feed.settled()
    await app.history.send_read_marks()


async def _enter(app: App, name: str) -> str:
    """Enter a conversation, or with ``--quiet`` only find it. Raises ``Refused`` or ``ConnectionLost``."""
    if not app.quiet:
        return await app.conversations.enter(name)
    if matches := select.conversations_named(app.state, name):
        return matches[0].name
    if name.startswith("#"):  # it may be a former name
        await app.conversations.find_renamed([name])
    current_name = select.original_spelling(app.state, name)
    if not name.startswith("#") or not select.has_seat(app.state, current_name):
        raise Refused("quiet_needs_seat", {"name": name})
    return current_name


def _ask_username() -> str:
    """Ask on standard error, because standard output is for messages."""
    prompt = i18n.translate("prompt.username")
    _require_terminal("cannot_ask_username")
    write_error(prompt, end="")
    return sys.stdin.readline().strip()


async def _ask_password(prompt: str) -> str:
    write_error(prompt, end="")
    password = read_hidden_line()
    write_error("")
    return password


def _require_terminal(code: str, **facts: object) -> None:
    """Raise ``Refused`` with this code unless standard input is a terminal."""
    if not sys.stdin.isatty():
        raise Refused(code, facts)
