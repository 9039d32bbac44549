"""The conversation switcher (Ctrl-G), in place of the input: filter by a few letters, Enter to go there."""

from prompt_toolkit.buffer import Buffer
from prompt_toolkit.layout import BufferControl, HSplit, Window
from prompt_toolkit.layout.processors import BeforeInput

from chatroom.client.model import select
from chatroom.client.model.state import ClientState, Conversation
from chatroom.client.text import i18n
from chatroom.client.view.draw.canvas import CanvasPane
from chatroom.client.view.draw.text import Row, clip_text, drawable_text
from chatroom.client.view.input.composer import keep_text
from chatroom.client.view.panes.status import unread_label

MAX_MATCHES = 6
"""Conversations shown at once."""


class Switcher:
    """Open from Ctrl-G to Enter or Esc."""

    def __init__(self, state: ClientState) -> None:
        self.is_open = False
        self._state = state
        self._chosen = 0  # index among the matches
        self.buffer = Buffer(
            accept_handler=keep_text,
            multiline=False,
            on_text_changed=lambda _: self.move_choice(-self._chosen),
        )
        prompt = BeforeInput(lambda: i18n.translate("switcher.prompt"))
        self.control = BufferControl(self.buffer, input_processors=[prompt])
        self.container = HSplit([CanvasPane(self._rows, MAX_MATCHES), Window(self.control, height=1)])

    def open_switcher(self) -> None:
        self.is_open, self._chosen = True, 0
        self.buffer.reset()

    def close_switcher(self) -> None:
        self.is_open = False

    def move_choice(self, step: int) -> None:
        """Move the choice up or down."""
        self._chosen = max(0, min(self._chosen + step, len(self._matches()) - 1))

    @property
    def chosen_name(self) -> str | None:
        """The name of the conversation that Enter goes to."""
        matches = self._matches()
        return matches[self._chosen].name if self._chosen < len(matches) else None

    def _matches(self) -> list[Conversation]:
        return select.fuzzy_matches(self._state, self.buffer.text)[:MAX_MATCHES]

    def _rows(self, width: int, height: int) -> list[Row]:
        matches = self._matches()
        rows = [
            self._match_row(matches[at], width, is_chosen=at == self._chosen) for at in range(len(matches))
        ]
        no_match: Row = [("class:hint", clip_text(f" {i18n.translate('switcher.none')}", width))]
        return (rows or [no_match])[:height]

    def _match_row(self, conversation: Conversation, width: int, *, is_chosen: bool) -> Row:
        label = unread_label(conversation) if conversation.unread else drawable_text(conversation.name)
        return [("class:chosen" if is_chosen else "class:text", clip_text(f" {label} ", width))]
