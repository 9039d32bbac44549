"""A prompt in place of the input: for a password, which is shown as stars, or for yes or no."""

import asyncio

from prompt_toolkit.buffer import Buffer
from prompt_toolkit.filters import Condition
from prompt_toolkit.layout import BufferControl, Dimension, Window
from prompt_toolkit.layout.processors import BeforeInput, ConditionalProcessor, PasswordProcessor

from chatroom.client.view.input.composer import keep_text

MAX_ROWS = 4
"""Rows of a long prompt on a narrow screen."""


class InlinePrompt:
    """Open until Enter or Esc."""

    def __init__(self) -> None:
        self._prompt = ""
        self._hidden = True
        self._answer: asyncio.Future[str] | None = None
        self.buffer = Buffer(accept_handler=keep_text, multiline=False)
        prompt = BeforeInput(lambda: self._prompt, style="class:question")
        stars = ConditionalProcessor(PasswordProcessor("*"), Condition(lambda: self._hidden))
        self.control = BufferControl(self.buffer, input_processors=[stars, prompt])
        self.container = Window(
            self.control, height=Dimension(min=1, max=MAX_ROWS), wrap_lines=True, dont_extend_height=True
        )

    @property
    def is_open(self) -> bool:
        return self._answer is not None

    def open_prompt(self, prompt: str, *, hidden: bool) -> asyncio.Future[str]:
        """Show the prompt. The result is the text that the user enters, or an empty text after Esc."""
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
