"""Ctrl-G: a few letters of a conversation's name, and Enter goes there. Until then it has the input's
place.
"""

from prompt_toolkit.buffer import Buffer
from prompt_toolkit.layout import BufferControl, HSplit, Window
from prompt_toolkit.layout.processors import BeforeInput

from client import words
from client.model import select
from client.model.state import Conversation, State
from client.view.composer import keep_text
from client.view.pane import Pane
from client.view.status import waiting
from client.view.text import Row, clip, drawn

MOST = 6
"""So many are offered at once."""


class Switcher:
    """``opened`` from Ctrl-G to Enter or Esc."""

    def __init__(self, state: State) -> None:
        self.opened = False
        self._state = state
        self._chosen = 0
        self.buffer = Buffer(
            accept_handler=keep_text, multiline=False, on_text_changed=lambda _: self.choose(-self._chosen)
        )
        prompt = BeforeInput(lambda: words.say("switcher.prompt"))
        self.control = BufferControl(self.buffer, input_processors=[prompt])
        self.container = HSplit([Pane(self._rows, MOST), Window(self.control, height=1)])

    def open(self) -> None:
        self.opened, self._chosen = True, 0
        self.buffer.reset()

    def choose(self, step: int) -> None:
        """Move the choice up or down."""
        self._chosen = max(0, min(self._chosen + step, len(self.matches()) - 1))

    def close(self) -> None:
        self.opened = False

    @property
    def choice(self) -> str | None:
        """The name of the conversation that Enter would go to."""
        found = self.matches()
        return found[self._chosen].name if self._chosen < len(found) else None

    def matches(self) -> list[Conversation]:
        return select.fuzzy_matches(self._state, self.buffer.text)[:MOST]

    def _rows(self, width: int, height: int) -> list[Row]:
        rows: list[Row] = [
            [("class:chosen" if at == self._chosen else "class:text", clip(f" {_label(one)} ", width))]
            for at, one in enumerate(self.matches())
        ]
        return (rows or [[("class:hint", clip(f" {words.say('switcher.none')}", width))]])[:height]


def _label(one: Conversation) -> str:
    return waiting(one) if one.unread else drawn(one.name)
