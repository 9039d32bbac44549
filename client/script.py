"""``--json``: what happens, as a JSON object a line, for programs. The counterpart is a script at the other
end.

Out come, in the wire's own words, every message in order and without a hole (as ``message`` events), the
other events, and the answers to the script's requests; and of the client's own ``note``, ``link`` (how the
connection stands), ``caught_up`` (all messages before it are older than the start, all after it are new) and
``refused`` (a line of mine that the server will not have). In goes a request of the
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
from client.message_feed import LAST, MessageFeed, StartPoint
from client.model.state import Conversation, Link, Note, Pending
from protocol import events, requests, responses, wire
from protocol.errors import WireError
from protocol.frame import UNSET
from protocol.values import Message


async def run(app: App, address: Address, start: StartPoint, *, register: bool) -> int:
    """Talk over standard input and output. Returns the exit code. Raises ``Refused`` or ``Lost``."""
    script = Script(app, start)
    await converse(app, address, script, register=register)
    return exit_code(app, script.failed)


class Script:
    """Prints what happens. ``failed`` once anything went wrong."""

    def __init__(self, app: App, start: StartPoint) -> None:
        self.failed = False
        self.feed = MessageFeed(app, start, self._deliver)
        self._app = app
        self._marks_read = start.since == LAST
        self._begun = False
        self._link = Link.OFFLINE
        app.patient = True
        app.on_change = self._changed
        app.on_note = self._note
        app.on_frame = self._frame
        app.on_refused = self._refused

    def caught_up(self) -> None:
        """What follows is new."""
        self._put({"type": "caught_up", "conversations": self.feed.border})

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
            if self._app.quiet and isinstance(frame, requests.Send) and frame.quiet is UNSET:
                frame = msgspec.structs.replace(frame, quiet=True)
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
        self.feed.look()

    def _refused(self, pending: Pending) -> None:
        self.failed = True
        facts = {"cid": pending.cid, "conversation": pending.conversation, "code": pending.error}
        self._put({"type": "refused", **facts, "text": pending.text})

    def _deliver(self, one: Conversation, messages: list[Message]) -> None:
        for message in messages:
            self._put(msgspec.to_builtins(events.Message(message=message)))
        if self._marks_read:
            self._app.viewed(one.name, messages[-1].seq)

    def _put_error(self, id: int | str | None, code: str, message: str, details: dict[str, object]) -> None:
        self.failed = True
        self._put({"type": "error", "id": id, "code": code, "message": message, "details": details})

    def _put(self, value: object) -> None:
        put(self._app, value, write_json)
