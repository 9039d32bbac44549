"""What the client needs of its front end. The full screen, ``--plain`` and ``--json`` implement it."""

from pathlib import Path
from typing import Protocol

from chatroom.client.model.state import ClientNote, PendingMessage
from chatroom.protocol import events, responses


class FrontEnd(Protocol):
    """Passed in when the client is made. Only the asynchronous methods wait for the user."""

    @property
    def is_full_screen(self) -> bool:
        """Whether the user sees which conversation is shown, so that no note is needed."""

    @property
    def is_scripted(self) -> bool:
        """Whether lines come from a program: a command waits until the lines before it are done."""

    def state_changed(self) -> None:
        """The state has changed in some way."""

    def show_note(self, note: ClientNote) -> None:
        """Show a note; it is in the state as well."""

    def show_frame(self, frame: responses.AnyResponse | events.AnyEvent) -> None:
        """The server sent this frame; it has been applied to the state."""

    def room_renamed(self, former: str, name: str) -> None:
        """A room has another name; the state has it already."""

    def show_refused(self, pending: PendingMessage) -> bool:
        """This message will never be stored. Return whether the user sees that without a note."""

    def seek(self, name: str, seq: int) -> bool:
        """Show this message of a conversation. Return whether the front end can."""

    async def ask_password(self, key: str, facts: dict[str, object]) -> str:
        """Ask for a password with a text of the catalogue. Raises ``Refused`` if there is no answer."""

    async def confirm(self, question: str) -> bool | None:
        """Ask a yes-or-no question. Return ``None`` where there is no terminal to ask at."""

    def copy_text(self, text: str) -> bool:
        """Put a text on the clipboard of the terminal. Return whether the front end can."""

    async def edit_file(self, path: Path) -> bool:
        """Open a file in the user's editor and wait for its end. Return whether the front end can."""
