"""The client's own messages to the user: answers to commands, errors and warnings."""

import time

from chatroom.client.core.command_target import target_name
from chatroom.client.core.front_end import FrontEnd
from chatroom.client.model import apply
from chatroom.client.model.state import ClientNote, ClientState, PendingMessage
from chatroom.client.net.connection import ConnectionLost, Refused
from chatroom.client.text import i18n


class Notes:
    """Adds notes to the state and passes each to the front end.

    A note belongs to the conversation of the command that causes it, or else to the one that is shown.
    """

    def __init__(self, state: ClientState, front_end: FrontEnd) -> None:
        self._state = state
        self._front_end = front_end

    def show(self, key: str, /, *, error: bool = False, **facts: object) -> ClientNote:
        """Show a text of the catalogue. The caller may update the note's facts later."""
        return self._add(key, facts, error=error)

    def show_error(self, error: Refused | ConnectionLost) -> None:
        """Show the text of an error, or its bare code if the catalogue does not have it."""
        if isinstance(error, ConnectionLost):
            self.show("not_connected", error=True)
        elif i18n.is_code(error.code):
            self._add(error.code, error.details, error=True)
        else:
            self.show("unknown_code", error=True, code=error.code)

    def show_warning(self, key: str, facts: dict[str, object]) -> None:
        """Show a warning, such as that a file is damaged or cannot be written."""
        self._add(key, facts, warning=True)

    def show_refused(self, pending: PendingMessage) -> None:
        """Show that a message will never be stored, unless the front end does it in its own way."""
        if not self._front_end.show_refused(pending):
            reason = i18n.refusal(pending.error, pending.facts)
            self.show("refused", error=True, conversation=pending.conversation, text=pending.text, why=reason)

    def _add(
        self, key: str, facts: dict[str, object], *, error: bool = False, warning: bool = False
    ) -> ClientNote:
        name = target_name(self._state)
        conversation = self._state.conversations.find(name)
        after = conversation.timeline.last if conversation else 0
        name = conversation.name if conversation else name
        note = ClientNote(key, facts, error, at=now_ms(), conversation=name, after=after, warning=warning)
        apply.add_note(self._state, note)
        self._front_end.show_note(note)
        self._front_end.state_changed()
        return note


def now_ms() -> int:
    """Return the time in milliseconds since 1970."""
    return time.time_ns() // 1_000_000
