"""``--plain``: the front end that only appends lines, for pipes, dumb terminals and screen readers.

Every command works. Any other line is sent as a message to the current conversation. No escape sequences are
written. At the end of the input, the client waits for the confirmation of all messages, and the exit code
shows whether everything succeeded. Lines after ``/save`` wait until the file is written::

    echo done | CHAT_PASSWORD=… chat-client --plain alice@host/ops
"""

import sys

from chatroom.client.line_ui.line_output import write_error, write_line
from chatroom.client.line_ui.line_session import print_line
from chatroom.client.line_ui.message_feed import LAST, StartPoint
from chatroom.client.line_ui.printing_front_end import PrintingFrontEnd
from chatroom.client.model.state import ClientNote, ConnectionState, Conversation, PendingMessage
from chatroom.client.text import i18n, message_text
from chatroom.protocol import events, responses
from chatroom.protocol.safe import safe_text
from chatroom.protocol.values import Message

INDENT = "    "
"""Indents the further lines of a message, so that none of them looks like a message of its own."""

CONTEXT = 20
"""Older messages that are shown at a terminal when a conversation is opened."""


class PlainFrontEnd(PrintingFrontEnd):
    """Prints new messages and notes. ``failed``: something was refused or went wrong."""

    def __init__(self, start: StartPoint) -> None:
        interactive = sys.stdin.isatty()
        super().__init__(start, asks=True, marks_read=interactive or start.since == LAST)
        self.is_scripted = not interactive
        self._shows_past = interactive and start == StartPoint()
        self._opened: set[str] = set()
        self._cut_off = False

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
        self._quit_when_over()
        self._print_connection()
        self.feed.deliver_new()
        self._show_past(self._app.state.current)

    def show_frame(self, frame: responses.AnyResponse | events.AnyEvent) -> None:
        """Nothing: the state has everything that is printed."""

    def show_refused(self, pending: PendingMessage) -> bool:
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
        self._mark_delivered(conversation, messages)

    def _show_past(self, name: str) -> None:
        """Show a page of older messages when a conversation is opened at a terminal."""
        conversation = self._app.state.conversations.find(name)
        key = name if conversation is None else conversation.key
        if self._shows_past and name and key not in self._opened:
            self._opened.add(key)
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
