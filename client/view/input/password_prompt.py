"""A question in the input's place: for a password, of which only stars are shown, or for yes or no."""

import asyncio

from chatroom.client.view.input.composer import keep_text
from prompt_toolkit.buffer import Buffer
from prompt_toolkit.filters import Condition
from prompt_toolkit.layout import BufferControl, Dimension, Window
from prompt_toolkit.layout.processors import BeforeInput, ConditionalProcessor, PasswordProcessor

MOST_ROWS = 4
"""A long question on a narrow screen takes so many rows."""


class PasswordPrompt:
    """``is_open`` from the question to Enter or Esc."""

    def __init__(self) -> None:
        self._prompt = ""
        self._hidden = True
        self._answer: asyncio.Future[str] | None = None
        self.buffer = Buffer(accept_handler=keep_text, multiline=False)
        prompt = BeforeInput(lambda: self._prompt, style="class:question")
        stars = ConditionalProcessor(PasswordProcessor("*"), Condition(lambda: self._hidden))
        self.control = BufferControl(self.buffer, input_processors=[stars, prompt])
        self.container = Window(
            self.control, height=Dimension(min=1, max=MOST_ROWS), wrap_lines=True, dont_extend_height=True
        )

    @property
    def is_open(self) -> bool:
        return self._answer is not None

    def ask_password(self, prompt: str, *, hidden: bool = True) -> asyncio.Future[str]:
        """Ask. What is awaited will be what was typed; nothing, if Esc was pressed."""
        self._prompt, self._hidden = prompt, hidden
        self._answer = asyncio.get_running_loop().create_future()
        return self._answer

    def accept_answer(self) -> None:
        self.close_prompt(self.buffer.text)

    def close_prompt(self, text: str = "") -> None:
        if self._answer is not None and not self._answer.done():
            self._answer.set_result(text)
        self._answer = None
        self.buffer.reset()
