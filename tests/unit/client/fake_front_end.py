"""A front end that records what the client shows, and gives the answers of the test."""

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path

from chatroom.client.app import App
from chatroom.client.core.front_end import FrontEnd
from chatroom.client.model.state import ClientNote, PendingMessage
from chatroom.client.net.connection import Refused
from chatroom.protocol import events, responses

Frame = responses.AnyResponse | events.AnyEvent


class FakeFrontEnd:
    """``relay_to`` is a real front end that gets every call as well, once a test has set it."""

    def __init__(self, *, is_full_screen: bool = False, is_scripted: bool = False) -> None:
        self.is_full_screen = is_full_screen
        self.is_scripted = is_scripted
        self.changed = asyncio.Event()
        self.notes: list[ClientNote] = []
        self.edited: list[Path] = []
        self.copied: list[str] = []
        self.renamed: list[tuple[str, str]] = []
        self.refused: list[PendingMessage] = []
        self.sought: list[tuple[str, int]] = []
        self.scrolls = False
        self.shows_refused = False
        self.handle_frame: Callable[[Frame], None] = lambda frame: None
        self.answer_password: Callable[[str, dict[str, object]], Awaitable[str]] = _refuse_to_answer
        self.answer_question: Callable[[str], Awaitable[bool | None]] = _cannot_ask
        self.relay_to: FrontEnd | None = None

    def state_changed(self) -> None:
        self.changed.set()
        if self.relay_to is not None:
            self.relay_to.state_changed()

    def show_note(self, note: ClientNote) -> None:
        self.notes.append(note)
        if self.relay_to is not None:
            self.relay_to.show_note(note)

    def show_frame(self, frame: Frame) -> None:
        self.handle_frame(frame)

    def room_renamed(self, former: str, name: str) -> None:
        self.renamed.append((former, name))

    def show_refused(self, pending: PendingMessage) -> bool:
        self.refused.append(pending)
        return self.shows_refused

    def seek(self, name: str, seq: int) -> bool:
        self.sought.append((name, seq))
        return self.scrolls

    async def ask_password(self, key: str, facts: dict[str, object]) -> str:
        if self.relay_to is not None:
            return await self.relay_to.ask_password(key, facts)
        return await self.answer_password(key, facts)

    async def confirm(self, question: str) -> bool | None:
        if self.relay_to is not None:
            return await self.relay_to.confirm(question)
        return await self.answer_question(question)

    def copy_text(self, text: str) -> bool:
        self.copied.append(text)
        return self.relay_to.copy_text(text) if self.relay_to is not None else self.is_full_screen

    async def edit_file(self, path: Path) -> bool:
        self.edited.append(path)
        return True


async def _refuse_to_answer(key: str, facts: dict[str, object]) -> str:
    raise Refused("cancelled")


async def _cannot_ask(question: str) -> bool | None:
    return None


def front_end_of(app: App) -> FakeFrontEnd:
    """Return the fake front end of a client that a test has made."""
    assert isinstance(app.front_end, FakeFrontEnd)
    return app.front_end
