"""The content of the history pane: the help, the home screen, or the current conversation."""

from collections.abc import Container
from typing import Protocol

from chatroom.client.app import App
from chatroom.client.model import select
from chatroom.client.model.state import ClientNote, Conversation
from chatroom.client.text.keys import key_of
from chatroom.client.view.history.columns import NameColumns, TextColumns
from chatroom.client.view.history.content import ConversationContent, DisplayOptions, ScrollContent
from chatroom.client.view.panes.banner import BANNER_ONLY_NOTES
from chatroom.client.view.panes.help import help_content
from chatroom.client.view.panes.home import home_content


class ShownParts(Protocol):
    """What the screen shows, as far as the content depends on it."""

    app: App
    banner: ClientNote | None
    shows_banner: bool
    help_open: bool
    history_only: bool
    expanded: set[str]


class ScreenContent:
    """Makes the content for each frame, from the state, the settings and what the screen shows."""

    def __init__(self, screen_state: ShownParts) -> None:
        self._screen_state = screen_state
        self._state = screen_state.app.state
        self._config = screen_state.app.config
        self._name_columns = NameColumns()
        self._banner_only: dict[int, ClientNote] = {}  # notes that only the banner shows, by id

    def show_in_banner(self, note: ClientNote) -> None:
        """Leave a note out of the history for good if the banner is its only place."""
        if note.key in BANNER_ONLY_NOTES:
            self._banner_only[id(note)] = note

    def forget_conversations(self) -> None:
        self._banner_only.clear()
        self._name_columns.forget_conversations()

    def current(self, width: int) -> ScrollContent:
        if self._screen_state.help_open:
            return help_content(self._config.keys)
        conversation = select.current_conversation(self._state)
        if conversation is None:
            return home_content(self._state, self._config.keys, self._notes_in_banner())
        return self.of_conversation(conversation, width)

    def of_conversation(self, conversation: Conversation, width: int) -> ConversationContent:
        config = self._config
        options = DisplayOptions(
            compact=config.compact == "on",
            collapse=config.fold == "on" and conversation.name not in self._screen_state.expanded,
            expand_key=key_of("unfold", config.keys),
            end_key=key_of("bottom", config.keys),
            columns=self.text_columns(width),
            unbroken=self._screen_state.history_only,
            markdown=config.markdown == "on" and not self._screen_state.history_only,
            hidden_notes=self._notes_in_banner(),
        )
        return ConversationContent(self._state, conversation, options)

    def text_columns(self, width: int) -> TextColumns:
        """Return the columns of the current conversation in a pane of this width."""
        conversation = select.current_conversation(self._state)
        time_format = self._config.time
        if conversation is None or self._screen_state.history_only:
            return TextColumns(time_format)
        return self._name_columns.text_columns(conversation, time_format, width)

    def _notes_in_banner(self) -> Container[int]:
        """Return the ids of the notes that are not drawn in the history, because the banner tells them."""
        return {*self._banner_only, id(self._screen_state.banner)} if self._screen_state.shows_banner else ()
