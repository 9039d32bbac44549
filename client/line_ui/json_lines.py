"""``--json``: the front end for programs, with one JSON object per line.

The output has the frames of the wire protocol: every message in order and without a gap (as ``message``
events), the other events, and the responses to the program's requests. The client adds ``note``, ``link``
(the state of the connection), ``caught_up`` (messages before it are older than the start, messages after it
are new) and ``refused`` (a message that the server refused). An input line is a request of the wire protocol,
with an ``id`` of the program's choice, or a command as a user types it. Any other line is an error and is
never sent as a message.
"""

import msgspec

from chatroom.client.commands.table import is_command
from chatroom.client.line_ui.line_output import write_json
from chatroom.client.line_ui.line_session import print_line
from chatroom.client.line_ui.message_feed import LAST, StartPoint
from chatroom.client.line_ui.printing_front_end import PrintingFrontEnd
from chatroom.client.model.state import ClientNote, ConnectionState, Conversation, PendingMessage
from chatroom.client.net.connection import ConnectionLost, Refused
from chatroom.client.text import i18n
from chatroom.protocol import events, requests, responses, wire
from chatroom.protocol.errors import WireError
from chatroom.protocol.frame import UNSET
from chatroom.protocol.values import Message


class JsonFrontEnd(PrintingFrontEnd):
    """Prints frames and notes as JSON. ``failed``: something was refused or went wrong."""

    def __init__(self, start: StartPoint) -> None:
        super().__init__(start, asks=False, marks_read=start.since == LAST)
        self._link = ConnectionState.OFFLINE

    def caught_up(self) -> None:
        """Report that all further messages are new."""
        self._print_value({"type": "caught_up", "conversations": self.feed.delivered})

    async def handle_line(self, line: str) -> None:
        if is_command(line):
            self._app.lines.submit_line(line)
            await self._app.lines.wait_for_room()
        elif line.strip():
            await self._send_request(line)

    async def _send_request(self, line: str) -> None:
        """Send a request of the wire protocol after the lines before it, and print the response."""
        await self._app.lines.wait_until_finished()
        id: int | str | None = None
        try:
            frame = wire.read_request(line.encode("utf-8", "surrogatepass"))
            id = frame.id
            if self._app.quiet and isinstance(frame, requests.Send) and frame.quiet is UNSET:
                frame = msgspec.structs.replace(frame, quiet=True)
            self._print_value(msgspec.to_builtins(await self._app.requests.ask(frame)) | {"id": id})
        except WireError as error:
            self._print_error(error.id, error.code, error.message, error.details)
        except Refused as error:
            self._print_error(id, error.code, i18n.refusal(error.code, error.details), error.details)
        except ConnectionLost:
            self._print_error(id, "connection_lost", i18n.translate("connection_lost"), {})

    def show_note(self, note: ClientNote) -> None:
        self.failed = self.failed or note.error
        text = i18n.translate(note.key, **note.facts)
        fields = {"key": note.key, "error": note.error, "warning": note.warning, "facts": note.facts}
        self._print_value({"type": "note", **fields, "text": text})

    def show_frame(self, frame: responses.AnyResponse | events.AnyEvent) -> None:
        """Print an event. Messages are printed from the timeline instead, where they have no gaps."""
        if isinstance(frame, events.Event) and not isinstance(frame, events.Message):
            self._print_value(msgspec.to_builtins(frame))

    def state_changed(self) -> None:
        self._quit_when_over()
        if self._app.state.link is not self._link:
            self._link = self._app.state.link
            self._print_value({"type": "link", "state": self._link.name.lower()})
        self.feed.deliver_new()

    def show_refused(self, pending: PendingMessage) -> bool:
        self.failed = True
        facts = {"cid": pending.cid, "conversation": pending.conversation, "code": pending.error}
        self._print_value({"type": "refused", **facts, "text": pending.text})
        return True

    def _deliver(self, conversation: Conversation, messages: list[Message]) -> None:
        for message in messages:
            self._print_value(msgspec.to_builtins(events.Message(message=message)))
        self._mark_delivered(conversation, messages)

    def _print_error(self, id: int | str | None, code: str, message: str, details: dict[str, object]) -> None:
        self.failed = True
        self._print_value({"type": "error", "id": id, "code": code, "message": message, "details": details})

    def _print_value(self, value: object) -> None:
        print_line(self._app, self, value, write_json)
