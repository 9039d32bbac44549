"""``--plain``: lines that are only ever appended, for pipes, dumb terminals and screen readers.

Every command works; what is typed and is no command is said where one is. Not one escape byte is written. At
the end of the input, what was said is seen through to its answer, and the exit code tells a script whether
all went well. What a script has behind ``/save`` waits until the file is written::

    echo done | CHAT_PASSWORD=… chat-client --plain alice@host/ops
"""

import sys

from client import lines, words
from client.address import Address
from client.app import App
from client.converse import converse, exit_code, leave_if_over, put
from client.line_output import write_error, write_line
from client.message_feed import LAST, MessageFeed, StartPoint
from client.model.state import Conversation, Link, Note
from protocol.safe import safe
from protocol.values import Message

INDENT = "    "
"""Before the further lines of one message, so that none of them can pass for a message of its own."""

CONTEXT = 20
"""Messages of the past that a person sees on opening a conversation."""


async def run(app: App, address: Address, start: StartPoint, *, register: bool) -> int:
    """Talk over standard input and output. Returns the exit code. Raises ``Refused`` or ``Lost``."""
    plain = Plain(app, start)
    await converse(app, address, plain, register=register, asks=True)
    return exit_code(app, plain.failed)


class Plain:
    """Prints what is new. ``failed`` once anything went wrong."""

    def __init__(self, app: App, start: StartPoint) -> None:
        interactive = sys.stdin.isatty()
        self.failed = False
        self.feed = MessageFeed(app, start, self._deliver)
        self._app = app
        self._begun = False
        self._marks_read = interactive or start.since == LAST
        self._shows_past = interactive and start == StartPoint()
        self._opened: set[str] = set()
        self._cut_off = False
        app.patient = not interactive
        app.on_change = self._changed
        app.on_note = self._note

    def caught_up(self) -> None:
        """What follows is new."""

    async def take(self, line: str) -> None:
        self._app.submit(line)
        if self._app.patient:
            await self._app.has_room()

    def _note(self, note: Note) -> None:
        text = words.say(note.key, **note.facts)
        if note.is_serious:
            self.failed = self.failed or note.error
            write_error(text)
        else:
            put(self._app, text, write_line)

    def _changed(self) -> None:
        self._begun = leave_if_over(self._app, self._begun)
        self._tell_link()
        self.feed.look()
        self._show_past(self._app.state.current)

    def _deliver(self, one: Conversation, messages: list[Message]) -> None:
        here = {message.seq: message for message in messages}
        for message in messages:
            if lines.is_shown(message) and message.username not in self._app.state.ignored:
                at = message.target or 0
                text = lines.of(message, one.timeline.find(at) or here.get(at), indent=INDENT)
                put(self._app, f"{safe(one.name)} {text}", write_line)
        if self._marks_read:
            self._app.viewed(one.name, messages[-1].seq)

    def _show_past(self, name: str) -> None:
        """To a person at a terminal, a page of what was said before, when a conversation is opened."""
        if self._shows_past and name and name not in self._opened:
            self._opened.add(name)
            self.feed.show_past(name, CONTEXT, self._deliver_past)

    def _deliver_past(self, one: Conversation, messages: list[Message]) -> None:
        put(self._app, words.say("history.begins", name=one.name), write_line)
        self._deliver(one, messages)
        put(self._app, words.say("history.ends"), write_line)

    def _tell_link(self) -> None:
        link = self._app.state.link
        if link is Link.RECONNECTING and not self._cut_off:
            self._cut_off = True
            write_error(words.say("reconnecting"))
        if link is Link.LOGGED_IN and self._cut_off:
            self._cut_off = False
            write_error(words.say("reconnected"))
