"""Keys that select a message and begin a command about it."""

from prompt_toolkit.document import Document
from prompt_toolkit.key_binding.key_processor import KeyPressEvent

from chatroom.client.model import apply, select
from chatroom.client.view.history.content import ConversationContent
from chatroom.client.view.screen_state import ScreenState


class MessageActions:
    """The selection and commands. A command is only put into the input; Enter sends it."""

    def __init__(self, screen_state: ScreenState) -> None:
        self._screen_state = screen_state
        self._app = screen_state.app
        self._state = screen_state.state

    def select_above(self, event: KeyPressEvent) -> None:
        self._move_selection(-1)

    def select_below(self, event: KeyPressEvent) -> None:
        self._move_selection(1)

    def _move_selection(self, step: int) -> None:
        """Move the selection. It starts at the lowest visible message; below the last one it is cleared."""
        history_view = self._screen_state.history_view
        conversation, content = self._screen_state.conversation, history_view.current_content
        if conversation is None or not isinstance(content, ConversationContent):
            return
        start = conversation.selected or content.seq_at(history_view.visible.bottom.block) + 1
        seq = select.neighbour_message(conversation, start, step)
        if seq or step > 0:
            apply.select_message(self._state, conversation.name, seq)
            self._screen_state.targets.follow_selection()
        if seq:
            history_view.scroll_into_view(content.block_of(seq))

    def begin_reply(self, event: KeyPressEvent) -> None:
        self._begin_command("/reply ")

    def begin_reaction(self, event: KeyPressEvent) -> None:
        self._begin_command("/react ")

    def begin_delete(self, event: KeyPressEvent) -> None:
        self._begin_command("/delete")

    def begin_edit(self, event: KeyPressEvent) -> None:
        """Put the text of the selected message, or of the user's last one, into the input."""
        conversation = self._screen_state.conversation
        message = select.target_message(self._state, conversation, mine=True) if conversation else None
        if message is None or not select.is_mine(self._state, message):
            self._app.notes.show("nothing_to_change", error=True)
        elif self._screen_state.composer.text:
            self._app.notes.show("view.draft_first", error=True)
        else:
            self._begin_command(f"/edit {message.text}")
            self._screen_state.targets.set_target("edit", message)

    def _begin_command(self, command: str) -> None:
        """Insert a command before the text of the input."""
        buffer = self._screen_state.composer.buffer
        if not buffer.text.startswith("/"):
            buffer.document = Document(command + buffer.text)
