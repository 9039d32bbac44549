"""Keys that switch to another conversation."""

from prompt_toolkit.key_binding.key_processor import KeyPressEvent

from chatroom.client.model import select
from chatroom.client.view.screen_state import ScreenState


class ConversationActions:
    """Switching by order, by number, by activity, and by name."""

    def __init__(self, screen_state: ScreenState) -> None:
        self._screen_state = screen_state
        self._state = screen_state.state

    def next_conversation(self, event: KeyPressEvent) -> None:
        self._screen_state.show_conversation(select.neighbour_conversation(self._state, 1))

    def previous_conversation(self, event: KeyPressEvent) -> None:
        self._screen_state.show_conversation(select.neighbour_conversation(self._state, -1))

    def numbered_conversation(self, event: KeyPressEvent) -> None:
        """Switch to the conversation whose number is the digit of the key."""
        name = self._screen_state.numbers.find(int(event.key_sequence[-1].key))
        if name is not None:
            self._screen_state.show_conversation(name)

    def next_active(self, event: KeyPressEvent) -> None:
        self._screen_state.show_conversation(select.next_active(self._state))

    def go_home(self, event: KeyPressEvent) -> None:
        self._screen_state.show_conversation("")

    def open_switcher(self, event: KeyPressEvent) -> None:
        self._screen_state.switcher.open_switcher()
        event.app.layout.focus(self._screen_state.switcher.control)
