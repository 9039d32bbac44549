"""``--plain``: the front end that only appends lines, for pipes, dumb terminals and screen readers.

Every command works. Any other line is sent as a message to the current conversation. No escape sequences are
written. At the end of the input, the client waits for the confirmation of all messages, and the exit code
shows whether everything succeeded. Lines after ``/save`` wait until the file is written::

    echo done | CHAT_PASSWORD=… chat-client --plain alice@host/ops
"""

import sys
from pathlib import Path

from chatroom.client.app import App
from chatroom.client.line_ui.line_output import write_error, write_line
from chatroom.client.line_ui.line_session import (
    PasswordSource,
    exit_code,
    print_line,
    quit_when_over,
    run_line_session,
)
from chatroom.client.line_ui.message_feed import LAST, MessageFeed, StartPoint
from chatroom.client.model.state import ClientNote, ConnectionState, Conversation, PendingMessage
from chatroom.client.net.address import ServerAddress
from chatroom.client.text import i18n, message_text
from chatroom.protocol import events, responses
from chatroom.protocol.safe import safe_text
from chatroom.protocol.values import Message

INDENT = "    "
"""Indents the further lines of a message, so that none of them looks like a message of its own."""

CONTEXT = 20
"""Older messages that are shown at a terminal when a conversation is opened."""


class PlainFrontEnd:
    """Prints new messages and notes. ``failed``: something was refused or went wrong."""

    is_full_screen = False
    feed: MessageFeed  # from ``run`` on
    _app: App

    def __init__(self, start: StartPoint) -> None:
        interactive = sys.stdin.isatty()
        self.is_scripted = not interactive
        self.failed = self.output_failed = False
        self.passwords = PasswordSource(asks=True)
        self._start = start
        self._begun = False
        self._marks_read = interactive or start.since == LAST
        self._shows_past = interactive and start == StartPoint()
        self._opened: set[str] = set()
        self._cut_off = False

    async def run(self, app: App, address: ServerAddress, *, register: bool) -> int:
        """Run over standard input and output and return the exit code.

        Raises ``Refused`` or ``ConnectionLost``.
        """
        self._app = app
        self.feed = MessageFeed(app, self._start, self._deliver)
        await run_line_session(app, address, self, register=register)
        return exit_code(app, self)

    def caught_up(self) -> None:
        """Nothing: a user sees what is new."""

    async def handle_line(self, line: str) -> None:
        self._app.lines.submit_line(line)
        if self.is_scripted:
            await self._app.lines.wait_for_room()

    def show_note(self, note: ClientNote) -> None:
        text = i18n.translate(note.key, **note.facts)
        if note.is_serious:
            self.failed = self.failed or note.error
            write_error(text)
        else:
            print_line(self._app, self, text, write_line)

    def state_changed(self) -> None:
        self._begun = quit_when_over(self._app, self._begun)
        self._print_connection()
        self.feed.deliver_new()
        self._show_past(self._app.state.current)

    def show_frame(self, frame: responses.AnyResponse | events.AnyEvent) -> None:
        """Nothing: the state has everything that is printed."""

    def show_refused(self, pending: PendingMessage) -> bool:
        return False

    def seek(self, name: str, seq: int) -> bool:
        return False

    async def ask_password(self, key: str, facts: dict[str, object]) -> str:
        return await self.passwords.find_password(key, facts)

    async def confirm(self, question: str) -> bool | None:
        return await self.passwords.confirm(question)

    def copy_text(self, text: str) -> bool:
        return False

    async def edit_file(self, path: Path) -> bool:
        return False

    def _deliver(self, conversation: Conversation, messages: list[Message]) -> None:
        delivered = {message.seq: message for message in messages}
        for message in messages:
            if message_text.is_shown(message) and message.username not in self._app.state.ignored:
                at = message.target or 0
                text = message_text.message_line(
                    message, conversation.timeline.find(at) or delivered.get(at), indent=INDENT
                )
                print_line(self._app, self, f"{safe_text(conversation.name)} {text}", write_line)
        if self._marks_read:
            self._app.history.mark_read(conversation.name, messages[-1].seq)

    def _show_past(self, name: str) -> None:
        """Show a page of older messages when a conversation is opened at a terminal."""
        if self._shows_past and name and name not in self._opened:
            self._opened.add(name)
            self.feed.show_past(name, CONTEXT, self._deliver_past)

    def _deliver_past(self, conversation: Conversation, messages: list[Message]) -> None:
        print_line(self._app, self, i18n.translate("history.begins", name=conversation.name), write_line)
        self._deliver(conversation, messages)
        print_line(self._app, self, i18n.translate("history.ends"), write_line)

    def _print_connection(self) -> None:
        link = self._app.state.link
        if link is ConnectionState.RECONNECTING and not self._cut_off:
            self._cut_off = True
            write_error(i18n.translate("reconnecting"))
        if link is ConnectionState.LOGGED_IN and self._cut_off:
            self._cut_off = False
            write_error(i18n.translate("reconnected"))
