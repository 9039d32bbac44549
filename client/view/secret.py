"""A password that is asked for in the input's place; stars stand for what is typed."""

import asyncio

from prompt_toolkit.buffer import Buffer
from prompt_toolkit.layout import BufferControl, Window
from prompt_toolkit.layout.processors import BeforeInput, PasswordProcessor


class Secret:
    """``opened`` from the question to Enter or Esc."""

    def __init__(self) -> None:
        self._prompt = ""
        self._answer: asyncio.Future[str] | None = None
        self.buffer = Buffer(multiline=False)
        prompt = BeforeInput(lambda: self._prompt, style="class:question")
        self.control = BufferControl(self.buffer, input_processors=[PasswordProcessor("*"), prompt])
        self.container = Window(self.control, height=1)

    @property
    def opened(self) -> bool:
        return self._answer is not None

    def open(self, prompt: str) -> asyncio.Future[str]:
        """Ask. What is awaited will be what was typed; nothing, if Esc was pressed."""
        self._prompt = prompt
        self._answer = asyncio.get_running_loop().create_future()
        return self._answer

    def answer(self) -> None:
        self.close(self.buffer.text)

    def close(self, text: str = "") -> None:
        if self._answer is not None and not self._answer.done():
            self._answer.set_result(text)
        self._answer = None
        self.buffer.reset()
