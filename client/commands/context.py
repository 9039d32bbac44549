"""What a command works with: its first parameter."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field

from chatroom.client.core.command_target import target_name
from chatroom.client.core.conversations import Conversations
from chatroom.client.core.front_end import FrontEnd
from chatroom.client.core.history import HistoryPager
from chatroom.client.core.message_writer import MessageWriter
from chatroom.client.core.notes import Notes
from chatroom.client.core.preferences import UserPreferences
from chatroom.client.core.prompts import UserPrompts
from chatroom.client.core.requester import Requester
from chatroom.client.core.session import Session
from chatroom.client.core.tasks import GuardedTasks
from chatroom.client.model import select
from chatroom.client.model.state import ClientState
from chatroom.client.storage.config import ClientConfig
from chatroom.protocol.values import Message


class RunningSave:
    """The task of ``/save``, if one runs."""

    def __init__(self) -> None:
        self.task: asyncio.Task[None] | None = None

    def cancel(self) -> None:
        if self.task is not None:
            self.task.cancel()
            self.task = None

    async def wait(self) -> None:
        """Wait until no task runs. Cancelling the wait does not cancel the task."""
        if self.task is not None:
            await asyncio.wait([self.task])


@dataclass(frozen=True)
class CommandContext:
    """The parts of the client that commands use. ``quit`` ends the client."""

    state: ClientState
    config: ClientConfig
    front_end: FrontEnd
    notes: Notes
    prompts: UserPrompts
    tasks: GuardedTasks
    requests: Requester
    session: Session
    conversations: Conversations
    history: HistoryPager
    writer: MessageWriter
    preferences: UserPreferences
    quit: Callable[[], None]
    running_save: RunningSave = field(default_factory=RunningSave)
    search_results: list[Message] = field(default_factory=list)
    """What the last ``/search`` found, the newest first."""

    @property
    def target(self) -> str:
        """The conversation that the command is about; "" for the home screen."""
        return select.original_spelling(self.state, target_name(self.state))
