"""The controller that a front end holds: ``Chat``, and what becomes of a line that was typed.

A line is a message or a command of the table in ``commands``. It belongs to the conversation in which Enter
was pressed, and a message is on the disk from that moment. A message waits for no command; commands are run
one after the other, in a task for each.

Where lines come out of a pipe (``patient``), nothing is in sight, and a line belongs to the conversation to
which the commands before it lead. It is sent when they are done, and refused if they did not get there.
"""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager, nullcontext
from functools import partial
from pathlib import Path

from chatroom.client import background
from chatroom.client.commands import completion, table
from chatroom.client.core.command_target import Target, command_target
from chatroom.client.core.conversations import Chat
from chatroom.client.core.drafts import DraftStore, holds_password
from chatroom.client.model import apply, select
from chatroom.client.model.state import ClientNote, ConnectionState, PendingMessage
from chatroom.client.net.address import ServerAddress
from chatroom.client.net.connection import ConnectionLost, Refused
from chatroom.client.net.known_servers import KnownServers
from chatroom.client.net.reconnect import Timeouts
from chatroom.client.storage.config import ClientConfig
from chatroom.client.text.decoding import decodable
from chatroom.client.typing_notifier import TypingNotifier
from chatroom.protocol.requests import SentKind

__all__ = ["App", "ConnectionLost", "Refused"]

MOST_WAITING = 100
"""Lines of a pipe that wait here; the others wait in the pipe."""

GONE = frozenset({"nowhere", "usage"})
"""Refusals after which a line is not put back into the input: the next thing to type is another line."""

DRAFTS_PAUSE = 1.0
"""Seconds. While somebody writes, the drafts are brought to the disk so often."""


class App(Chat):
    """One user's client, with a command line."""

    def __init__(
        self,
        config: ClientConfig,
        trust: KnownServers,
        outboxes: Path,
        *,
        pace: Timeouts | None = None,
        fill: bool = False,
    ) -> None:
        super().__init__(config, trust, outboxes, pace=pace, fill=fill)
        self.output_failed = False  # whether a line could not be written to standard output
        self.patient = False  # whether all that was said has its answer before a command, as scripts need it
        self._typed: set[asyncio.Task[None]] = set()  # a task for each line that is not done
        self._turn = asyncio.Lock()  # the commands hold it one after the other
        self._leading: str | None = ""  # the conversation to which the last command leads, if that is known
        self._led_at: int | None = None  # the user's turns when it was entered
        self._astray: tuple[str, dict[str, object]] | None = None  # why the last command did not get there
        self._held = ""
        self._destination = ""
        self._typist = TypingNotifier(self.ask)
        self._drafts: DraftStore | None = None  # on a screen alone one writes and goes away
        self._keeping: asyncio.Task[None] | None = None

    def head_for(self, place: ServerAddress) -> None:
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

    def submit(self, text: str) -> bool:
        """A line was typed. What comes of it, good or bad, is in the state or in a note.

        Returns ``False`` for a line that is refused at once and that the user should find in the input again.
        """
        if not text.strip(" \t\r\n"):  # other white space is the server's to refuse: it was typed on purpose
            return True
        text = decodable(text)
        if self._holds_password(text):
            return False
        try:
            self._accept(text)
        except Exception as error:
            self.tell(error)
            return reason(error)[0] in GONE
        return True

    def complete(self, text: str, cursor: int) -> list[completion.CompletionItem]:
        """What the word before the cursor could become."""
        return completion.complete_word(self.state, text, cursor)

    def composing(self, text: str) -> None:
        """This is being written where one is: it is to be kept, and others may like to know that something
        is. What has been said, or taken back, must not come back as a draft, so that is not put off.
        """
        if not text:
            self._keep_drafts()
        elif self._keeping is None or self._keeping.done():
            self._keeping = self.spawn(self._keep_drafts_soon())
        one = select.current_conversation(self.state)
        wanted = self.config.typing == "on" and self.state.link is ConnectionState.LOGGED_IN
        if one is not None and wanted and self._typist.is_due(one, text):
            self.spawn(self._typist.send_typing(one.name))

    async def settled(self) -> None:
        """Wait until every line is dealt with, what was said has its answer, and nothing is missing."""
        await self.dealt_with()
        await super().settled()

    async def dealt_with(self) -> None:
        """Wait until no line that was typed waits any more."""
        while self._typed:
            await asyncio.wait(self._typed)

    async def has_room(self) -> None:
        """Wait until few lines wait: the rest of a long input stays in its pipe."""
        while len(self._typed) >= MOST_WAITING:
            await asyncio.wait(self._typed, return_when=asyncio.FIRST_COMPLETED)
        if self._courier is not None:
            await self._courier.has_room()

    def tell(self, error: Exception) -> None:
        """Tell the user what went wrong. A mistake of ours is logged as well, and costs only this line."""
        if isinstance(error, Refused | ConnectionLost):
            self.note_error(error)
        elif isinstance(error, table.UsageError):
            self.note(error.key, error=True, **error.facts)
        else:
            background.log.error("a typed line failed", exc_info=error)
            self.note_error(Refused(*reason(error)))

    async def close(self) -> None:
        self._keep_drafts()
        await super().close()

    def _forget(self) -> None:
        self._keep_drafts()
        self._drafts = self._led_at = self._astray = None
        super()._forget()

    # Typed lines

    def _accept(self, text: str) -> None:
        """Send a message or start a command. Raises what speaks against it from the beginning."""
        here = self._here()
        if said := table.spoken(text):
            self._accept_message(here, *said)
            return
        try:
            command, arguments = table.parse_command(text)
        except table.UsageError as error:
            if not self.patient:
                raise
            self._start(partial(_fail, error), here)
            return
        self._accept_command(here, command, arguments)

    def _here(self) -> str | None:
        """The conversation of a line that is entered now; ``None`` if the commands before it have to tell.

        It is the one in sight. In a pipe, it is the one to which the last command leads, also if that has
        failed; on the home screen, while the command is not done.
        """
        nowhere = self._typed and not self.state.current and self._led_at == self._turns
        if nowhere or (self.patient and self._led_at is not None):
            return None if self._leading is None else select.original_spelling(self.state, self._leading)
        return self.state.current

    def _waits(self, here: str | None) -> bool:
        """Whether a line has to wait for the commands before it."""
        return bool(self._typed) and (self.patient or here != self.state.current)

    def _accept_message(self, here: str | None, text: str, kind: SentKind) -> None:
        if here is None:
            self._start(partial(self._say_behind, text, kind), here)
        elif here and (self._waits(here) or (self.patient and self._astray)):
            pending = self.compose(here, text, kind)
            self.keep(pending)
            note = self.note("kept", conversation=here, text=text) if self.on_screen else None
            self._start(partial(self._send_kept, pending, note), here)
        else:
            self._say(here, text, kind)

    def _accept_command(self, here: str | None, command: table.SlashCommand, arguments: list[str]) -> None:
        at_once = not self.patient and not self._waits(here)
        try:
            leading = table.leads_to(self, here, command, arguments)
            at_once = at_once and table.is_at_once(self, command, arguments)
        except Refused:
            leading = None
        leads = command.name in table.LEADING or leading != here
        self._leading, self._led_at = leading, self._turns
        self._start(partial(self._run, command, arguments, leads=leads), here, at_once=at_once)

    def _start(self, work: Callable[[], Awaitable[None]], here: str | None, *, at_once: bool = False) -> None:
        task = self.spawn(self._deal(work, here, self._turns, nullcontext() if at_once else self._turn))
        self._typed.add(task)
        task.add_done_callback(self._typed.discard)

    async def _deal(
        self,
        work: Callable[[], Awaitable[None]],
        here: str | None,
        turns: int,
        turn: AbstractAsyncContextManager[None],
    ) -> None:
        """Deal with a line that was entered ``here``, when it is its turn."""
        async with turn:
            name = self.state.current if here is None else select.original_spelling(self.state, here)
            command_target.set(Target(name, turns))
            try:
                await work()
                if self.patient:
                    await self.saved()  # a script has what it saves before the next line is dealt with
            except Exception as error:
                self.tell(error)

    async def _run(self, command: table.SlashCommand, arguments: list[str], *, leads: bool) -> None:
        """Run a command. ``leads``: whether the user is in another conversation after it."""
        if self.patient:
            await self._confirmed()
        try:
            await command.run(self, *arguments)
        except ConnectionLost:
            raise  # what was to be entered is entered when the connection is back
        except Exception as error:
            if leads:
                self._astray = reason(error)
            raise
        if leads:
            self._astray = None

    async def _send_kept(self, pending: PendingMessage, note: ClientNote | None) -> None:
        """The commands before this message are done. ``note`` has stood for it on the home screen."""
        if note is not None:
            apply.remove_note(self.state, note)
        pending.conversation = self.here
        if self._astray is not None and not select.is_open(self.state, pending.conversation):
            self.forget(pending, *self._astray)
        else:
            self.send(pending)
            self._typist.message_sent(pending.conversation)

    async def _say_behind(self, text: str, kind: SentKind) -> None:
        """Say something where the commands before it have led. Raises ``Refused``."""
        if self._astray is not None:
            self.forget(self.compose("?", text, kind), *self._astray)
        else:
            self._say(self.here, text, kind)

    def _say(self, here: str, text: str, kind: SentKind) -> None:
        """Raises ``Refused``."""
        if not here:
            raise Refused("nowhere")
        self.write(here, text, kind)
        self._typist.message_sent(here)

    def _holds_password(self, text: str) -> bool:
        """A line with the password in it is held back once: it was probably meant for somewhere else."""
        if not self._password or self._password not in text or text == self._held:
            self._held = ""
            return False
        self._held = text
        self.note("held_back", error=True)
        return True

    def _load_drafts(self) -> None:
        self._drafts = DraftStore(self._outboxes, self.state.username, self.state.server, self.config.notices)
        for name, text in self._drafts.load_drafts().items():
            if name in self.state.conversations:
                apply.set_draft(self.state, name, text)

    def _keep_drafts(self) -> None:
        if self._drafts is not None:
            drafts = {one.name: one.draft for one in self.state.conversations.values()}
            secret = {name: "" for name, text in drafts.items() if holds_password(text, self._password)}
            self._drafts.save_drafts(drafts | secret)

    async def _keep_drafts_soon(self) -> None:
        await asyncio.sleep(DRAFTS_PAUSE)
        self._keep_drafts()


async def _fail(error: table.UsageError) -> None:
    raise error


def reason(error: Exception) -> tuple[str, dict[str, object]]:
    """What went wrong as a key of the catalogue, and the facts that fill it in."""
    match error:
        case Refused(code=code, details=details):
            return code, details
        case table.UsageError(key=key, facts=facts):
            return key, facts
        case ConnectionLost():
            return "not_connected", {}
    return "internal_error", background.facts_of(error)
