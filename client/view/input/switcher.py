"""Ctrl-G: a few letters of a conversation's name, and Enter goes there. Until then it has the input's
place.
"""

from chatroom.client.model import select
from chatroom.client.model.state import ClientState, Conversation
from chatroom.client.text import i18n
from chatroom.client.view.draw.canvas import CanvasPane
from chatroom.client.view.draw.text import Row, clip_text, drawable_text
from chatroom.client.view.input.composer import keep_text
from chatroom.client.view.panes.status import unread_words
from prompt_toolkit.buffer import Buffer
from prompt_toolkit.layout import BufferControl, HSplit, Window
from prompt_toolkit.layout.processors import BeforeInput

MOST = 6
"""So many are offered at once."""


class Switcher:
    """``opened`` from Ctrl-G to Enter or Esc."""

    def __init__(self, state: ClientState) -> None:
        self.opened = False
        self._state = state
        self._chosen = 0
        self.buffer = Buffer(
            accept_handler=keep_text,
            multiline=False,
            on_text_changed=lambda _: self.move_choice(-self._chosen),
        )
        prompt = BeforeInput(lambda: i18n.translate("switcher.prompt"))
        self.control = BufferControl(self.buffer, input_processors=[prompt])
        self.container = HSplit([CanvasPane(self._rows, MOST), Window(self.control, height=1)])

    def open_switcher(self) -> None:
        self.opened, self._chosen = True, 0
        self.buffer.reset()

    def move_choice(self, step: int) -> None:
        """Move the choice up or down."""
        self._chosen = max(0, min(self._chosen + step, len(self.matches()) - 1))

    def close_switcher(self) -> None:
        self.opened = False

    @property
    def chosen_name(self) -> str | None:
        """The name of the conversation that Enter would go to."""
        found = self.matches()
        return found[self._chosen].name if self._chosen < len(found) else None

    def matches(self) -> list[Conversation]:
        return select.fuzzy_matches(self._state, self.buffer.text)[:MOST]

    def _rows(self, width: int, height: int) -> list[Row]:
        rows: list[Row] = [
            [
                (
                    "class:chosen" if at == self._chosen else "class:text",
                    clip_text(f" {_match_label(one)} ", width),
                )
            ]
            for at, one in enumerate(self.matches())
        ]
        return (rows or [[("class:hint", clip_text(f" {i18n.translate('switcher.none')}", width))]])[:height]


def _match_label(one: Conversation) -> str:
    return unread_words(one) if one.unread else drawable_text(one.name)
