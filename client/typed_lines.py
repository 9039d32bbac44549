"""The lines that the user types, or that come out of a pipe: messages and commands.

A line belongs to the conversation in which Enter was pressed. A message is on the disk from that moment and
waits for no command; commands run one after the other, each in a task of its own.

Where lines come from a program (``FrontEnd.is_scripted``), a line belongs to the conversation to which the
commands before it lead. It is sent when they are done, and refused if they did not get there.
"""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager, nullcontext
from functools import partial

from chatroom.client import background
from chatroom.client.commands import table
from chatroom.client.commands.context import CommandContext
from chatroom.client.core.command_target import CommandTarget, command_target
from chatroom.client.core.outbox_sender import OutboxSender
from chatroom.client.model import apply, select
from chatroom.client.model.state import ClientNote, PendingMessage
from chatroom.client.net.connection import ConnectionLost, Refused
from chatroom.client.text.decoding import decodable
from chatroom.client.typing_notifier import TypingNotifier
from chatroom.protocol.requests import SentKind

MAX_UNFINISHED = 100
"""Lines. While more are unfinished, the rest of a long input stays in its pipe."""

NOT_PUT_BACK = frozenset({"nowhere", "usage"})
"""Refusals after which a line is not put back into the input: the user has to type another line."""

Failure = tuple[str, dict[str, object]]
"""A key of the catalogue, and the facts that fill in its text."""


class TypedLines:
    """Sends messages and runs commands in their order."""

    def __init__(
        self, context: CommandContext, outbox_sender: OutboxSender, typing_notifier: TypingNotifier
    ) -> None:
        self._context = context
        self._outbox_sender = outbox_sender
        self._typing_notifier = typing_notifier
        self._state = context.state
        self._front_end = context.front_end
        self._unfinished: set[asyncio.Task[None]] = set()  # a task for each line
        self._command_lock = asyncio.Lock()
        self._destination: str | None = ""  # where the last command leads; ``None`` if that is unknown
        self._destination_switches: int | None = None  # the user's switches when that command was entered
        self._failed_switch: Failure | None = None  # why the last command did not get there
        self._held_back = ""

    def submit_line(self, text: str) -> bool:
        """Send a message or run a command. The result is in the state or in a note.

        Return ``False`` for a line that is refused at once and that the input has to show again.
        """
        if not text.strip(" \t\r\n"):  # the server refuses other white space: it was typed on purpose
            return True
        text = decodable(text)
        if self._is_held_back(text):
            return False
        try:
            self._accept(text)
        except Exception as error:
            self.show_failure(error)
            return failure_of(error)[0] in NOT_PUT_BACK
        return True

    def show_failure(self, error: Exception) -> None:
        """Show what went wrong with a line. An unexpected exception is logged and costs only this line."""
        notes = self._context.notes
        if isinstance(error, Refused | ConnectionLost):
            notes.show_error(error)
        elif isinstance(error, table.UsageError):
            notes.show(error.key, error=True, **error.facts)
        else:
            background.log.error("a typed line failed", exc_info=error)
            notes.show_error(Refused(*failure_of(error)))

    async def wait_until_finished(self) -> None:
        """Wait until every line that was typed is done."""
        while self._unfinished:
            await asyncio.wait(self._unfinished)

    async def wait_for_room(self) -> None:
        """Wait until few lines and few messages are waiting."""
        while len(self._unfinished) >= MAX_UNFINISHED:
            await asyncio.wait(self._unfinished, return_when=asyncio.FIRST_COMPLETED)
        await self._outbox_sender.wait_for_room()

    def session_ended(self) -> None:
        """Forget where commands of this account led."""
        self._destination_switches = self._failed_switch = None

    def _accept(self, text: str) -> None:
        """Send a message or start a command. Raises what is wrong with the line."""
        name = self._conversation_of_line()
        if message := table.parse_message(text):
            self._accept_message(name, *message)
            return
        try:
            command, arguments = table.parse_command(text)
        except table.UsageError as error:
            if not self._front_end.is_scripted:
                raise
            self._start(partial(_fail, error), name)
            return
        self._accept_command(name, command, arguments)

    def _conversation_of_line(self) -> str | None:
        """Return the conversation of a line that is entered now; ``None`` if it is not known yet.

        It is the one that is shown. In a pipe, it is the one to which the last command leads, even if that
        command failed; the same on the home screen while that command is not done.
        """
        leads_from_home = (
            self._unfinished
            and not self._state.current
            and self._destination_switches == self._context.conversations.switches
        )
        if leads_from_home or (self._front_end.is_scripted and self._destination_switches is not None):
            return (
                None
                if self._destination is None
                else select.original_spelling(self._state, self._destination)
            )
        return self._state.current

    def _must_wait(self, name: str | None) -> bool:
        """Whether a line has to wait for the commands before it."""
        return bool(self._unfinished) and (self._front_end.is_scripted or name != self._state.current)

    def _accept_message(self, name: str | None, text: str, kind: SentKind) -> None:
        if name is None:
            self._start(partial(self._send_to_destination, text, kind), name)
        elif name and (self._must_wait(name) or (self._front_end.is_scripted and self._failed_switch)):
            pending = self._context.writer.compose(name, text, kind)
            self._outbox_sender.keep(pending)
            note = None
            if self._front_end.is_full_screen:
                note = self._context.notes.show("kept", conversation=name, text=text)
            self._start(partial(self._send_kept, pending, note), name)
        else:
            self._send(name, text, kind)

    def _accept_command(self, name: str | None, command: table.SlashCommand, arguments: list[str]) -> None:
        is_immediate = not self._front_end.is_scripted and not self._must_wait(name)
        try:
            destination = table.destination_of(self._context, name, command, arguments)
            is_immediate = is_immediate and table.runs_at_once(self._context, command, arguments)
        except Refused:
            destination = None
        leads_away = command.name in table.LEADING or destination != name
        self._destination = destination
        self._destination_switches = self._context.conversations.switches
        work = partial(self._run_command, command, arguments, leads_away=leads_away)
        self._start(work, name, is_immediate=is_immediate)

    def _start(
        self, work: Callable[[], Awaitable[None]], name: str | None, *, is_immediate: bool = False
    ) -> None:
        lock = nullcontext() if is_immediate else self._command_lock
        work_in_turn = self._run(work, name, self._context.conversations.switches, lock)
        task = self._context.tasks.start(work_in_turn)
        self._unfinished.add(task)
        task.add_done_callback(self._unfinished.discard)

    async def _run(
        self,
        work: Callable[[], Awaitable[None]],
        name: str | None,
        switches: int,
        lock: AbstractAsyncContextManager[None],
    ) -> None:
        """Run the work of a line that was entered in the conversation ``name``."""
        async with lock:
            target = self._state.current if name is None else select.original_spelling(self._state, name)
            command_target.set(CommandTarget(target, switches))
            try:
                await work()
                if self._front_end.is_scripted:
                    await self._context.running_save.wait()  # the next line may use the saved file
            except Exception as error:
                self.show_failure(error)

    async def _run_command(
        self, command: table.SlashCommand, arguments: list[str], *, leads_away: bool
    ) -> None:
        """Run a command. ``leads_away``: whether the user is in another conversation after it."""
        if self._front_end.is_scripted:
            await self._context.writer.wait_until_confirmed()
        try:
            await command.run(self._context, *arguments)
        except ConnectionLost:
            raise  # the session enters the conversation when it continues
        except Exception as error:
            if leads_away:
                self._failed_switch = failure_of(error)
            raise
        if leads_away:
            self._failed_switch = None

    async def _send_kept(self, pending: PendingMessage, note: ClientNote | None) -> None:
        """Send a message when the commands before it are done. ``note`` says that it waits."""
        if note is not None:
            apply.remove_note(self._state, note)
        pending.conversation = self._context.target
        if self._failed_switch is not None and not select.is_open(self._state, pending.conversation):
            self._outbox_sender.discard(pending, *self._failed_switch)
        else:
            self._outbox_sender.add_message(pending)
            self._typing_notifier.message_sent(pending.conversation)

    async def _send_to_destination(self, text: str, kind: SentKind) -> None:
        """Send a message to the conversation to which the commands before it have led. Raises ``Refused``."""
        if self._failed_switch is not None:
            pending = self._context.writer.compose("?", text, kind)
            self._outbox_sender.discard(pending, *self._failed_switch)
        else:
            self._send(self._context.target, text, kind)

    def _send(self, name: str, text: str, kind: SentKind) -> None:
        """Raises ``Refused``."""
        if not name:
            raise Refused("nowhere")
        self._context.writer.write(name, text, kind)
        self._typing_notifier.message_sent(name)

    def _is_held_back(self, text: str) -> bool:
        """Hold back a line with the password in it once: it was probably meant for another program."""
        password = self._context.session.password
        if not password or password not in text or text == self._held_back:
            self._held_back = ""
            return False
        self._held_back = text
        self._context.notes.show("held_back", error=True)
        return True


async def _fail(error: table.UsageError) -> None:
    raise error


def failure_of(error: Exception) -> Failure:
    """Return what went wrong as a key of the catalogue and its facts."""
    match error:
        case Refused(code=code, details=details):
            return code, details
        case table.UsageError(key=key, facts=facts):
            return key, facts
        case ConnectionLost():
            return "not_connected", {}
    return "internal_error", background.facts_of(error)
