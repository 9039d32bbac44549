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
from client.model.state import Link, Note
from client.news import News
from protocol.safe import safe

INDENT = "    "
"""Before the further lines of one message, so that none of them can pass for a message of its own."""


async def run(app: App, address: Address, *, register: bool) -> int:
    """Talk over standard input and output. Returns the exit code. Raises ``Refused`` or ``Lost``."""
    plain = Plain(app)
    await converse(app, address, plain.take, register=register, asks=True)
    return exit_code(app, plain.failed)


class Plain:
    """Prints what is new. ``failed`` once anything went wrong."""

    def __init__(self, app: App) -> None:
        self.failed = False
        self._app = app
        self._news = News(app.state)
        self._begun = False
        self._cut_off = False
        app.patient = not sys.stdin.isatty()
        app.on_change = self._changed
        app.on_note = self._note

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
        for one, skipped, messages in self._news.messages():
            if skipped:
                put(self._app, words.say("skipped", count=skipped), write_line)
            for message in messages:
                if lines.is_shown(message) and message.username not in self._app.state.ignored:
                    target = one.timeline.find(message.target or 0)
                    line = f"{safe(one.name)} {lines.of(message, target, indent=INDENT)}"
                    put(self._app, line, write_line)
            self._app.viewed(one.name, one.timeline.last)

    def _tell_link(self) -> None:
        link = self._app.state.link
        if link is Link.RECONNECTING and not self._cut_off:
            self._cut_off = True
            write_error(words.say("reconnecting"))
        if link is Link.LOGGED_IN and self._cut_off:
            self._cut_off = False
            write_error(words.say("reconnected"))
