"""``--json``: what happens, as a JSON object a line, for programs. The counterpart is a script at the other
end.

Out come, in the wire's own words, every message in order and without a hole (as ``message`` events), the
other events, and the answers to the script's requests; and of the client's own ``note``, ``link`` (how the
connection stands) and ``refused`` (a line of mine that the server will not have). In goes a request of the
wire, with an ``id`` of the script's choice, or a command as a person would type it. Anything else is an error
and said to nobody: a program that loses its quotes must not chat.
"""

import msgspec

from client import words
from client.address import Address
from client.app import App
from client.commands import is_command
from client.connection import Lost, Refused
from client.converse import converse, exit_code, leave_if_over, put
from client.line_output import write_json
from client.model.state import Link, Note, Pending
from client.news import News
from protocol import events, responses, wire
from protocol.errors import WireError


async def run(app: App, address: Address, *, register: bool) -> int:
    """Talk over standard input and output. Returns the exit code. Raises ``Refused`` or ``Lost``."""
    script = Script(app)
    await converse(app, address, script.take, register=register)
    return exit_code(app, script.failed)


class Script:
    """Prints what happens. ``failed`` once anything went wrong."""

    def __init__(self, app: App) -> None:
        self.failed = False
        self._app = app
        self._news = News(app.state)
        self._begun = False
        self._link = Link.OFFLINE
        app.patient = True
        app.on_change = self._changed
        app.on_note = self._note
        app.on_frame = self._frame
        app.on_refused = self._refused

    async def take(self, line: str) -> None:
        if is_command(line):
            self._app.submit(line)
            await self._app.has_room()
        elif line.strip():
            await self._ask(line)

    async def _ask(self, line: str) -> None:
        """One request in the words of the wire, in its turn among the lines."""
        await self._app.dealt_with()
        id: int | str | None = None
        try:
            frame = wire.read_request(line.encode("utf-8", "surrogatepass"))
            id = frame.id
            self._put(msgspec.to_builtins(await self._app.ask(frame)) | {"id": id})
        except WireError as error:
            self._put_error(error.id, error.code, error.message, error.details)
        except Refused as error:
            self._put_error(id, error.code, words.refusal(error.code, error.details), error.details)
        except Lost:
            self._put_error(id, "connection_lost", words.say("connection_lost"), {})

    def _note(self, note: Note) -> None:
        self.failed = self.failed or note.error
        text = words.say(note.key, **note.facts)
        about = {"key": note.key, "error": note.error, "warning": note.warning, "facts": note.facts}
        self._put({"type": "note", **about, "text": text})

    def _frame(self, frame: responses.AnyResponse | events.AnyEvent) -> None:
        """An event; but messages are told from the timeline, where they have no holes."""
        if isinstance(frame, events.Event) and not isinstance(frame, events.Message):
            self._put(msgspec.to_builtins(frame))

    def _changed(self) -> None:
        self._begun = leave_if_over(self._app, self._begun)
        if self._app.state.link is not self._link:
            self._link = self._app.state.link
            self._put({"type": "link", "state": self._link.name.lower()})
        for _, _, messages in self._news.messages():
            for message in messages:
                self._put(msgspec.to_builtins(events.Message(message=message)))

    def _refused(self, pending: Pending) -> None:
        self.failed = True
        facts = {"cid": pending.cid, "conversation": pending.conversation, "code": pending.error}
        self._put({"type": "refused", **facts, "text": pending.text})

    def _put_error(self, id: int | str | None, code: str, message: str, details: dict[str, object]) -> None:
        self.failed = True
        self._put({"type": "error", "id": id, "code": code, "message": message, "details": details})

    def _put(self, value: object) -> None:
        put(self._app, value, write_json)
