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
from chatroom.client.app import App
from chatroom.client.commands.table import is_command
from chatroom.client.line_ui.line_output import write_json
from chatroom.client.line_ui.line_session import exit_code, print_line, quit_when_over, run_line_session
from chatroom.client.line_ui.message_feed import LAST, MessageFeed, StartPoint
from chatroom.client.model.state import ClientNote, ConnectionState, Conversation, PendingMessage
from chatroom.client.net.address import ServerAddress
from chatroom.client.net.connection import ConnectionLost, Refused
from chatroom.client.text import i18n
from chatroom.protocol import events, requests, responses, wire
from chatroom.protocol.errors import WireError
from chatroom.protocol.frame import UNSET
from chatroom.protocol.values import Message


async def run_json(app: App, address: ServerAddress, start: StartPoint, *, register: bool) -> int:
    """Talk over standard input and output. Returns the exit code. Raises ``Refused`` or
    ``ConnectionLost``."""
    script = JsonFrontEnd(app, start)
    await run_line_session(app, address, script, register=register)
    return exit_code(app, script.failed)


class JsonFrontEnd:
    """Prints what happens. ``failed`` once anything went wrong."""

    def __init__(self, app: App, start: StartPoint) -> None:
        self.failed = False
        self.feed = MessageFeed(app, start, self._deliver)
        self._app = app
        self._marks_read = start.since == LAST
        self._begun = False
        self._link = ConnectionState.OFFLINE
        app.patient = True
        app.on_change = self._state_changed
        app.on_note = self._print_note
        app.on_frame = self._print_frame
        app.on_refused = self._refused

    def caught_up(self) -> None:
        """What follows is new."""
        self._print_value({"type": "caught_up", "conversations": self.feed.border})

    async def handle_line(self, line: str) -> None:
        if is_command(line):
            self._app.submit(line)
            await self._app.has_room()
        elif line.strip():
            await self._send_request(line)

    async def _send_request(self, line: str) -> None:
        """One request in the words of the wire, in its turn among the lines."""
        await self._app.dealt_with()
        id: int | str | None = None
        try:
            frame = wire.read_request(line.encode("utf-8", "surrogatepass"))
            id = frame.id
            if self._app.quiet and isinstance(frame, requests.Send) and frame.quiet is UNSET:
                frame = msgspec.structs.replace(frame, quiet=True)
            self._print_value(msgspec.to_builtins(await self._app.ask(frame)) | {"id": id})
        except WireError as error:
            self._print_error(error.id, error.code, error.message, error.details)
        except Refused as error:
            self._print_error(id, error.code, i18n.refusal(error.code, error.details), error.details)
        except ConnectionLost:
            self._print_error(id, "connection_lost", i18n.translate("connection_lost"), {})

    def _print_note(self, note: ClientNote) -> None:
        self.failed = self.failed or note.error
        text = i18n.translate(note.key, **note.facts)
        about = {"key": note.key, "error": note.error, "warning": note.warning, "facts": note.facts}
        self._print_value({"type": "note", **about, "text": text})

    def _print_frame(self, frame: responses.AnyResponse | events.AnyEvent) -> None:
        """An event; but messages are told from the timeline, where they have no holes."""
        if isinstance(frame, events.Event) and not isinstance(frame, events.Message):
            self._print_value(msgspec.to_builtins(frame))

    def _state_changed(self) -> None:
        self._begun = quit_when_over(self._app, self._begun)
        if self._app.state.link is not self._link:
            self._link = self._app.state.link
            self._print_value({"type": "link", "state": self._link.name.lower()})
        self.feed.look()

    def _refused(self, pending: PendingMessage) -> None:
        self.failed = True
        facts = {"cid": pending.cid, "conversation": pending.conversation, "code": pending.error}
        self._print_value({"type": "refused", **facts, "text": pending.text})

    def _deliver(self, one: Conversation, messages: list[Message]) -> None:
        for message in messages:
            self._print_value(msgspec.to_builtins(events.Message(message=message)))
        if self._marks_read:
            self._app.viewed(one.name, messages[-1].seq)

    def _print_error(self, id: int | str | None, code: str, message: str, details: dict[str, object]) -> None:
        self.failed = True
        self._print_value({"type": "error", "id": id, "code": code, "message": message, "details": details})

    def _print_value(self, value: object) -> None:
        print_line(self._app, value, write_json)
