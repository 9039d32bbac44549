"""``--plain``: lines that are only ever appended, for pipes, dumb terminals and screen readers.

Every command works; what is typed and is no command is said where one is. Not one escape byte is written. At
the end of the input, what was said is seen through to its answer, and the exit code tells a script whether
all went well. What a script has behind ``/save`` waits until the file is written::

    echo done | CHAT_PASSWORD=… chat-client --plain alice@host/ops
"""

import sys

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
"""Before the further lines of one message, so that none of them can pass for a message of its own."""

CONTEXT = 20
"""Messages of the past that a person sees on opening a conversation."""


class PlainFrontEnd:
    """Prints what is new. ``failed`` once anything went wrong."""

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
        """Talk over standard input and output. Return the exit code. Raises ``Refused`` or
        ``ConnectionLost``.
        """
        self._app = app
        self.feed = MessageFeed(app, self._start, self._deliver)
        await run_line_session(app, address, self, register=register)
        return exit_code(app, self)

    def caught_up(self) -> None:
        """What follows is new."""

    async def handle_line(self, line: str) -> None:
        self._app.lines.submit(line)
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
        self.feed.look()
        self._show_past(self._app.state.current)

    def show_frame(self, frame: responses.AnyResponse | events.AnyEvent) -> None:
        """Nothing: what matters of it is in the state."""

    def show_refused(self, pending: PendingMessage) -> bool:
        return False

    def seek(self, name: str, seq: int) -> bool:
        return False

    async def ask_password(self, key: str, facts: dict[str, object]) -> str:
        return await self.passwords.find_password(key, facts)

    async def confirm(self, question: str) -> bool | None:
        return await self.passwords.confirm(question)

    def _deliver(self, one: Conversation, messages: list[Message]) -> None:
        here = {message.seq: message for message in messages}
        for message in messages:
            if message_text.is_shown(message) and message.username not in self._app.state.ignored:
                at = message.target or 0
                text = message_text.message_line(
                    message, one.timeline.find(at) or here.get(at), indent=INDENT
                )
                print_line(self._app, self, f"{safe_text(one.name)} {text}", write_line)
        if self._marks_read:
            self._app.history.mark_read(one.name, messages[-1].seq)

    def _show_past(self, name: str) -> None:
        """To a person at a terminal, a page of what was said before, when a conversation is opened."""
        if self._shows_past and name and name not in self._opened:
            self._opened.add(name)
            self.feed.show_past(name, CONTEXT, self._deliver_past)

    def _deliver_past(self, one: Conversation, messages: list[Message]) -> None:
        print_line(self._app, self, i18n.translate("history.begins", name=one.name), write_line)
        self._deliver(one, messages)
        print_line(self._app, self, i18n.translate("history.ends"), write_line)

    def _print_connection(self) -> None:
        link = self._app.state.link
        if link is ConnectionState.RECONNECTING and not self._cut_off:
            self._cut_off = True
            write_error(i18n.translate("reconnecting"))
        if link is ConnectionState.LOGGED_IN and self._cut_off:
            self._cut_off = False
            write_error(i18n.translate("reconnected"))
