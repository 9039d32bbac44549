"""The controller that a front end holds: ``Chat``, and what becomes of a line that somebody typed.

A line is a command of the table in ``commands`` or something to say where one is. Lines are dealt with one
after the other, so that ``/join lab`` and a greeting behind it come in this order also when they come out of
a pipe.
"""

import asyncio
from pathlib import Path

from client import commands, completion
from client.address import Address
from client.chat import Chat
from client.config import Config
from client.connection import Lost, Refused
from client.drafts import Drafts, is_secret
from client.link import Pace
from client.model import apply, select
from client.model.state import Link
from client.trust import Trust
from client.typist import Typist

__all__ = ["App", "Lost", "Refused"]

DRAFTS_PAUSE = 1.0
"""Seconds. While somebody writes, the drafts are brought to the disk so often."""


class App(Chat):
    """One user's client, with a command line."""

    def __init__(
        self, config: Config, trust: Trust, outboxes: Path, *, pace: Pace | None = None, fill: bool = False
    ) -> None:
        super().__init__(config, trust, outboxes, pace=pace, fill=fill)
        self.patient = False  # whether all that was said has its answer before a command, as scripts need it
        self._lines: asyncio.Queue[str] = asyncio.Queue()
        self._reader: asyncio.Task[None] | None = None
        self._held = ""
        self._destination = ""
        self._typist = Typist(self.ask)
        self._drafts: Drafts | None = None  # on a screen alone one writes and goes away
        self._keeping: asyncio.Task[None] | None = None

    def head_for(self, place: Address) -> None:
        """What the form is to propose, and the conversation to enter once somebody is logged in.

        Raises ``Refused`` if an invitation contradicts what is known of the server.
        """
        self.heed(place)
        self.state.server = place.server
        self.config.username = place.username or self.config.username
        self._destination = place.conversation or self._destination

    async def login(self, username: str, password: str) -> None:
        await super().login(username, password)
        if self.on_screen:
            self._load_drafts()
        if self._destination:
            verb = "query" if self._destination.startswith("@") else "join"
            self.submit(f"/{verb} {self._destination}")
            self._destination = ""

    def submit(self, text: str) -> None:
        """A line was typed. Whatever comes of it, good or bad, is in the state or in a note."""
        if not text.strip(" \t\r\n"):  # other white space is the server's to refuse: somebody meant something
            return
        if self._holds_password(text):
            return
        self._lines.put_nowait(text)
        if self._reader is None:
            self._reader = self.spawn(self._read())

    def complete(self, text: str, cursor: int) -> list[completion.Completion]:
        """What the word before the cursor could become."""
        return completion.complete(self.state, text, cursor)

    def composing(self, text: str) -> None:
        """This is being written where one is: it is to be kept, and others may like to know that something
        is. What has been said, or taken back, must not come back as a draft, so that is not put off.
        """
        if not text:
            self._keep_drafts()
        elif self._keeping is None or self._keeping.done():
            self._keeping = self.spawn(self._keep_drafts_soon())
        one = select.current(self.state)
        wanted = self.config.typing == "on" and self.state.link is Link.LOGGED_IN
        if one is not None and wanted and self._typist.is_due(one, text):
            self.spawn(self._typist.tell(one.name))

    async def settled(self) -> None:
        """Wait until every line is dealt with, what was said has its answer, and nothing is missing."""
        await self.dealt_with()
        await super().settled()

    async def dealt_with(self) -> None:
        """Wait until no line that was typed waits any more."""
        await self._lines.join()

    async def close(self) -> None:
        self._reader = None
        self._keep_drafts()
        await super().close()

    def _forget(self) -> None:
        self._keep_drafts()
        self._drafts = None
        super()._forget()

    async def _read(self) -> None:
        while True:
            text = await self._lines.get()
            try:
                await self._do(text)
                if self.patient:  # and what is to be saved is saved before the next line
                    await self.saved()
            except (Lost, Refused) as error:
                self.note_error(error)
            except commands.Wrong as error:
                self.note(error.key, error=True, **error.facts)
            finally:
                self._lines.task_done()

    async def _do(self, text: str) -> None:
        if commands.is_command(text):
            command, arguments = commands.parse(text)
            if self.patient:
                await self._confirmed()
            await command.run(self, *arguments)
        elif not self.state.current:
            raise Refused("nowhere")
        else:
            self._say(text)

    def _say(self, text: str) -> None:
        """Say it where one is. Raises ``Refused`` if it cannot be said; then it is in the input again."""
        try:
            self.write(self.state.current, commands.unescaped(text))
        except Refused:
            self._put_back(text)
            raise
        self._typist.said(self.state.current)

    def _holds_password(self, text: str) -> bool:
        """A line with the password in it is held back once: it was probably meant for somewhere else."""
        if not self._password or self._password not in text or text == self._held:
            self._held = ""
            return False
        self._held = text
        self._put_back(text)
        self.note("held_back", error=True)
        return True

    def _load_drafts(self) -> None:
        self._drafts = Drafts(self._outboxes, self.state.username, self.state.server, self.config.notices)
        for name, text in self._drafts.load().items():
            if name in self.state.conversations:
                apply.drafted(self.state, name, text)

    def _keep_drafts(self) -> None:
        if self._drafts is not None:
            drafts = {one.name: one.draft for one in self.state.conversations.values()}
            secret = {name: "" for name, text in drafts.items() if is_secret(text, self._password)}
            self._drafts.keep(drafts | secret)

    async def _keep_drafts_soon(self) -> None:
        await asyncio.sleep(DRAFTS_PAUSE)
        self._keep_drafts()

    def _put_back(self, text: str) -> None:
        """Into the input, unless something else is being written there by now."""
        one = select.current(self.state)
        if one is not None and not one.draft:
            apply.drafted(self.state, one.name, text)
